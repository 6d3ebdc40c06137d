"""Deliberately broken stores, and the simulated worlds that detect them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monotron.store.mongo import MongoStore
from monotron.store.sqlite.store import SqliteStore
from simulation import (
    broken_commits,
    broken_reads,
    broken_sqlite,
    broken_versions,
    broken_withdrawals,
    broken_writes,
)
from simulation.profile import Emphasis, Profile
from simulation.scenario import MONGO, SQLITE, Report, Simulation, Stores

ELECTIONS, DOUBT, LIVES = Emphasis.ELECTIONS, Emphasis.DOUBT, Emphasis.LIVES
ENDS, MEMORY, REPEATS = Emphasis.ENDS, Emphasis.MEMORY, Emphasis.REPEATS
LIMITS, READS, SWEEPS = Emphasis.LIMITS, Emphasis.READS, Emphasis.SWEEPS
RESTARTS, ROLLBACKS, RACES = Emphasis.RESTARTS, Emphasis.ROLLBACKS, Emphasis.RACES
VERSIONS, LABELS = Emphasis.VERSIONS, Emphasis.LABELS
WITHDRAWALS, CALENDAR = Emphasis.WITHDRAWALS, Emphasis.CALENDAR

WORLDS = 20
"""The worlds of a seed. At least one of them must detect a broken store."""

MAX_WORLDS = 160
"""How many worlds of `make test` may be necessary to detect a broken store."""


@dataclass(frozen=True)
class Broken:
    """A broken store, and the emphasis of the worlds that detect it."""

    kind: str
    emphasis: Emphasis
    stores: Stores
    by_checker: bool = True
    """Whether the responses to callers suffice to detect it, without the rows of the engine."""

    def detected_in(self, world: int) -> bool:
        """Return whether this world detects the defect."""
        return bool(harsh_world(self.kind, world, self.emphasis, self.stores).violations)


def harsh_worlds(
    kind: str, seed: int, emphasis: Emphasis, stores: Stores | None = None
) -> Iterator[Report]:
    """Yield the reports of a seed's worlds."""
    for world in range(seed * WORLDS, (seed + 1) * WORLDS):
        yield harsh_world(kind, world, emphasis, stores)


def harsh_world(kind: str, world: int, emphasis: Emphasis, stores: Stores | None = None) -> Report:
    """Return the report of the world with this number, among those with this emphasis."""
    number = world * len(Emphasis) + emphasis
    return Simulation(number, kind, profile=Profile.harsh(number), stores=stores).run()


def _mongo(store: type[MongoStore], emphasis: Emphasis, *, by_checker: bool = True) -> Broken:
    return Broken(MONGO, emphasis, Stores(mongo=store), by_checker)


def _sqlite(store: type[SqliteStore], emphasis: Emphasis, *, by_checker: bool = True) -> Broken:
    return Broken(SQLITE, emphasis, Stores(sqlite=store), by_checker)


