"""Deliberately broken MongoDB stores: each omits one part of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import Int64
from pymongo.errors import PyMongoError

from monotron.errors import MonotronError, StoreUnavailable
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, Reuse, SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.reads import Reads, any_of, collection
from monotron.store.mongo.remembered import RememberedHeads
from monotron.store.mongo.series import Change, Head, SeriesDocuments, heads_of, where
from monotron.store.mongo.sweep import Sweep
from monotron.store.mongo.transactions import Attempt, Transactions
from simulation.broken_sqlite import allocate_without_bound
from simulation.failures import TRANSIENT, UNKNOWN


class CurrentTokenOnly(MongoStore):
    """Only the current token is known, also if any earlier token may be reused."""

    def allocate(self, requests: Sequence[AllocationRequest]) -> Any:
        return super().allocate([each._replace(reuse=Reuse.CURRENT) for each in requests])


class WindowDocuments(SeriesDocuments):
    def last_values(self, heads: Mapping[SeriesKey, Head], *args: Any) -> Any:
        return {
            series: {
                token: value for token, value in known.items() if value > heads[series].value - 64
            }
            for series, known in super().last_values(heads, *args).items()
        }


class WindowOfTokens(MongoStore):
    """Only the tokens of the last 64 values are known."""

    documents_type = WindowDocuments


class MajorityReads(Reads):
    level = "majority"

    def current(self, name: str, keys: Sequence[Any], deadline: Deadline) -> Any:
        documents = collection(self._database, name, self.level)
        return self.after(
            None, lambda session: list(documents.find(any_of(keys), session=session)), deadline
        )


class StaleReads(MongoStore):
    """Reads are committed, and may be outdated."""

    reads_type = MajorityReads


class LocalReadConcern(MajorityReads):
    level = "local"


class LocalReads(MongoStore):
    """Reads need not be committed."""

    reads_type = LocalReadConcern


class RepeatsFromMemory(MongoStore):
    """A repeated request is answered from the heads that the server remembers."""

    def _current(self, keys: Any, deadline: Deadline) -> Any:
        series = list(dict.fromkeys(keys))
        remembered = self._remembered.get(series)
        for key, head in remembered.items():
            self._remembered.put([Change(key, head, head)])
        if len(remembered) == len(series):
            return remembered, None
        return super()._current(series, deadline)


class AnsweredEarly(Exception):
    """The results of a transaction that is then aborted."""


class AnswersFromAborted(MongoStore):
    """Results of this type are answered from a transaction that is not committed."""

    early: type

    def _write_once(self, batch: Any, attempt: Attempt) -> Any:
        done = super()._write_once(batch, attempt)
        if done is None:
            heads = self._documents.heads(list(batch.requests), attempt.session)
            known = self._documents.last_values(heads, batch.all_requests(), attempt.session)
            results, _ = batch.decide(heads, known)
            if all(isinstance(result, self.early) for result in results):
                raise AnsweredEarly(results)
        return done

    def _write(self, batch: Any, deadline: Deadline) -> Any:
        try:
            return super()._write(batch, deadline)
        except AnsweredEarly as answer:
            return answer.args[0]


class RefusalsFromAborted(AnswersFromAborted):
    """A refusal is answered from a transaction that is not committed."""

    early = MonotronError


class RepeatsFromAborted(AnswersFromAborted):
    """A repeated request is answered from a transaction that is not committed."""

    early = Allocation


class CommitOnce(Transactions):
    """Commits once. *is_failure* decides which errors count as an aborted transaction."""

    def is_failure(self, error: PyMongoError) -> bool:
        return not error.has_error_label(UNKNOWN)

    def commit(self, session: Any, deadline: Deadline) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label(TRANSIENT) or self.is_failure(error):
                return False
            return super().commit(session, deadline)
        return True


class UnlabeledErrorIsFailure(MongoStore):
    """A commit error without a label counts as not applied: the transaction is repeated."""

    transactions_type = CommitOnce


class CommitNeverRepeated(CommitOnce):
    def is_failure(self, error: PyMongoError) -> bool:
        return True


class CommitNotRepeated(MongoStore):
    """After any error of a commit, the transaction is repeated instead of the commit."""

    transactions_type = CommitNeverRepeated


class CommitErrorIgnored(Transactions):
    def commit(self, session: Any, deadline: Deadline) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            return not error.has_error_label(TRANSIENT)
        return True


class DoubtIsSuccess(MongoStore):
    """After an error of a commit that may have been applied, the request is answered."""

    transactions_type = CommitErrorIgnored


class CommitErrorIsNo(Transactions):
    def commit(self, session: Any, deadline: Deadline) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label(TRANSIENT):
                return False
            raise StoreUnavailable("The commit failed.") from error
        return True


class DoubtIsNo(MongoStore):
    """An error of a commit that may have been applied is reported as not applied."""

    transactions_type = CommitErrorIsNo


class LocalSweep(Sweep):
    def later(self, series: SeriesKey) -> None:
        self._queue.put((self._now() + 0.01, series))

    def generation(self, series: SeriesKey, deadline: Deadline) -> int:
        local = collection(self._reads._database, "series", "local")
        row = deadline.persist(lambda: local.find_one(where(series)))
        return heads_of([series], [row] if row else [])[series].generation


class SweepByLocalGeneration(MongoStore):
    """The generation up to which entries are removed need not be committed."""

    sweep_type = LocalSweep


class FilteredDocuments(SeriesDocuments):
    omitted: tuple[str, ...] = ()

    def _filter(self, change: Change) -> Any:
        condition = super()._filter(change)
        return {name: value for name, value in condition.items() if name not in self.omitted}


class WithoutToken(FilteredDocuments):
    omitted = ("token",)


class CommitErrorIsUnknown(Transactions):
    def commit(self, session: Any, deadline: Deadline) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            raise StoreUnavailable("The commit failed.").in_doubt() from error
        return True


class AlwaysRemembered(RememberedHeads):
    """Remembers heads also while other servers write the same series."""

    def were_outdated(self) -> None:
        pass


class MemoryBeforeCommit(MongoStore):
    """A head is remembered before its commit: harmless, because the filter contains the token."""

    transactions_type = CommitErrorIsUnknown
    remembered_type = AlwaysRemembered

    def _write_once(self, batch: Any, attempt: Attempt) -> Any:
        done = super()._write_once(batch, attempt)
        if done is not None:
            self._remembered.put(done[1])
        return done


class TokenNotCompared(MemoryBeforeCommit):
    """The filter of a remembered head does not contain the token."""

    documents_type = WithoutToken


class WithoutGeneration(FilteredDocuments):
    omitted = ("generation",)


class GenerationNotCompared(MongoStore):
    """The filter does not contain the generation."""

    documents_type = WithoutGeneration
    remembered_type = AlwaysRemembered


class WithoutHead(FilteredDocuments):
    omitted = ("generation", "value", "token")


class HeadNotCompared(MongoStore):
    """The filter contains the name of the series only."""

    documents_type = WithoutHead
    remembered_type = AlwaysRemembered


class EntriesLater(SeriesDocuments):
    def write(self, changes: Sequence[Change], now: int, session: Any) -> None:
        super().write([change._replace(entries=()) for change in changes], now, session)
        rows = [
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
        if rows:
            self._entries.insert_many(rows)


class EntriesOutside(MongoStore):
    """Entries are inserted without the session of the transaction."""

    documents_type = EntriesLater


class UnorderedDocuments(SeriesDocuments):
    def last_values(self, heads: Any, requests: Any, session: Any) -> Any:
        return super().last_values(heads, requests, None)


class LookupNotAfterHead(MongoStore):
    """The lookup of tokens may be older than the head."""

    documents_type = UnorderedDocuments


class MemoizedDocuments(SeriesDocuments):
    known: Any = None

    def last_values(self, *args: Any) -> Any:
        if self.known is None:
            self.known = super().last_values(*args)
        return self.known


class PreviousReads(MongoStore):
    """A repeated transaction uses the entries that its first attempt has read."""

    documents_type = MemoizedDocuments

    def _write_once(self, batch: Any, attempt: Attempt) -> Any:
        if attempt.number == 1:
            self._documents.known = None  # type: ignore[attr-defined]
        return super()._write_once(batch, attempt)

    def _repeat(self, *args: Any) -> Any:
        self._documents.known = None  # type: ignore[attr-defined]
        return super()._repeat(*args)


class UnmatchedDocuments(SeriesDocuments):
    def _replace(self, changes: Sequence[Change], session: Any) -> None:
        if len(changes) < 2:
            super()._replace(changes, session)
            return
        commands = [
            self._driver.update_one(
                self._filter(change),
                {"$set": {"value": Int64(change.new.value), "token": change.new.token}},
            )
            for change in changes
        ]
        self._series.bulk_write(commands, ordered=False, session=session)


class MatchesNotCounted(MongoStore):
    """A bulk command counts as successful if it matched only some of the heads."""

    documents_type = UnmatchedDocuments
    remembered_type = AlwaysRemembered


class FloatingSum(MongoStore):
    """The value becomes a floating-point number."""

    rule = staticmethod(allocate_without_bound)


class SurvivingOrphans(Transactions):
    def _end_orphans(self, deadline: Deadline) -> None:
        pass


class OrphansNeverKilled(MongoStore):
    """A transaction that a server abandoned keeps its locks."""

    transactions_type = SurvivingOrphans


class FreshSessions(Transactions):
    def run(self, body: Callable[[Attempt], Any], deadline: Deadline) -> Any:
        return self._run(self._client.start_session(causal_consistency=False), body, deadline)


class SessionsNotReused(MongoStore):
    """Each batch has a session of its own."""

    transactions_type = FreshSessions


class GenerationKept(MongoStore):
    """A deleted series keeps its generation."""

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        def delete(attempt: Attempt) -> Head:
            head = self._documents.heads([series], attempt.session)[series]
            if head.generation:
                deleted = Head(head.generation, 0 if restart else head.value)
                change = Change(series, head, deleted)
                self._documents.write([change], self._runtime.now_ms(), attempt.session)
            return head

        self._transactions.run(delete, self._deadlines.start())
