"""The usage of accounts in MongoDB: counters in the collection `usage`.

One document per counter: `{account, key, used}`. It is read and replaced in the transaction that
changes what it counts, so concurrent changes of a counter conflict, and one of them is repeated.
Series and attributes have separate counters, so that they do not delay each other. A transaction
that neither creates nor deletes a series does not use that of series.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from bson import Int64
from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.model.series import SeriesKey
from monotron.store.contents import StoreContents, StoreSize
from monotron.store.mongo.client import Document, Driver
from monotron.store.mongo.reads import any_of, collection
from monotron.store.mongo.transactions import Conflict


class Counter(NamedTuple):
    """Identifies a counter."""

    account: int
    key: str


Used: TypeAlias = Mapping[Counter, int]


def series_counter(account: int) -> Counter:
    """The number of series of an account."""
    return Counter(account, "series")


def attribute_counters(series: SeriesKey) -> tuple[Counter, Counter]:
    """The bytes of the attributes of an account, and of a series.

    A write of an attribute that began before a DELETE of its series may be counted after it. The
    next DELETE of the series subtracts it.
    """
    own = Counter(series.account, f"attribute_bytes {series.key}")
    return Counter(series.account, "attribute_bytes"), own


class MongoUsage:
    """Reads and changes counters in the session of a transaction."""

    def __init__(self, database: "Database[Document]", driver: Driver) -> None:
        self._driver = driver
        self._database = database
        self._usage = collection(database, "usage")
        self._usage.create_index([("account", ASCENDING), ("key", ASCENDING)], unique=True)

    def read(self, counters: Iterable[Counter], session: ClientSession) -> dict[Counter, int]:
        """Read the counters. Those without a document are omitted."""
        conditions = [counter._asdict() for counter in counters]
        if not conditions:
            return {}
        rows = self._usage.find(any_of(conditions), session=session)
        return {Counter(int(row["account"]), row["key"]): int(row["used"]) for row in rows}

    def contents(self, session: ClientSession) -> StoreContents:
        """Read what the database contains, without the series of the internal account."""
        of_accounts = {"account": {"$gt": 0}, "key": "series"}
        total = {"_id": None, "used": {"$sum": "$used"}}
        found = self._usage.aggregate([{"$match": of_accounts}, {"$group": total}], session=session)
        series = sum(int(row["used"]) for row in found)
        return StoreContents(self._database["names"].estimated_document_count(), series)

    def size(self, session: ClientSession) -> StoreSize:
        """Read the size of the database and its indexes."""
        statistics = self._database.command("dbStats", session=session)
        return StoreSize({"database": int(statistics["storageSize"] + statistics["indexSize"])})

    def add(self, seen: Used, added: Mapping[Counter, int], session: ClientSession) -> None:
        """Add to the counters, all of which were read. Raises `Conflict`."""
        changed = {counter: number for counter, number in added.items() if number}
        created = [
            {**counter._asdict(), "used": Int64(number)}
            for counter, number in changed.items()
            if counter not in seen
        ]
        updates = [
            self._driver.update_one(
                {**counter._asdict(), "used": Int64(seen[counter])},
                {"$set": {"used": Int64(seen[counter] + number)}},
            )
            for counter, number in changed.items()
            if counter in seen
        ]
        if created:
            self._usage.insert_many(created, session=session)
        if updates:
            result = self._usage.bulk_write(updates, ordered=False, session=session)
            if result.matched_count != len(updates):
                raise Conflict

    def remove(self, counter: Counter, session: ClientSession) -> None:
        """Remove a counter."""
        self._usage.delete_many(counter._asdict(), session=session)
