"""The fields of series and entries in documents, and as types of the model. Pure: no I/O."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bson import Int64

from monotron.model.series import Entry, LedgerEntry, SeriesHead, SeriesKey
from monotron.store.mongo.client import Document


class NewEntry(NamedTuple):
    """An entry of the ledger. An advance has the token None."""

    value: int
    token: str | None
    assigned_by: str


class Change(NamedTuple):
    """Replaces the head that was seen by a new one, and adds entries to the ledger."""

    series: SeriesKey
    seen: SeriesHead
    new: SeriesHead
    entries: Sequence[NewEntry] = ()


def rows_of(changes: Sequence[Change], now: int) -> list[Document]:
    """Return the documents of the new entries, created at *now* (milliseconds)."""
    return [
        {
            **where(change.series),
            "generation": Int64(change.new.generation),
            "value": Int64(entry.value),
            "token": entry.token,
            "created_at": Int64(now),
            "assigned_by": entry.assigned_by,
        }
        for change in changes
        for entry in change.entries
    ]


def identity_of(head: SeriesHead) -> Document:
    """Return the fields by which a head is compared before it is replaced."""
    return {"generation": Int64(head.generation), "value": Int64(head.value), "token": head.token}


def fields_of(head: SeriesHead, now: int) -> Document:
    """Return the fields of a head that was written at *now* (milliseconds)."""
    return {**identity_of(head), "active": head.active, "updated_at": Int64(now)}


def where(series: SeriesKey) -> Document:
    """Return the fields that identify a series in all collections."""
    return {"account": series.account, "key": series.key}


def series_of(row: Document) -> SeriesKey:
    """Return the series that a document belongs to."""
    return SeriesKey(int(row["account"]), row["key"])


def head_of(row: Document) -> SeriesHead:
    """Return the content of a document of `series`."""
    return SeriesHead(int(row["generation"]), int(row["value"]), row["token"], row["active"])


def entry_of(series: SeriesKey, head: SeriesHead) -> Entry | None:
    """Return the current entry, or None if the series does not exist."""
    return Entry(*series, head.token, head.value) if head.active else None


def ledger_entry_of(row: Document) -> LedgerEntry:
    """Return the content of a document of `entries`."""
    entry = Entry(*series_of(row), row["token"], int(row["value"]))
    return LedgerEntry(entry, int(row["created_at"]), row["assigned_by"])


def heads_of(keys: Iterable[SeriesKey], rows: Iterable[Document]) -> dict[SeriesKey, SeriesHead]:
    """Return the head of each of these series."""
    found = {series_of(row): head_of(row) for row in rows}
    return {series: found.get(series, SeriesHead()) for series in keys}
