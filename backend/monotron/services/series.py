"""The domain of a series: next, peek, look up, raise, delete, list."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from monotron.errors import EntryNotFound, SeriesNotFound, StoreUnavailable
from monotron.model.allocation import AllocationRequest
from monotron.model.series import INT64_MAX, Allocation, Entry, LedgerEntry, Reuse, SeriesKey
from monotron.services.batcher import WAIT_SECONDS, Batcher
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from monotron.store.audit import AuditSlice

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class SeriesService:
    """What can be asked of series. Raises the errors of the store untouched."""

    def __init__(self, store: Store) -> None:
        self._store = store
        most = store.max_concurrency
        # Threads of their own for steps: what is started holds the store until it is finished,
        # and may not wait behind a call that waits for the store.
        self._steps = StoreExecutor(most, "step")
        self._calls = StoreExecutor(2 * most + 1, "call")
        self._free = asyncio.Semaphore(most)
        self._advances: Batcher[AllocationRequest, Allocation] = Batcher(
            store.start,
            self._steps.submit,
            max_batch_size=store.max_batch_size,
            max_concurrency=most,
            afterwards=store.after_commit,
        )
        self._peeks: Batcher[SeriesKey, Entry | None] = Batcher(
            lambda keys: partial(store.peek, keys),
            self._calls.submit,
            max_batch_size=store.max_batch_size,
            max_concurrency=most,
        )

    def next(
        self, series: SeriesKey, token: str, reuse: Reuse, by: str, *, up_to: int = INT64_MAX
    ) -> "asyncio.Future[Allocation]":
        """The value of the token: a new one, or the one that *reuse* says to give again.

        The ledger keeps *by*, the name of the principal who asks, of a new one.
        """
        request = AllocationRequest(series, token, reuse, by, up_to)
        return self._advances.ask(self._store.lane(series), request)

    async def peek(self, series: SeriesKey) -> Entry:
        """The current entry; `SeriesNotFound` where there is none."""
        entry = await self._peeks.ask(self._store.lane(series), series)
        if entry is None:
            raise _not_found(series)
        return entry

    async def entry(self, series: SeriesKey, token: str) -> Entry:
        """What the token was last given; `EntryNotFound` if this series never saw it."""
        entry = await self.run(self._store.entry, series, token)
        if entry is None:
            raise EntryNotFound(
                f"The series {series.key!r} has no entry for the token {token!r}: it was never "
                "given a value, or the series was deleted since. PUT to the same path gives one."
            )
        return entry

    async def advance_to(self, series: SeriesKey, value: int, by: str) -> Allocation:
        """Let the next value be *value* + 1."""
        return await self.run(self._store.advance_to, series, value, by)

    async def delete(self, series: SeriesKey, *, restart: bool) -> None:
        """Forget the series and its entries; its height too with *restart*."""
        await self.run(partial(self._store.delete, series, restart=restart))

    async def page(
        self, account: int, prefix: str, after: str, limit: int
    ) -> tuple[list[Entry], str | None]:
        """A page of current entries in order of key, and what to pass as *after* for the next."""
        entries = await self.run(self._store.series_page, account, prefix, after, limit + 1)
        more = len(entries) > limit
        entries = entries[:limit]
        return entries, entries[-1].key if more else None

    async def ledger(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> tuple[list[LedgerEntry], int | None]:
        """A page of the ledger, newest first, and what to pass as *before* for the next."""
        rows = await self.run(self._store.ledger_page, series, before, limit + 1)
        if rows is None:
            raise _not_found(series)
        more = len(rows) > limit
        rows = rows[:limit]
        return rows, rows[-1].entry.value if more else None

    async def ping(self) -> None:
        """Return if the store would take a write now, else raise."""
        await self._calls.call(self._store.ping)  # there is a thread for it

    async def audit(self) -> AsyncIterator[AuditSlice]:
        """The audit of the store, a slice at a time, and at most half of the store's time."""
        slices = self._store.audit()
        while True:
            began = time.monotonic()
            slice = await self.run(lambda: next(slices, None))
            if slice is None:
                return
            yield slice
            await asyncio.sleep(time.monotonic() - began)

    async def backup(self, target: Path) -> None:
        """Write a consistent copy of the store into the new file *target*."""
        await self.run(self._store.backup, target)

    def close(self) -> None:
        """Wait for the calls under way, then close the store."""
        self._steps.close()
        self._calls.close()
        self._store.close()

    async def run(
        self,
        call: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Make a call that waits for the store on a thread, once there is one for it."""
        try:
            await asyncio.wait_for(self._free.acquire(), WAIT_SECONDS)
        except TimeoutError:
            raise StoreUnavailable(
                f"The store was busy for {WAIT_SECONDS:g} seconds, so this request was not "
                "taken. Send the same request again in a moment."
            ) from None
        try:
            return await self._calls.call(partial(call, *args, **kwargs))
        finally:
            self._free.release()


def _not_found(series: SeriesKey) -> SeriesNotFound:
    return SeriesNotFound(
        f"There is no series {series.key!r}: nothing was counted under this key yet, or it was "
        "deleted. The first PUT of a token gives it the value 1."
    )
