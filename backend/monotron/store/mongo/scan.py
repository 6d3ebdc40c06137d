"""Read a whole MongoDB database in slices. Each slice is committed and has few documents."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from bson import Timestamp
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from semver import Version

from monotron.model.series import SeriesKey
from monotron.store.fast_forward import KnownLines
from monotron.store.mongo.client import Deadlines, Document
from monotron.store.mongo.ledger import Sessions, collection, operation_time, where

HEADS_PER_SLICE = 100
ROWS_PER_SLICE = 1000

KEY = {"_id": 0, "account": 1, "key": 1}
"""The projection to the fields that identify a series."""

Place: TypeAlias = "Collection[Document]"


class CollectionScan:
    """The collections of a database, and committed reads of them in order."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, deadlines: Deadlines
    ) -> None:
        self._sessions = sessions
        self._deadlines = deadlines
        self.heads, self.entries, self.attributes, self.releases = (
            collection(database, name, sessions.read_concern("majority"))
            for name in ("series", "entries", "attributes", "releases")
        )

    def accounts(self) -> list[Any]:
        """Return all accounts that have documents, in order."""
        places = (self.heads, self.entries, self.attributes)
        return sorted({each for place in places for each in self._distinct(place)}, key=str)

    def _distinct(self, place: Place) -> list[Any]:
        return self._deadlines.start().persist(lambda: place.distinct("account"))

    def products(self) -> tuple[KnownLines, list[SeriesKey]]:
        """Return the names that have versions, and the keys of all series."""
        products = KnownLines()
        for rows, _ in self.pages(self.releases, ("account", "name", "sort_key")):
            for row in rows:
                version = Version.parse(row["version"])
                products.add_release(row["account"], row["name"], version.major, version.minor)
        keys = []
        for rows, _ in self.pages(self.heads, ("account", "key"), KEY):
            keys += [SeriesKey(int(row["account"]), row["key"]) for row in rows]
        for series in keys:
            products.add_series(*series)
        return products, keys

    def pages(
        self, place: Place, order: Sequence[str], fields: Document | None = None
    ) -> Iterator[tuple[list[Document], Timestamp | None]]:
        """Yield all documents in the order of an index. Equal ones are in one page."""
        after: list[Any] = []
        while True:
            beyond = [
                dict(zip(order, after[:depth], strict=False))
                | {order[depth]: _beyond(after[depth])}
                for depth in reversed(range(len(after)))
            ]
            condition: Document = {"$or": beyond} if beyond else {}
            in_order = [(each, ASCENDING) for each in order]
            rows, seen_at = self.find(place, condition, in_order, ROWS_PER_SLICE, None, fields)
            if len(rows) == ROWS_PER_SLICE:
                last = [rows[-1][each] for each in order]
                # Documents with equal values stay together, so that duplicates are adjacent.
                while len(rows) > 1 and [rows[-1][each] for each in order] == last:
                    rows.pop()
                after = [rows[-1][each] for each in order]
                yield rows, seen_at
            else:
                yield rows, seen_at
                return

    def read_heads(
        self, keys: Sequence[SeriesKey], now: Timestamp | None = None
    ) -> tuple[dict[SeriesKey, Document], Timestamp | None]:
        found: dict[SeriesKey, Document] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), HEADS_PER_SLICE):
            conditions = [where(series) for series in wanted[start : start + HEADS_PER_SLICE]]
            rows, _ = self.find(self.heads, {"$or": conditions}, None, 0, now)
            found |= {SeriesKey(row["account"], row["key"]): row for row in rows}
        return found, now

    def find(
        self,
        place: Place,
        condition: Document,
        order: list[tuple[str, int]] | None,
        limit: int,
        now: Timestamp | None = None,
        fields: Document | None = None,
    ) -> tuple[list[Document], Timestamp | None]:
        """Return committed documents, not older than *now*, and the time of the read."""

        def call() -> tuple[list[Document], Timestamp | None]:
            with self._sessions.start(now) as session:
                cursor = place.find(condition, fields, limit=limit, session=session)
                if order is not None:
                    cursor = cursor.sort(order)
                return list(cursor), operation_time(session)

        return self._deadlines.start().persist(call)


def _beyond(value: Any) -> Document:
    """Match what sorts after *value*. Null sorts first and cannot be compared."""
    return {"$ne": None} if value is None else {"$gt": value}
