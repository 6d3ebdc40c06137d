"""Deliberately broken SQLite stores. Each has a defect that real stores have had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from monotron.errors import MonotronError, StoreUnavailable
from monotron.model.allocation import AllocationRequest
from monotron.model.series import INT64_MAX, Allocation, Entry, Reuse, SeriesKey
from monotron.store.sqlite.store import SqliteStore


def allocate_without_bound(
    value: float,
    current: str | None,
    known: Mapping[str, int],
    requests: Sequence[AllocationRequest],
) -> Any:
    """`$add` beyond the last value returns a floating-point number."""
    answers: list[Allocation | MonotronError] = []
    new = []
    last: dict[str, Any] = {**known, **({} if current is None else {current: value})}
    for request in requests:
        series, token, reuse, *_ = request
        if token == current or (reuse is Reuse.ANY and token in last):
            answers.append(Allocation(Entry(*series, token, last[token]), reused=True))
            continue
        value = value + 1 if value < INT64_MAX else float(value)
        current = token
        last[token] = value
        new.append(request)
        answers.append(Allocation(Entry(*series, token, last[token]), reused=False))
    return answers, new


class FloatingSumInSqlite(SqliteStore):
    """The value becomes a floating-point number."""

    rule = staticmethod(allocate_without_bound)


class ReplyBeforeCommit(SqliteStore):
    """The response is sent before the commit has returned, and whatever its result is."""

    def begin_allocate(self, requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        transaction = self._file.begin_immediately()
        if transaction is None:
            return partial(self.allocate, requests)
        with transaction.rolled_back_on_error():
            answers = self._allocate(transaction, requests)

        def commit() -> None:
            with suppress(MonotronError):
                transaction.commit()

        def finish() -> Any:
            self._runtime.spawn(commit, "commit")
            return answers

        return finish


class FailedCommitIsNo(SqliteStore):
    """A failed commit counts as not applied."""

    def begin_allocate(self, requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        finish = super().begin_allocate(requests)

        def finished() -> Any:
            try:
                return finish()
            except StoreUnavailable as error:
                error.applied = "no"
                raise

        return finished


class HighWaterMarkNotKept(SqliteStore):
    """A deleted series starts again with 1."""

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        super().delete(series, restart=True)


class CurrentValueForOldToken(SqliteStore):
    """A repeated request gets the current value of the series."""

    def allocate(self, requests: Sequence[AllocationRequest]) -> Any:
        answers = super().allocate(requests)
        entries = self.peek([request.series for request in requests])
        return [
            answer._replace(entry=answer.entry._replace(value=entry.value))
            if isinstance(answer, Allocation) and answer.reused and entry
            else answer
            for answer, entry in zip(answers, entries, strict=True)
        ]

    def begin_allocate(self, requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        return partial(self.allocate, requests)
