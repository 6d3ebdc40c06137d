"""Reads a whole MongoDB database in slices. A slice is one committed read of a few documents."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from bson import Timestamp
from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from semver import Version

from monotron.model.series import SeriesKey
from monotron.store.fast_forward import KnownLines
from monotron.store.mongo.client import Document
from monotron.store.mongo.deadline import Deadlines
from monotron.store.mongo.reads import collection
from monotron.store.mongo.series import where
from monotron.store.mongo.transactions import Transactions

HEADS_PER_SLICE = 100
ROWS_PER_SLICE = 1000

KEY = {"_id": 0, "account": 1, "key": 1}
"""The projection to the fields that identify a series."""

Documents: TypeAlias = "Collection[Document]"


class CollectionScan:
    """The collections of a database, and committed reads of them in order."""

    def __init__(
        self, database: "Database[Document]", transactions: Transactions, deadlines: Deadlines
    ) -> None:
        self._transactions = transactions
        self._deadlines = deadlines
        self.heads, self.entries, self.attributes, self.releases = (
            collection(database, name) for name in ("series", "entries", "attributes", "releases")
        )

    def accounts(self) -> list[Any]:
        """Return all accounts that have documents, in order."""
        collections = (self.heads, self.entries, self.attributes)
        return sorted(
            {account for documents in collections for account in self._distinct(documents)}, key=str
        )

    def _distinct(self, documents: Documents) -> list[Any]:
        return self._deadlines.start().persist(lambda: documents.distinct("account"))

    def lines_and_series(self) -> tuple[KnownLines, list[SeriesKey]]:
        """Return the names that have versions, and the keys of all series."""
        lines = KnownLines()
        for rows, _ in self.pages(self.releases, ("account", "name", "sort_key")):
            for row in rows:
                version = Version.parse(row["version"])
                lines.add_release(row["account"], row["name"], version.major, version.minor)
        keys = []
        for rows, _ in self.pages(self.heads, ("account", "key"), KEY):
            keys += [SeriesKey(int(row["account"]), row["key"]) for row in rows]
        for series in keys:
            lines.add_series(*series)
        return lines, keys

    def pages(
        self, documents: Documents, order: Sequence[str], fields: Document | None = None
    ) -> Iterator[tuple[list[Document], Timestamp | None]]:
        """Yield all documents in the order of an index, with the time of each read.

        Documents with equal values of *order* are in the same page.
        """
        after: list[Any] = []
        while True:
            conditions = [
                dict(zip(order, after[:depth], strict=False))
                | {order[depth]: _sorts_after(after[depth])}
                for depth in reversed(range(len(after)))
            ]
            condition: Document = {"$or": conditions} if conditions else {}
            in_order = [(field, ASCENDING) for field in order]
            rows, seen_at = self.find(documents, condition, in_order, ROWS_PER_SLICE, None, fields)
            if len(rows) == ROWS_PER_SLICE:
                last = [rows[-1][field] for field in order]
                # Documents with equal values stay together, so that duplicates are adjacent.
                while len(rows) > 1 and [rows[-1][field] for field in order] == last:
                    rows.pop()
                after = [rows[-1][field] for field in order]
                yield rows, seen_at
            else:
                yield rows, seen_at
                return

    def read_heads(
        self, keys: Sequence[SeriesKey], now: Timestamp | None = None
    ) -> dict[SeriesKey, Document]:
        """Return the heads of these series, not older than *now*."""
        heads: dict[SeriesKey, Document] = {}
        requested = list(dict.fromkeys(keys))
        for start in range(0, len(requested), HEADS_PER_SLICE):
            conditions = [where(series) for series in requested[start : start + HEADS_PER_SLICE]]
            rows, _ = self.find(self.heads, {"$or": conditions}, None, 0, now)
            heads |= {SeriesKey(row["account"], row["key"]): row for row in rows}
        return heads

    def find(
        self,
        documents: Documents,
        condition: Document,
        order: list[tuple[str, int]] | None,
        limit: int,
        now: Timestamp | None = None,
        fields: Document | None = None,
    ) -> tuple[list[Document], Timestamp | None]:
        """Return committed documents, not older than *now*, and the time of the read."""

        def read(session: ClientSession) -> list[Document]:
            cursor = documents.find(condition, fields, limit=limit, session=session)
            return list(cursor if order is None else cursor.sort(order))

        return self._transactions.read(read, self._deadlines.start()), None


def _sorts_after(value: Any) -> Document:
    """Match values that sort after *value*. Null sorts first, and `$gt` does not compare it."""
    return {"$ne": None} if value is None else {"$gt": value}
