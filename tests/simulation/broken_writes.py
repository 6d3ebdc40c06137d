"""Deliberately broken MongoDB stores: heads, entries and generations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.client_session import ClientSession

from monotron.model.series import SeriesHead, SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.allocation import Allocator
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.reads import collection
from monotron.store.mongo.series import SeriesDocuments, first_duplicate
from monotron.store.mongo.series_fields import (
    Change,
    fields_of,
    heads_of,
    rows_of,
    series_of,
    where,
)
from monotron.store.mongo.sweep import Sweep
from monotron.store.mongo.transactions import Duplicate
from simulation.broken_commits import CommitErrorIsUnknown
from simulation.broken_reads import AlwaysRemembered
from simulation.broken_sqlite import allocate_without_bound


class LocalSweep(Sweep):
    def __init__(self, database: Any, *args: Any) -> None:
        self._local = collection(database, "series", "local")
        super().__init__(database, *args)

    def later(self, series: SeriesKey) -> None:
        self._queue.put((self._now() + 0.01, series))

    def generation(self, series: SeriesKey, deadline: Deadline) -> int:
        row = deadline.persist(lambda: self._local.find_one(where(series)))
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


class RememberingEarly(Allocator):
    def _write_once(self, *args: Any) -> Any:
        results, changes = super()._write_once(*args)
        self._remembered.put(changes)
        return results, changes


class MemoryBeforeCommit(MongoStore):
    """A head is remembered before its commit: harmless, because the filter contains the token."""

    transactions_type = CommitErrorIsUnknown
    remembered_type = AlwaysRemembered
    allocator_type = RememberingEarly


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
        rows = rows_of(changes, now)
        outside: Any = None
        duplicate = first_duplicate(self._entries, rows, outside) if rows else None
        if duplicate is not None:
            series = series_of(rows[duplicate])
            raise Duplicate(series, {each.series: each.seen for each in changes}[series])


class EntriesOutside(MongoStore):
    """Entries are inserted without the session of the transaction."""

    documents_type = EntriesLater


class UnmatchedDocuments(SeriesDocuments):
    def _replace(self, changes: Sequence[Change], now: int, session: Any) -> None:
        if len(changes) < 2:
            super()._replace(changes, now, session)
            return
        commands = [
            self._driver.update_one(self._filter(change), {"$set": fields_of(change.new, now)})
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


class GenerationKept(MongoStore):
    """A deleted series keeps its generation."""

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        def delete(session: ClientSession) -> SeriesHead:
            head = self._documents.heads([series], session)[series]
            if head.generation:
                deleted = SeriesHead(head.generation, 0 if restart else head.value)
                change = Change(series, head, deleted)
                self._documents.write([change], self._runtime.now_ms(), session)
            return head

        self._transactions.run(delete)
