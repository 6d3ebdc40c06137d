"""Asynchronous access to series: allocate, peek, look up, advance, delete, list."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from monotron.errors import EntryNotFound, InvalidRequest, SeriesNotFound
from monotron.model.allocation import AllocationRequest
from monotron.model.name_patterns import NamePatterns
from monotron.model.series import Allocation, Entry, LedgerEntry, Reuse, SeriesKey
from monotron.services.batcher import Batcher
from monotron.services.executor import StoreExecutor
from monotron.services.paging import BATCH_ROWS, page_of
from monotron.store import Store
from monotron.store.audit import AuditSlice
from monotron.store.contents import StoreContents, StoreSize

MAX_OMITTED_ROWS = 100_000
"""The number of series of other names that a request for a page may read."""


class SeriesService:
    """The operations on series. Errors of the store are raised unchanged."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._store = store
        self._renamed = store.renamed
        self._executor = executor
        self._allocations: Batcher[AllocationRequest, Allocation] = Batcher(
            store.begin_allocate,
            executor.batch_thread("allocate"),
            max_batch_size=store.max_batch_size,
            operation="allocate",
            observer=executor.observer,
            after=store.after_commit,
        )
        self._peeks: Batcher[SeriesKey, Entry | None] = Batcher(
            lambda keys: partial(store.peek, keys),
            executor.batch_thread("peek"),
            max_batch_size=store.max_batch_size,
            operation="peek",
            observer=executor.observer,
        )

    @property
    def waiting(self) -> int:
        """The number of requests that wait for the store."""
        return self._allocations.waiting + self._peeks.waiting

    @property
    def is_busy(self) -> bool:
        """Whether the store allocates or peeks, or is about to."""
        return self._allocations.is_busy or self._peeks.is_busy

    def next(
        self,
        series: SeriesKey,
        token: str,
        reuse: Reuse,
        assigned_by: str,
        *,
        initial: int = 0,
    ) -> "asyncio.Future[Allocation]":
        """The value of the token: a new one, or the one that *reuse* selects.

        A series that does not exist yet starts after *initial*. *assigned_by* is the name of the
        principal. The ledger stores it with a new value.
        """
        self._renamed.check_key(series)
        return self._allocations.add(
            AllocationRequest(series, token, reuse, assigned_by, initial=initial)
        )

    async def peek(self, series: SeriesKey) -> Entry:
        """The current entry. Raises `SeriesNotFound` if the series does not exist."""
        self._renamed.check_key(series)
        entry = await self._peeks.add(series)
        if entry is None:
            raise _series_not_found(series)
        return entry

    async def entry(self, series: SeriesKey, token: str) -> Entry:
        """The latest entry of the token. Raises `EntryNotFound` if it does not exist."""
        self._renamed.check_key(series)
        entry = await self._executor.run(self._store.entry, series, token)
        if entry is None:
            raise EntryNotFound(
                f"The series {series.key!r} has no entry for the token {token!r}. No value was "
                "assigned to it, or the series was deleted since. PUT to the same path assigns a "
                "value."
            )
        return entry

    async def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        """Advance the series to *value*, so that the next value is *value* + 1."""
        self._renamed.check_key(series)
        return await self._executor.run(self._store.advance_to, series, value, assigned_by)

    async def delete(self, series: SeriesKey, *, restart: bool) -> None:
        """Delete the series and its entries; with *restart* also its high-water mark."""
        self._renamed.check_key(series)
        await self._executor.run(self._store.delete, series, restart=restart)

    async def page(
        self, account: int, names: NamePatterns, prefix: str, after: str, limit: int
    ) -> tuple[list[Entry], str | None]:
        """A page of current entries in order of key, and the value of *after* for the next page.

        It contains series that belong to *names*, and whose keys start with *prefix*. Raises
        InvalidRequest if there are too many others between them.
        """
        entries: list[Entry] = []
        omitted = 0
        for key_range in names.key_ranges(prefix, after):
            position = after
            while len(entries) <= limit:
                count = BATCH_ROWS if omitted else limit + 1 - len(entries)
                if key_range.is_single:
                    count = 1
                rows = await self._executor.run(
                    self._store.series_page, account, key_range.prefix, position, count
                )
                visible = [
                    row for row in rows if row.key in key_range and names.allows_key(row.key)
                ]
                entries += visible
                omitted += len(rows) - len(visible)
                if omitted > MAX_OMITTED_ROWS:
                    raise InvalidRequest(
                        "Too many series of other names would have to be read. These credentials "
                        "may not use them. Pass `prefix`, for example `NAME-patch-v`, to narrow "
                        "the list."
                    )
                if key_range.is_single or len(rows) < count:
                    break
                position = rows[-1].key
        page = entries[:limit]
        return page, page[-1].key if len(entries) > limit else None

    async def ledger(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> tuple[list[LedgerEntry], int | None]:
        """A page of the ledger, newest first, and the value of *before* for the next page."""
        self._renamed.check_key(series)

        def read(count: int) -> list[LedgerEntry]:
            entries = self._store.ledger_page(series, before, count)
            if entries is None:
                raise _series_not_found(series)
            return entries

        return await self._executor.run(page_of, read, limit, lambda row: row.entry.value)

    async def contents(self) -> StoreContents:
        """What the store contains."""
        return await self._executor.run(self._store.contents)

    async def size(self) -> StoreSize:
        """The space that the store uses."""
        return await self._executor.run(self._store.size)

    def retries(self) -> Counter[str]:
        """How often the store has repeated calls, by `store.retries.RetryReason`."""
        return self._store.retries()

    async def ping(self) -> None:
        """Check that the store accepts writes. Raises its error if it does not."""
        await self._executor.probe(self._store.ping)

    async def audit(self) -> AsyncIterator[AuditSlice]:
        """Audit the store slice by slice, using at most half of the store's time."""
        slices = self._store.audit()
        while True:
            started_at = time.monotonic()
            audit_slice = await self._executor.run(lambda: next(slices, None))
            if audit_slice is None:
                return
            yield audit_slice
            await asyncio.sleep(time.monotonic() - started_at)

    async def backup(self, target: Path) -> None:
        """Write a consistent copy of the store to the new file *target*."""
        await self._executor.run(self._store.backup, target)


def _series_not_found(series: SeriesKey) -> SeriesNotFound:
    return SeriesNotFound(
        f"The series {series.key!r} does not exist. No value was assigned in it yet, or it was "
        "deleted. The first PUT of a token creates it with the value 1."
    )
