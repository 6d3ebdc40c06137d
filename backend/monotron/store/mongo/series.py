"""The documents of series: one head per series in `series`, and its ledger in `entries`.

Guarantees rest on the unique indexes of both collections, and on the filter by which a head is
replaced. docs/how-it-works.md explains them. User text is always a value, never a field name.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo import collection as driver
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from monotron.model.allocation import AllocationRequest
from monotron.model.component_keys import name_of_first_key
from monotron.model.series import Entry, LedgerEntry, Reuse, SeriesHead, SeriesKey
from monotron.store.mongo.client import Document, Driver
from monotron.store.mongo.reads import any_of, collection, with_keys
from monotron.store.mongo.series_fields import (
    Change,
    fields_of,
    head_of,
    heads_of,
    identity_of,
    ledger_entry_of,
    rows_of,
    series_of,
    where,
)
from monotron.store.mongo.transactions import Conflict, Duplicate
from monotron.store.recent import MAX_OMITTED, newest_entries

DUPLICATE_KEY = 11000

_SERIES = [("account", ASCENDING), ("key", ASCENDING)]
_BY_TIME = [("account", ASCENDING), ("updated_at", ASCENDING)]
_BY_VALUE = [*_SERIES, ("generation", ASCENDING), ("value", ASCENDING)]
ENTRIES_BY_TOKEN = [
    *_SERIES,
    ("generation", ASCENDING),
    ("token", ASCENDING),
    ("value", DESCENDING),
]


class SeriesDocuments:
    """Reads and writes in the session of a transaction, and reads in other sessions."""

    def __init__(self, database: "Database[Document]", driver: Driver) -> None:
        self._driver = driver
        self._series = collection(database, "series")
        self._entries = collection(database, "entries")
        self._series.create_index(_SERIES, unique=True)
        self._series.create_index(_BY_TIME, partialFilterExpression={"active": True})
        self._entries.create_index(_BY_VALUE, unique=True)
        self._entries.create_index(ENTRIES_BY_TOKEN)

    def heads(
        self, keys: Sequence[SeriesKey], session: ClientSession
    ) -> dict[SeriesKey, SeriesHead]:
        """Read the heads of these series."""
        if not keys:
            return {}
        return heads_of(keys, self._series.find(with_keys("key", keys), session=session))

    def page(
        self, account: int, prefix: str, after: str, limit: int, session: ClientSession
    ) -> list[Entry]:
        """Read the current entries of series in order of key."""
        key = {"$gt": after, "$gte": prefix}
        condition = {"account": account, "key": key, "active": True}
        rows = self._series.find(condition, limit=limit, session=session).sort("key", ASCENDING)
        # Keys with the prefix are adjacent in the order of keys.
        return [
            Entry(account, row["key"], row["token"], int(row["value"]))
            for row in rows
            if row["key"].startswith(prefix)
        ]

    def recent(
        self,
        account: int,
        limit: int,
        is_visible: Callable[[str], bool],
        newer_than: int,
        session: ClientSession,
    ) -> list[LedgerEntry]:
        """Read the newest entries of visible series, newest first."""
        after = {"$gt": Int64(newer_than)}
        condition = {"account": account, "active": True, "updated_at": after}
        most = limit + MAX_OMITTED  # a cursor would read up to 16 MiB of series at a time
        found = self._series.find(condition, session=session, limit=most)
        rows = found.sort("updated_at", DESCENDING)

        def read(row: Document) -> list[LedgerEntry]:
            head = head_of(row)
            up_to = {"value": {"$lte": Int64(head.value)}}
            found = self.rows(series_of(row), head, up_to, session, limit)
            return [ledger_entry_of(each) for each in found]

        return newest_entries(
            ((row, row["updated_at"]) for row in rows),
            read,
            limit,
            lambda row: is_visible(row["key"]),
        )

    def rows(
        self,
        series: SeriesKey,
        head: SeriesHead,
        condition: Document,
        session: ClientSession,
        limit: int = 0,
    ) -> list[Document]:
        """Read entries of the head's generation, newest first."""
        condition = {**where(series), "generation": Int64(head.generation), **condition}
        rows = self._entries.find(condition, limit=limit, session=session)
        return list(rows.sort("value", DESCENDING))

    def last_value(
        self, series: SeriesKey, head: SeriesHead, token: str | None, session: ClientSession
    ) -> int | None:
        """Read the last value of a token in the head's generation, up to the head's value."""
        condition = {"token": token, "value": {"$lte": Int64(head.value)}}
        rows = self.rows(series, head, condition, session, limit=1)
        return int(rows[0]["value"]) if rows else None

    def last_values(
        self,
        heads: Mapping[SeriesKey, SeriesHead],
        requests: Iterable[AllocationRequest],
        session: ClientSession,
    ) -> dict[SeriesKey, dict[str, int]]:
        """Read the last value of each token with `Reuse.ANY`, up to the value of its head.

        Outside a transaction, later entries may exist. They do not belong to the head.
        """
        tokens: dict[SeriesKey, set[str]] = {}
        for series, token, reuse, *_ in requests:
            if reuse is Reuse.ANY and heads[series].active and token != heads[series].token:
                tokens.setdefault(series, set()).add(token)
        return self.last_values_of(heads, tokens, session)

    def last_values_of(
        self,
        heads: Mapping[SeriesKey, SeriesHead],
        tokens: Mapping[SeriesKey, Collection[str]],
        session: ClientSession,
    ) -> dict[SeriesKey, dict[str, int]]:
        """Read the last value of each of these tokens, up to the value of the head."""
        known: dict[SeriesKey, dict[str, int]] = {}
        if not tokens:
            return known
        conditions = [
            {
                **where(series),
                "generation": Int64(heads[series].generation),
                "token": {"$in": list(of_series)},
                "value": {"$lte": Int64(heads[series].value)},
            }
            for series, of_series in tokens.items()
        ]
        # Most tokens have one value, or few.
        limit = 4 * sum(map(len, tokens.values())) + 64
        found = self._entries.find(any_of(conditions), limit=limit, session=session)
        rows = list(found.hint(ENTRIES_BY_TOKEN))
        for row in rows:
            values = known.setdefault(series_of(row), {})
            values[row["token"]] = max(int(row["value"]), values.get(row["token"], 0))
        if len(rows) < limit:
            return known
        # Some tokens have so many values that the last one may be missing.
        return {
            series: {
                token: value
                for token in of_series
                if (value := self.last_value(series, heads[series], token, session)) is not None
            }
            for series, of_series in tokens.items()
        }

    def write(self, changes: Sequence[Change], now: int, session: ClientSession) -> None:
        """Apply all changes in a transaction.

        Raises `Conflict` if one of the heads seen is outdated, and `Duplicate` if a ledger has an
        entry above its head.
        """
        self._replace([change for change in changes if change.seen.generation], now, session)
        created = [change for change in changes if not change.seen.generation]
        if created:
            documents = [
                {**where(each), "first_of": name_of_first_key(each.key), **fields_of(new, now)}
                for each, _, new, _ in created
            ]
            if first_duplicate(self._series, documents, session) is not None:
                raise Conflict
        rows = rows_of(changes, now)
        if rows:
            duplicate = first_duplicate(self._entries, rows, session)
            if duplicate is not None:
                series = series_of(rows[duplicate])
                raise Duplicate(series, {each.series: each.seen for each in changes}[series])

    def _replace(self, changes: Sequence[Change], now: int, session: ClientSession) -> None:
        """Replace each head, if it is still the one that was seen.

        Within a generation a value is used once. The filter contains the token as well, so that
        even a head with the right value and another token is not replaced.
        """
        if not changes:
            return
        updates = [
            (self._filter(change), {"$set": fields_of(change.new, now)}) for change in changes
        ]
        if len(updates) == 1:
            is_replaced = self._series.find_one_and_update(*updates[0], session=session) is not None
        else:
            commands = [self._driver.update_one(*update) for update in updates]
            result = self._series.bulk_write(commands, ordered=False, session=session)
            is_replaced = result.matched_count == len(updates)
        if not is_replaced:
            raise Conflict

    def _filter(self, change: Change) -> Document:
        """Match the series only if its head is the one that was seen."""
        return {**where(change.series), **identity_of(change.seen)}


def first_duplicate(
    documents: "driver.Collection[Document]", rows: Sequence[Document], session: ClientSession
) -> int | None:
    """Insert the rows. Return the position of a row that exists already, or None."""
    try:
        documents.insert_many(rows, session=session)
    except BulkWriteError as error:
        write_errors = error.details.get("writeErrors", ()) if error.details else ()
        for write_error in write_errors:
            if write_error["code"] == DUPLICATE_KEY:
                return int(write_error["index"])
        raise
    return None
