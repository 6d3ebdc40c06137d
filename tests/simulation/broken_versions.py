"""Deliberately broken stores of versions. Each decides or writes in more than one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from monotron.errors import MonotronError
from monotron.model.semver import Release
from monotron.model.versions.batch import Results, decide_all
from monotron.model.versions.changes import Writes
from monotron.model.versions.facts import (
    ANY_LABEL,
    Fact,
    HighestRecord,
    OpenLabels,
    RecordAt,
    RecordsOf,
    SummaryOf,
)
from monotron.model.versions.requests import Decision, Request
from monotron.model.versions.rules import decide
from monotron.model.versions.state import State
from monotron.store.mongo import MongoStore
from monotron.store.mongo.releases import MongoReleases, _row
from monotron.store.mongo.series import first_duplicate
from monotron.store.mongo.transactions import Conflict
from monotron.store.mongo.version_facts import FactReader, of_name
from monotron.store.sqlite.releases import SqliteReleases
from monotron.store.sqlite.store import SqliteStore


class ReaderOutside(FactReader):
    """Reads some kinds of facts outside the transaction."""

    kinds: tuple[type[Fact[Any]], ...] = ()

    def __init__(self, database: Any, *args: Any) -> None:
        super().__init__(database, *args)
        self._client = database.client

    def read(self, facts: Iterable[Fact[Any]]) -> Any:
        outside = [fact for fact in facts if isinstance(fact, self.kinds)]
        found = dict(super().read(fact for fact in facts if not isinstance(fact, self.kinds)))
        own = self._session
        try:
            with self._client.start_session(causal_consistency=True) as self._session:
                found |= super().read(outside)
        finally:
            self._session = own
        return found


class RecordReader(ReaderOutside):
    kinds = (RecordsOf, RecordAt, HighestRecord, OpenLabels)


class RecordsReadOutside(MongoReleases):
    reader_type = RecordReader


class RecordsMayBeStale(MongoStore):
    """Records are read outside the transaction that depends on them."""

    releases_type = RecordsReadOutside


class SummaryReader(ReaderOutside):
    kinds = (SummaryOf,)


class RevisionIgnored(MongoReleases):
    reader_type = SummaryReader

    def _replace_summaries(self, summaries: Any, session: Any) -> None:
        super()._replace_summaries(
            [
                (name, seen._replace(revision=revision), new._replace(revision=revision + 1))
                for name, seen, new in summaries
                for row in [self._names.find_one(of_name(name), session=session)]
                for revision in [int(row["revision"]) if row else 0]
            ],
            session,
        )


class RevisionNotCompared(MongoStore):
    """A summary is read outside the transaction, and replaced whatever its revision is."""

    releases_type = RevisionIgnored


class DeferredRecords(MongoReleases):
    later: Sequence[Release] = ()

    def decide(self, requests: Sequence[Request]) -> Results:
        results = super().decide(requests)
        rows, self.later = self.later, ()
        if rows:
            self._transactions.run(partial(self._insert, rows))
        return results

    def _decide(self, requests: Any, session: Any) -> Any:
        self.later = ()
        return super()._decide(requests, session)

    def _write(self, writes: Writes, *args: Any) -> None:
        self.later = writes.records
        super()._write(writes._replace(records=()), *args)

    def _insert(self, releases: Sequence[Release], session: Any) -> None:
        rows = [_row(release) for release in releases]
        if first_duplicate(self._releases, rows, session) is not None:
            raise Conflict


class RecordsAfterCommit(MongoStore):
    """Records are inserted by a second transaction."""

    releases_type = DeferredRecords


class SummariesOutsideReleases(MongoReleases):
    def _replace_summaries(self, summaries: Any, session: Any) -> None:
        super()._replace_summaries(summaries, None)  # type: ignore[arg-type]


class SummariesOutside(MongoStore):
    """A summary is replaced without the session of the transaction."""

    releases_type = SummariesOutsideReleases


class NewestKept(MongoReleases):
    def _replace_summaries(self, summaries: Any, session: Any) -> None:
        super()._replace_summaries(
            [
                (
                    name,
                    seen,
                    new._replace(newest=seen.newest or new.newest, newest_token=seen.newest_token),
                )
                for name, seen, new in summaries
            ],
            session,
        )


class NewestNotUpdated(MongoStore):
    """The newest version of a summary remains the first one."""

    releases_type = NewestKept


class StaleDecisions(MongoReleases):
    def decide(self, requests: Sequence[Request]) -> Results:
        results = self._look_up(requests)
        return super().decide(requests) if results is None else results

    def _look_up(self, requests: Sequence[Request]) -> Results | None:
        state = State(self._runtime.now_ms(), self._quotas)

        def read(session: Any) -> Results:
            return decide_all(state, requests, self._reader(session).read)

        results, _ = self._reads.after(None, read)
        return None if state.change else results


class UnwrittenMayBeStale(MongoStore):
    """Requests that change nothing, such as repeats, are answered from reads that may be stale."""

    releases_type = StaleDecisions


class WithoutLabels:
    """A state in which the targets of a label are not known."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def get(self, fact: Fact[Any]) -> Any:
        is_highest = isinstance(fact, HighestRecord) and fact.label not in (None, ANY_LABEL)
        if is_highest and not fact.start.endswith(f"{fact.label}."):  # type: ignore[attr-defined]
            return None
        return self._state.get(fact)


def decide_without_labels(state: Any, request: Request) -> Decision:
    return decide(WithoutLabels(state), request)  # type: ignore[arg-type]


class TargetFromFinals(SqliteReleases):
    rule = staticmethod(decide_without_labels)


class TargetFromNewestFinal(SqliteStore):
    """The target of a pre-release depends on final versions only."""

    releases_type = TargetFromFinals


class EarlyReleases(SqliteReleases):
    def begin_decide(self, requests: Sequence[Request]) -> Callable[[], Results]:
        transaction = self._file.begin_immediately()
        if transaction is None:
            return super().begin_decide(requests)
        with transaction.rolled_back_on_error():
            results = self._decide(transaction, requests)

        def commit() -> None:
            with suppress(MonotronError):
                transaction.commit()

        return partial(self._finish, commit, results)

    def _finish(self, commit: Callable[[], None], results: Results) -> Results:
        self._runtime.spawn(commit, "commit")
        return results


class VersionBeforeCommit(SqliteStore):
    """A version is answered before its commit has returned, and whatever its result is."""

    releases_type = EarlyReleases


class CommitErrorIgnored(EarlyReleases):
    def _finish(self, commit: Callable[[], None], results: Results) -> Results:
        commit()
        return results


class FailedCommitIsSuccess(SqliteStore):
    """A version is answered although its commit failed."""

    releases_type = CommitErrorIgnored
