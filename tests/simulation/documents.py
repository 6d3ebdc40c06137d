"""The collections of a simulated MongoDB: versions of documents, unique indexes and filters.

All versions of a document are kept, so that a read can be answered as of any earlier write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

Document = dict[str, Any]
Owner = tuple[int, str]
"""The account and the key or name, which every filter contains: on a cluster, the shard key."""

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": gt,
    "$gte": ge,
    "$lt": lt,
    "$lte": le,
    "$ne": ne,
    "$in": lambda actual, values: actual in values,
    "$eq": eq,
    "$type": lambda actual, name: isinstance(actual, {"string": str}[name]),
    "$exists": lambda actual, exists: (actual is not None) == exists,
}
ORDERED = {"$gt", "$gte", "$lt", "$lte"}


class Versions:
    """A document and its history."""

    __slots__ = ("history", "writer")

    def __init__(self) -> None:
        self.history: list[tuple[int, Document | None]] = []
        """The index of each write, and its document. None: deleted."""
        self.writer: object = None
        """The open transaction that wrote the document."""

    @property
    def last_index(self) -> int:
        """The index of the last write, or -1."""
        return self.history[-1][0] if self.history else -1

    def at(self, view: int) -> Document | None:
        """Return the document as of the write *view*."""
        for index, document in reversed(self.history):
            if index <= view:
                return document
        return None

    @property
    def latest(self) -> Document | None:
        return self.history[-1][1] if self.history else None


class Table:
    """A collection. Its documents are identified by a unique index."""

    def __init__(
        self,
        *fields: str,
        owner: str = "key",
        tokens: tuple[str, ...] | None = None,
        unique: Mapping[str, Table] | None = None,
        of_accounts: bool = True,
    ) -> None:
        """*fields*: the fields of the unique index after account and *owner*.

        *tokens*: the fields of the index of tokens between these and the token. *unique*: the
        entries of each other unique index, which contains only documents with this field.
        *of_accounts*: whether the unique index begins with the account.
        """
        self._fields = fields
        self._owner = owner
        self._tokens = tokens
        self._unique = unique or {}
        self._of_accounts = of_accounts
        self.documents: dict[Owner, dict[tuple[Any, ...], Versions]] = {}
        self._by_token: dict[tuple[Any, ...], dict[Versions, None]] = {}

    def unique_indexes(self, document: Mapping[str, Any]) -> list[Table]:
        """Return the tables that contain an entry for the document: this one, and its indexes."""
        indexes = self._unique.items()
        return [self, *(table for field, table in indexes if document.get(field) is not None)]

    def identity(self, document: Mapping[str, Any]) -> Versions:
        """Return the versions of all documents with this document's unique key."""
        documents = self.documents.setdefault(self._name(document), {})
        key = tuple([document[field] for field in self._fields])
        versions = documents.get(key)
        if versions is None:
            versions = documents[key] = Versions()
        return versions

    def index(self, document: Mapping[str, Any], versions: Versions) -> None:
        """Add a document to the index of tokens. Its versions are never removed from it."""
        if self._tokens is not None:
            fields = [document[field] for field in self._tokens]
            key = (*self._name(document), *fields, document["token"])
            self._by_token.setdefault(key, {})[versions] = None

    def candidates(self, condition: Mapping[str, Any]) -> Iterator[Versions]:
        """Yield all documents that may match the filter."""
        for each in condition.get("$or", (condition,)):
            owner = each[self._owner]
            if self._is_by_token(each):
                yield from self._of_tokens(each)
            elif isinstance(owner, dict) and "$in" in owner:
                for value in owner["$in"]:
                    name = self._name({**each, self._owner: value})
                    yield from self.documents.get(name, {}).values()
            elif isinstance(owner, dict):  # a page of series
                for (account, _), documents in self.documents.items():
                    if account == each["account"]:
                        yield from documents.values()
            else:
                yield from self.documents.get(self._name(each), {}).values()

    def _is_by_token(self, condition: Mapping[str, Any]) -> bool:
        if self._tokens is None or "token" not in condition:
            return False
        return not any(isinstance(condition[field], dict) for field in self._tokens)

    def _of_tokens(self, condition: Mapping[str, Any]) -> Iterator[Versions]:
        assert self._tokens is not None
        token = condition["token"]
        fields = [condition[field] for field in self._tokens]
        for each in token["$in"] if isinstance(token, dict) else (token,):
            yield from self._by_token.get((*self._name(condition), *fields, each), ())

    def _name(self, document: Mapping[str, Any]) -> Owner:
        return document["account"] if self._of_accounts else 0, document[self._owner]


def matches(document: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Return whether the filter matches. Operators that are not simulated raise `KeyError`."""
    for name, wanted in condition.items():
        if name == "$or":
            if not any(matches(document, each) for each in wanted):
                return False
        elif isinstance(wanted, dict):
            actual = _field(document, name)
            for operator, value in wanted.items():
                if actual is None and operator in ORDERED:
                    return False
                if not COMPARISONS[operator](actual, value):
                    return False
        elif _field(document, name) != wanted:
            return False
    return True


def _field(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def in_order(
    documents: Iterable[Document], order: Sequence[tuple[str, int]], limit: int
) -> list[Document]:
    """Return the documents sorted by fields, at most *limit* of them (0: all)."""
    result = list(documents)
    for field, direction in reversed(order):
        result.sort(key=lambda document: document[field], reverse=direction < 0)
    return result[:limit] if limit else result
