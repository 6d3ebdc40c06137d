"""The part of PyMongo that the series use, on a simulated replica set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import NamedTuple

from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from simulation.network import Network, Outcome, Session
from simulation.replica import Document


class UpdateMany(NamedTuple):
    """`pymongo.UpdateMany`, with public fields."""

    filter: Document
    update: Document
    upsert: bool = False


class Database:
    """The connection of one server to a database."""

    def __init__(self, network: Network) -> None:
        self.client = SimpleNamespace(start_session=Session, close=lambda: None)
        self._network = network

    def get_collection(self, name: str, *, read_concern: ReadConcern, **_: object) -> Collection:
        return Collection(self._network, name, read_concern.level or "local")


class Collection:
    def __init__(self, network: Network, name: str, level: str) -> None:
        self._network = network
        self._replica = network.replica
        self._name = name
        self.level = level

    def create_index(self, *_: object, **__: object) -> None:
        pass  # the unique ones are part of the replica set

    def find(self, condition: Document, limit: int = 0, session: Session | None = None) -> Cursor:
        return Cursor(self, condition, limit, session)

    def find_one(self, condition: Document, session: Session | None = None) -> Document | None:
        found = self.read(condition, session)
        return found[0] if found else None

    def read(self, condition: Document, session: Session | None) -> list[Document]:
        after = session.after if session else 0

        def run(_: float) -> Outcome | float:
            view = self._view(after)
            if isinstance(view, float):
                return view
            if self._name == "entries":
                find = self._replica.find_rows
                found = [
                    row for each in condition.get("$or", [condition]) for row in find(each, view)
                ]
            else:
                heads = (
                    self._replica.head(each, view) for each in condition.get("$or", [condition])
                )
                found = [head for head in heads if head is not None]
            return found, view if self.level == "linearizable" else None, view

        return self._network.call(f"find {self._name} {self.level}", run, session)

    def _view(self, after: int) -> int | float:
        replica, network = self._replica, self._network
        if self.level != "majority":
            return replica.top
        if after > replica.committed():
            return replica.commit_in(after) + network.faults.slow
        chance = network.world.chance
        if network.faults.stale and chance.random() < network.faults.stale:
            return max(after, replica.committed(chance.expovariate(1.0)))
        return replica.committed()

    def find_one_and_update(
        self, condition: Document, change: Document, session: Session | None = None, **_: object
    ) -> Document | None:
        def run(_: float) -> Outcome:
            updated = self._replica.update(condition, change["$set"])
            top = self._replica.top
            return self._replica.head(condition, top) if updated.matched else None, top, top

        found: Document | None = self._network.call("find_one_and_update", run, session)
        return found

    def bulk_write(
        self, updates: Sequence[UpdateMany], session: Session | None = None, **_: object
    ) -> SimpleNamespace:
        def run(most: float) -> Outcome:
            done = [
                self._replica.update(update.filter, update.update["$set"], upsert=update.upsert)
                for position, update in enumerate(updates)
                if position < most
            ]
            result = SimpleNamespace(
                matched_count=sum(each.matched for each in done),
                upserted_count=sum(each.upserted for each in done),
            )
            return _or_duplicates(result, [each.duplicate for each in done]), *self._written()

        return self._network.call(f"bulk_write of {len(updates)}", run, session, bulk=True)  # type: ignore[no-any-return]

    def insert_many(
        self, rows: Sequence[Document], session: Session | None = None, **_: object
    ) -> None:
        def run(most: float) -> Outcome:
            there = [
                not self._replica.insert(row)
                for position, row in enumerate(rows)
                if position < most
            ]
            return _or_duplicates(None, there), *self._written()

        self._network.call(f"insert_many of {len(rows)}", run, session, bulk=True)

    def delete_many(self, condition: Document) -> None:
        def run(_: float) -> Outcome:
            if self._name == "entries":
                self._replica.delete_generation(condition)
            return None, *self._written()

        self._network.call(f"delete_many in {self._name}", run)

    def _written(self) -> tuple[int, int]:
        """A write without changes also waits until what it found is committed."""
        return self._replica.top, self._replica.top


class Cursor:
    def __init__(
        self, collection: Collection, condition: Document, limit: int, session: Session | None
    ) -> None:
        self._collection = collection
        self._condition = condition
        self._limit = limit
        self._session = session
        self._newest = False

    def sort(self, field: str, direction: int) -> Cursor:
        assert (field, direction) == ("value", -1), "not simulated"
        self._newest = True
        return self

    def hint(self, _: object) -> Cursor:
        return self

    def __iter__(self) -> Iterator[Document]:
        found = self._collection.read(self._condition, self._session)
        if self._newest:
            found.sort(key=lambda row: -int(row["value"]))
        return iter(found[: self._limit] if self._limit else found)


def _or_duplicates(result: object, duplicates: Sequence[bool]) -> object:
    if not any(duplicates):
        return result
    errors = [
        {"code": 11000, "index": index} for index, duplicate in enumerate(duplicates) if duplicate
    ]
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
