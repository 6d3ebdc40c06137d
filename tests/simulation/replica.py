"""A replica set of MongoDB as its clients see it: one primary, a majority, and elections.

Every write has an index, which is its cluster time, and is applied on the primary immediately. All
writes of a transaction have one index. A write is committed on a majority some time later, in the
order of the indexes. An election keeps what was committed and a random prefix of the rest.
Everything after the prefix is rolled back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import date

from simulation.clock import date_of
from simulation.documents import Document, Table, Versions
from simulation.world import World

Write = tuple[Versions, Document | None]


class ClusterTime(int):
    """The index of a write, and what the clock showed, in whole seconds."""

    time: int


class Replica:
    """The collections, the log of all writes, and the office of the primary."""

    def __init__(
        self,
        world: World,
        *,
        commit_seconds: float,
        stalls: float,
        members: int = 3,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """*commit_seconds*: mean seconds until a write is committed; *stalls*: the probability of
        a much longer time. *clock*: the wall clock of the primary.
        """
        self.world = world
        self.members = members
        self._commit_seconds = commit_seconds
        self._stalls = stalls
        self.series = Table()
        self.entries = Table("generation", "value", tokens=("generation",))
        self.names = Table(owner="name")
        by_token = Table("token", "label", "attempt", owner="name")
        by_base = Table("line", "base", "base_use", owner="name")
        unique = {"token": by_token, "base": by_base}
        self.releases = Table("sort_key", owner="name", tokens=(), unique=unique)
        self._tables = {
            "series": self.series,
            "entries": self.entries,
            "names": self.names,
            "releases": self.releases,
            "auth_records": Table("name", owner="kind", of_accounts=False),
        }
        self._clock = clock or (lambda: world.now)
        self._seconds = [int(self._clock())]
        """The cluster time of each write: not before the writes that it follows."""
        self._committed_at = [0.0]
        self.applied_at = [0.0]
        self._undo: list[tuple[int, Callable[[], object]]] = []
        self.epoch = 0
        self.elected_at = 0.0
        self.rolled_back = 0
        self.on_election: Callable[[], object] = lambda: None

    def table(self, name: str) -> Table:
        """Return a collection."""
        return self._tables.setdefault(name, Table())

    @property
    def top(self) -> int:
        """The index of the last write."""
        return len(self._committed_at) - 1

    @property
    def has_primary(self) -> bool:
        return self.world.now >= self.elected_at

    def committed(self, ago: float = 0.0) -> int:
        """Return the index up to which everything was committed *ago* seconds before."""
        return bisect_right(self._committed_at, self.world.now - ago) - 1

    def committed_at(self, index: int) -> float:
        """Return when a majority had the write."""
        return self._committed_at[index]

    def cluster_time(self, index: int) -> ClusterTime:
        time = ClusterTime(index)
        time.time = self._seconds[index]
        return time

    def dates(self, start: float, end: float) -> list[date]:
        """The dates of the cluster times between two moments."""
        first = max(0, bisect_left(self.applied_at, start) - 1)
        return [date_of(each) for each in self._seconds[first : bisect_right(self.applied_at, end)]]

    def commit_in(self, index: int) -> float:
        """Return the seconds until a majority has it, if the primary stays in office."""
        return max(0.0, self._committed_at[index] - self.world.now)

    def elect(self, seconds: float) -> None:
        """Elect another primary, in *seconds*, with everything committed and perhaps more."""
        committed, top = self.committed(), self.top
        kept = self.world.chance.randint(committed, top)
        while self._undo and self._undo[-1][0] > kept:
            self._undo.pop()[1]()
            self.rolled_back += 1
        for index in range(committed + 1, top + 1):
            self._committed_at[index] = self.world.now
        self.epoch += 1
        self.elected_at = self.world.now + seconds
        self._committed_at.append(self.world.now)  # the no-op of a new primary
        self.applied_at.append(self.world.now)
        self._seconds.append(max(self._seconds[kept], int(self._clock())))
        self.on_election()
        self.world.note(f"election: {top - kept} of {top - committed} not committed are lost")

    def calm(self) -> None:
        """From now on, a majority follows quickly."""
        self._commit_seconds, self._stalls = 0.001, 0.0

    def write(self, writes: Sequence[Write], undo: Callable[[], object] | None = None) -> int:
        """Apply writes at one index, and return it. *undo* is called if they are rolled back."""
        chance = self.world.chance
        seconds = chance.expovariate(1 / self._commit_seconds)
        if self._stalls and chance.random() < self._stalls:
            seconds += chance.uniform(0.5, 8.0)
        self._committed_at.append(max(self._committed_at[-1], self.world.now + seconds))
        self.applied_at.append(self.world.now)
        self._seconds.append(max(self._seconds[-1], int(self._clock())))
        index = self.top
        if undo is not None:
            self._undo.append((index, undo))
        for versions, document in writes:
            versions.history.append((index, document))
            self._undo.append((index, versions.history.pop))
        return index
