"""Deliberately broken MongoDB stores: what they answer was not read as it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, Reuse, SeriesHead, SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.allocation import Allocator
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.reads import Reads, any_of, collection
from monotron.store.mongo.remembered import RememberedHeads
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import Change, entry_of
from monotron.store.mongo.transactions import NothingToWrite


class CurrentTokenOnly(MongoStore):
    """Only the current token is known, also if any earlier token may be reused."""

    def allocate(self, requests: Sequence[AllocationRequest]) -> Any:
        return super().allocate([each._replace(reuse=Reuse.CURRENT) for each in requests])


class WindowDocuments(SeriesDocuments):
    def last_values(self, heads: Mapping[SeriesKey, SeriesHead], *args: Any) -> Any:
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

    def current(self, name: str, keys: Sequence[Any], deadline: Deadline | None = None) -> Any:
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


class ReadsOfAnyTime(Reads):
    def after(self, time: Any, *args: Any) -> Any:
        return super().after(None, *args)


class OthersNotAfterFirst(MongoStore):
    """Majority reads that follow a linearizable one may be older."""

    reads_type = ReadsOfAnyTime


class AlwaysRemembered(RememberedHeads):
    """Remembers heads also while other servers write the same series."""

    def were_outdated(self) -> None:
        pass


class RepeatingFromMemory(Allocator):
    def remembered(self, keys: Iterable[SeriesKey]) -> dict[SeriesKey, SeriesHead] | None:
        """The heads of these series, if all of them are remembered."""
        series = list(dict.fromkeys(keys))
        heads = self._remembered.take(series)
        self._remembered.put([Change(key, head, head) for key, head in heads.items()])
        return heads if len(heads) == len(series) else None

    def _repeat(self, batch: Any, deadline: Deadline) -> Any:
        heads = self.remembered(batch.requests)
        if heads is None:
            return super()._repeat(batch, deadline)
        last_values = partial(self._documents.last_values, heads, list(batch.all_requests()))
        known, _ = self._reads.after(None, last_values, deadline)
        results, changes = batch.decide(heads, known)
        return None if changes else results


class RepeatsFromMemory(MongoStore):
    """Repeated requests and reads are answered from the heads that the server remembers."""

    remembered_type = AlwaysRemembered
    allocator_type = RepeatingFromMemory

    def peek(self, keys: Sequence[SeriesKey]) -> Any:
        heads = self._allocator.remembered(keys)  # type: ignore[attr-defined]
        if heads is None:
            return super().peek(keys)
        return [entry_of(series, heads[series]) for series in keys]


class AnsweredEarly(Exception):
    """The results of a transaction that is then aborted."""


class AnsweringFromAborted(Allocator):
    """Results of this type are answered from a transaction that is not committed."""

    early: type

    def _write_once(self, batch: Any, session: Any) -> Any:
        try:
            return super()._write_once(batch, session)
        except NothingToWrite:
            heads = self._documents.heads(list(batch.requests), session)
            known = self._documents.last_values(heads, batch.all_requests(), session)
            results, _ = batch.decide(heads, known)
            if all(isinstance(result, self.early) for result in results):
                raise AnsweredEarly(results) from None
            raise

    def _write(self, batch: Any, deadline: Deadline) -> Any:
        try:
            return super()._write(batch, deadline)
        except AnsweredEarly as answer:
            return answer.args[0]


class RefusingFromAborted(AnsweringFromAborted):
    early = MonotronError


class RefusalsFromAborted(MongoStore):
    """A refusal is answered from a transaction that is not committed."""

    allocator_type = RefusingFromAborted


class ReusingFromAborted(AnsweringFromAborted):
    early = Allocation


class RepeatsFromAborted(MongoStore):
    """A repeated request is answered from a transaction that is not committed."""

    allocator_type = ReusingFromAborted


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


class AllocatorWithMemory(Allocator):
    def _write(self, *args: Any) -> Any:
        self._documents.known = None  # type: ignore[attr-defined]
        return super()._write(*args)

    def _repeat(self, *args: Any) -> Any:
        self._documents.known = None  # type: ignore[attr-defined]
        return super()._repeat(*args)


class PreviousReads(MongoStore):
    """A repeated transaction uses the entries that its first attempt has read."""

    documents_type = MemoizedDocuments
    allocator_type = AllocatorWithMemory