BROKEN: dict[str, Broken] = {
    "only the current token is known": _mongo(broken_reads.CurrentTokenOnly, MEMORY),
    "only a window of tokens is known": _mongo(broken_reads.WindowOfTokens, MEMORY),
    "reads may be stale": _mongo(broken_reads.StaleReads, MEMORY),
    "the other heads may be older than the first": _mongo(broken_reads.OthersNotAfterFirst, READS),
    "reads have the read concern local": _mongo(broken_reads.LocalReads, ROLLBACKS),
    "repeats are answered from memory": _mongo(broken_reads.RepeatsFromMemory, REPEATS),
    "a repeat is answered from an aborted transaction": _mongo(
        broken_reads.RepeatsFromAborted, ROLLBACKS
    ),
    "a refusal is answered from an aborted transaction": _mongo(
        broken_reads.RefusalsFromAborted, LIMITS, by_checker=False
    ),
    "acknowledged before a majority has it": Broken(
        MONGO, ELECTIONS, Stores(acknowledge_immediately=True)
    ),
    "a commit error without a label is a failure": _mongo(
        broken_commits.UnlabeledErrorIsFailure, DOUBT
    ),
    "a commit is not repeated": _mongo(broken_commits.CommitNotRepeated, DOUBT),
    "an unknown commit is answered": _mongo(broken_commits.DoubtIsSuccess, DOUBT),
    "an unknown commit is reported as not applied": _mongo(broken_commits.DoubtIsNo, DOUBT),
    "the token is not compared": _mongo(
        broken_writes.TokenNotCompared, ROLLBACKS, by_checker=False
    ),
    "the generation is not compared": _mongo(
        broken_writes.GenerationNotCompared, RESTARTS, by_checker=False
    ),
    "the head is not compared": _mongo(broken_writes.HeadNotCompared, LIVES, by_checker=False),
    "matches of a bulk command are not counted": _mongo(
        broken_writes.MatchesNotCounted, LIVES, by_checker=False
    ),
    "entries are inserted outside the transaction": _mongo(
        broken_writes.EntriesOutside, MEMORY, by_checker=False
    ),
    "the lookup may be older than the head": _mongo(broken_reads.LookupNotAfterHead, MEMORY),
    "a repeated transaction uses previous reads": _mongo(broken_reads.PreviousReads, RACES),
    "a sweep reads an uncommitted generation": _mongo(
        broken_writes.SweepByLocalGeneration, SWEEPS, by_checker=False
    ),
    "a deleted series keeps its generation": _mongo(
        broken_writes.GenerationKept, LIVES, by_checker=False
    ),
    "orphans are never killed": _mongo(
        broken_commits.OrphansNeverKilled, REPEATS, by_checker=False
    ),
    "sessions are not reused": _mongo(broken_commits.SessionsNotReused, REPEATS, by_checker=False),
    "a sum becomes a float": _mongo(broken_writes.FloatingSum, ENDS),
    "a sum becomes a float, in SQLite": _sqlite(
        broken_sqlite.FloatingSumInSqlite, ENDS, by_checker=False
    ),
    "answered before the commit": _sqlite(broken_sqlite.ReplyBeforeCommit, DOUBT),
    "a failed commit is reported as not applied": _sqlite(broken_sqlite.FailedCommitIsNo, DOUBT),
    "the high-water mark is not kept": _sqlite(
        broken_sqlite.HighWaterMarkNotKept, LIVES, by_checker=False
    ),
    "a repeat has the current value": _sqlite(broken_sqlite.CurrentValueForOldToken, MEMORY),
    "records may be older than their transaction": _mongo(
        broken_versions.RecordsMayBeStale, LABELS
    ),
    "the revision of a name is not compared": _mongo(broken_versions.RevisionNotCompared, LABELS),
    "records are inserted by a second transaction": _mongo(
        broken_versions.RecordsAfterCommit, VERSIONS, by_checker=False
    ),
    "summaries are replaced outside the transaction": _mongo(
        broken_versions.SummariesOutside, VERSIONS, by_checker=False
    ),
    "the newest version of a summary is not updated": _mongo(
        broken_versions.NewestNotUpdated, VERSIONS
    ),
    "a repeated version is answered from stale reads": _mongo(
        broken_versions.UnwrittenMayBeStale, LABELS
    ),
    "a label continues from the newest final version": _sqlite(
        broken_versions.TargetFromNewestFinal, LABELS
    ),
    "a version is answered before the commit": _sqlite(
        broken_versions.VersionBeforeCommit, VERSIONS
    ),
    "a version is answered after a failed commit": _sqlite(
        broken_versions.FailedCommitIsSuccess, VERSIONS
    ),
    "a withdrawal does not reset the series": _sqlite(
        broken_withdrawals.WithdrawalKeepsSeries, WITHDRAWALS, by_checker=False
    ),
    "a withdrawn version remains the newest": _sqlite(
        broken_withdrawals.WithdrawalKeepsSummary, WITHDRAWALS, by_checker=False
    ),
    "a withdrawal is recorded by a second transaction": _mongo(
        broken_withdrawals.WithdrawalAfterCommit, WITHDRAWALS, by_checker=False
    ),
    "a reversal is accepted after a new version": _mongo(
        broken_withdrawals.ReversalAfterNewVersion, WITHDRAWALS
    ),
    "the base is not compared in the transaction": _mongo(
        broken_withdrawals.BaseNotInTransaction, WITHDRAWALS, by_checker=False
    ),
    "calendar versions follow the clock backwards": _sqlite(
        broken_withdrawals.CalendarFollowsClock, CALENDAR
    ),
}
