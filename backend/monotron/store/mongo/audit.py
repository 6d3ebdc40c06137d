"""The audit of a MongoDB database, in slices.

A slice is one transaction. It reads the documents that it compares in one snapshot, so concurrent
writes do not cause contradictions. Only the entry before the first one of a slice was read earlier.
Entries up to the head do not change during a generation.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.model.series import SeriesKey
from monotron.store.audit import AuditSlice, Requirement, SeriesState, gap, series_finding
from monotron.store.mongo.audit_versions import VersionAudit
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import any_of, collection
from monotron.store.mongo.scan import Documents, Page, pages, values_of
from monotron.store.mongo.series_fields import where
from monotron.store.mongo.transactions import Transactions

HEADS_PER_SLICE = 100
"""Fewer than `ROWS_PER_PAGE`, because each of them may need another read."""

SERIES = ("account", "key")
LEDGER = (*SERIES, "generation")
ENTRY = (*LEDGER, "value")


class MongoAudit:
    """The checks of MongoDB. `monotron.store.audit` has the checks and texts of all stores."""

    def __init__(self, database: "Database[Document]", transactions: Transactions) -> None:
        self._transactions = transactions
        self._heads, self._entries, self._attributes = (
            collection(database, name) for name in ("series", "entries", "attributes")
        )
        self._versions = VersionAudit(database, transactions, self._states)

    def run(self) -> Iterator[AuditSlice]:
        """Audit the whole database."""
        read = partial(pages, self._transactions)
        yield from read(self._heads, SERIES, self._check_heads, size=HEADS_PER_SLICE)
        yield from read(self._entries, ENTRY, self._check_entries)
        yield from read(self._attributes, SERIES, self._check_attributes, fields=())
        yield from self._versions.run()

    def _check_heads(self, page: Page, session: ClientSession) -> AuditSlice:
        """Check heads, and compare each with the entry of its value."""
        findings: list[str] = []
        existing: list[Document] = []
        for before, head in page:
            is_duplicate = values_of(before, SERIES) == values_of(head, SERIES)
            wrong = "has two heads" if is_duplicate else _head_contradiction(head)
            if wrong:
                findings.append(series_finding(*_series(head), wrong))
            elif head["active"]:
                existing.append(head)
        conditions = [{field: head[field] for field in ENTRY} for head in existing]
        last_rows = {_ledger(row): row for row in self._find(self._entries, conditions, session)}
        for head in existing:
            last_row = last_rows.get(_ledger(head)) or self._end_of_ledger(head, -1, session)
            wrong = _end_contradiction(head, last_row)
            findings += [series_finding(*_series(head), wrong)] if wrong else []
        return AuditSlice(tuple(findings), series=sum(bool(head.get("active")) for _, head in page))

    def _check_entries(self, page: Page, session: ClientSession) -> AuditSlice:
        """Compare each entry with the one before it. Those of old generations are ignored."""
        heads = self._heads_of((_series(row) for _, row in page), session)
        existing = {_ledger(head): head for head in heads.values() if _exists(head)}
        findings = _without_head(page, heads, "entries")
        above: dict[SeriesKey, str] = {}
        entries = 0
        for before, row in page:
            head = existing.get(_ledger(row))
            if head is None:
                continue
            entries += 1
            value, last = row.get("value"), head["value"]
            if isinstance(value, Int64) and value > last:
                above[_series(row)] = f"is at {last}, but its ledger has an entry for {value}"
                continue
            wrong = _row_contradiction(before if _ledger(before) == _ledger(row) else {}, row)
            findings += [series_finding(*_series(row), wrong)] if wrong else []
        findings += [series_finding(*series, wrong) for series, wrong in above.items()]
        return AuditSlice(tuple(findings), entries=entries)

    def _check_attributes(self, page: Page, session: ClientSession) -> AuditSlice:
        heads = self._heads_of((_series(row) for _, row in page), session)
        return AuditSlice(tuple(_without_head(page, heads, "attributes")))

    def _states(
        self, requirements: Sequence[Requirement], session: ClientSession
    ) -> dict[SeriesKey, SeriesState]:
        """The states of the component series of releases."""
        heads = self._heads_of((requirement.series for requirement in requirements), session)
        in_order = sorted(requirements, key=lambda requirement: requirement.number)
        highest = {requirement.series: requirement.number for requirement in in_order}
        return {
            series: self._state(head, highest[series], session) for series, head in heads.items()
        }

    def _state(self, head: Document, highest: int, session: ClientSession) -> SeriesState:
        """Return the state of a series, with the time of its first entry if it is below *highest*.

        A damaged series, which is another finding, counts as deleted.
        """
        if not _exists(head):
            return SeriesState(0, is_active=False, since=None)
        first = self._end_of_ledger(head, 1, session) if head["value"] < highest else None
        since = first["created_at"] if first else None
        return SeriesState(int(head["value"]), is_active=True, since=since)

    def _heads_of(
        self, series: Iterable[SeriesKey], session: ClientSession
    ) -> dict[SeriesKey, Document]:
        """Read the heads of these series."""
        conditions = [where(each) for each in dict.fromkeys(series)]
        return {_series(head): head for head in self._find(self._heads, conditions, session)}

    def _find(
        self, documents: Documents, conditions: list[Document], session: ClientSession
    ) -> list[Document]:
        return list(documents.find(any_of(conditions), session=session)) if conditions else []

    def _end_of_ledger(
        self, head: Document, direction: int, session: ClientSession
    ) -> Document | None:
        """Read the first entry of the ledger, or the last one if *direction* is -1."""
        ledger = {field: head[field] for field in LEDGER}
        return self._entries.find_one(ledger, sort=[("value", direction)], session=session)


def _without_head(page: Page, heads: Container[SeriesKey], content: str) -> list[str]:
    """The findings about series that have no head. Heads are never removed."""
    return [
        series_finding(*series, f"has {content}, and no head")
        for series in dict.fromkeys(_series(row) for _, row in page)
        if series not in heads
    ]


def _head_contradiction(head: Document) -> str | None:
    """The contradiction within a head, or None."""
    value, token = head.get("value"), head.get("token")
    if not isinstance(value, Int64) or value < 0:
        return f"is at {value!r} ({type(value).__name__}), which is not a 64-bit integer"
    if not isinstance(head.get("generation"), Int64) or not isinstance(head.get("active"), bool):
        return "has a head without a generation or a state"
    if not head["active"] and token is not None:
        return "is deleted, but has a current token"
    return None


def _end_contradiction(head: Document, row: Document | None) -> str | None:
    """The contradiction between a head and the last row of its ledger, or None."""
    value, token = head["value"], head.get("token")
    if row is None:
        return f"is at {value}, but its ledger is empty"
    if row.get("value") != value:
        return f"is at {value}, but its ledger ends with {row.get('value')}"
    if row.get("token") != token:
        return (
            f"has the current token {token!r}, but its ledger has {row.get('token')!r} for {value}"
        )
    return None


def _row_contradiction(before: Document, row: Document) -> str | None:
    """The contradiction between a row and the one before it in its ledger, or None."""
    value, token, last = row.get("value"), row.get("token"), before.get("value")
    if not isinstance(value, Int64) or value < 1:
        kind = type(value).__name__
        return f"has an entry with {value!r} ({kind}), which is not a 64-bit integer"
    if not isinstance(token, str | None):
        return f"has an entry for {value} whose token is not a string"
    if not isinstance(last, int):
        return None  # the first row, or the one before it was reported
    if value == last:
        return f"has two entries for {value}"
    return gap(last, value) if value > last + 1 and token is not None else None


def _series(row: Document) -> SeriesKey:
    return SeriesKey(row["account"], row["key"])


def _ledger(row: Document) -> tuple[Any, ...]:
    return values_of(row, LEDGER)


def _exists(head: Document) -> bool:
    return _head_contradiction(head) is None and bool(head["active"])
