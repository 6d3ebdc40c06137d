"""A replica set of MongoDB as its clients see it: one primary, a majority, and elections.

Every write has an index, which is its cluster time, and is applied on the primary at once. It is
committed on a majority some time later, in the order of the indexes. An election keeps what was
committed and a random prefix of the rest. Everything after the prefix is rolled back. All versions
of all documents are kept, so a committed read can be answered from an older version.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simulation.world import World

Document = dict[str, Any]
DocumentVersions = list[tuple[int, Document | None]]
GenerationKey = tuple[int, str, object]


class Updated(NamedTuple):
    """The result of an update."""

    matched: bool = False
    upserted: bool = False
    duplicate: bool = False


class Replica:
    """The collections `series` and `entries`, with their unique indexes."""

    def __init__(self, world: World, *, commit_seconds: float, stalls: float) -> None:
        """*commit_seconds*: mean seconds until a write is committed; *stalls*: the probability of
        a much longer time.
        """
        self._world = world
        self._commit_seconds = commit_seconds
        self._stalls = stalls
        self.heads: dict[tuple[int, str], DocumentVersions] = {}
        self.rows: dict[GenerationKey, dict[int, DocumentVersions]] = {}
        self._tokens: dict[GenerationKey, dict[str | None, list[int]]] = {}
        self._committed_at = [0.0]
        self.applied_at = [0.0]
        self._writes: list[tuple[int, DocumentVersions]] = []
        self.epoch = 0
        self.elected_at = 0.0
        self.rolled_back = 0

    @property
    def top(self) -> int:
        """The index of the last write."""
        return len(self._committed_at) - 1

    @property
    def has_primary(self) -> bool:
        return self._world.now >= self.elected_at

    def committed(self, ago: float = 0.0) -> int:
        """Return the index up to which everything was committed *ago* seconds before."""
        return bisect_right(self._committed_at, self._world.now - ago) - 1 if ago else self._now()

    def commit_in(self, index: int) -> float:
        """Return the seconds until a majority has it, if the primary stays in office."""
        return max(0.0, self._committed_at[index] - self._world.now)

    def elect(self, seconds: float) -> None:
        """Elect another primary, in *seconds*, with everything committed and perhaps more."""
        committed, top = self._now(), self.top
        kept = self._world.chance.randint(committed, top)
        while self._writes and self._writes[-1][0] > kept:
            _, versions = self._writes.pop()
            versions.pop()
            self.rolled_back += 1
        for index in range(committed + 1, top + 1):
            self._committed_at[index] = self._world.now
        self.epoch += 1
        self.elected_at = self._world.now + seconds
        self._committed_at.append(self._world.now)  # the no-op of a new primary
        self.applied_at.append(self._world.now)
        self._world.note(f"election: {top - kept} of {top - committed} not committed are lost")

    def update(self, condition: Document, change: Document, *, upsert: bool = False) -> Updated:
        name = (condition["account"], condition["key"])
        versions = self.heads.setdefault(name, [])
        head = versions[-1][1] if versions else None
        if head is not None and _fits(head, condition):
            self._write(versions, {**head, **change})
            return Updated(matched=True)
        if not upsert:
            return Updated()
        if head is not None:
            return Updated(duplicate=True)
        self._write(versions, {"account": name[0], "key": name[1], **change})
        return Updated(upserted=True)

    def insert(self, row: Document) -> bool:
        """Insert a row. Return false if there is one with this value."""
        generation = (row["account"], row["key"], row["generation"])
        versions = self.rows.setdefault(generation, {}).setdefault(int(row["value"]), [])
        if versions and versions[-1][1] is not None:
            return False
        self._write(versions, row)
        tokens = self._tokens.setdefault(generation, {})
        tokens.setdefault(row["token"], []).append(int(row["value"]))
        return True

    def delete_generation(self, condition: Document) -> None:
        generation = (condition["account"], condition["key"], condition["generation"])
        for versions in self.rows.get(generation, {}).values():
            if versions and versions[-1][1] is not None:
                self._write(versions, None)

    def head(self, condition: Document, view: int) -> Document | None:
        """Return the head of a series at the index *view*."""
        return at(self.heads.get((condition["account"], condition["key"]), ()), view)

    def find_rows(self, condition: Document, view: int) -> list[Document]:
        """Return rows of one generation, those of a token in descending order."""
        generation = (condition["account"], condition["key"], condition["generation"])
        rows = self.rows.get(generation, {})
        values = self._values(generation, condition)
        found = (at(rows.get(value, ()), view) for value in values)
        return [row for row in found if row is not None]

    def _values(self, generation: GenerationKey, condition: Document) -> Sequence[int]:
        if "token" in condition:
            value = condition["token"]
            tokens = sorted(value["$in"]) if isinstance(value, dict) else [value]
            known = self._tokens.get(generation, {})
            return [
                value
                for token in tokens
                for value in sorted(set(known.get(token, ())), reverse=True)
            ]
        value = condition["value"]
        if not isinstance(value, dict):
            return [int(value)]
        lowest = int(value.get("$gte", 1))
        highest = int(value.get("$lte", value.get("$lt", 0) - 1))
        return sorted(each for each in self.rows.get(generation, ()) if lowest <= each <= highest)

    def _now(self) -> int:
        # Most writes were committed long ago: search from the last write.
        return bisect_right(self._committed_at, self._world.now) - 1

    def _write(self, versions: DocumentVersions, document: Document | None) -> None:
        chance = self._world.chance
        seconds = chance.expovariate(1 / self._commit_seconds)
        if self._stalls and chance.random() < self._stalls:
            seconds += chance.uniform(0.5, 8.0)
        self._committed_at.append(max(self._committed_at[-1], self._world.now + seconds))
        self.applied_at.append(self._world.now)
        versions.append((self.top, document))
        self._writes.append((self.top, versions))


def at(versions: Sequence[tuple[int, Document | None]], view: int) -> Document | None:
    for index, document in reversed(versions):
        if index <= view:
            return document
    return None


def _fits(document: Mapping[str, Any], condition: Document) -> bool:
    for name, wanted in condition.items():
        actual = document.get(name)
        if isinstance(wanted, dict):
            if actual not in wanted["$in"]:
                return False
        elif actual != wanted:
            return False
    return True
