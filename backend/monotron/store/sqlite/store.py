"""A store in one SQLite file, or in memory: the embedded default.

One connection, one transaction per batch, fsynced before it is answered.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from monotron.errors import InvalidSetting, MonotronError
from monotron.model.allocation import AllocationRequest, allocate, starting_value, would_decrease
from monotron.model.quotas import UNLIMITED, CreatedSeries, Quotas
from monotron.model.renames import RenamedNames
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesKey
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.audit import AuditSlice
from monotron.store.contents import StoreContents, StoreSize
from monotron.store.fast_forward import FastForwarded
from monotron.store.interface import Store
from monotron.store.recent import newest_entries
from monotron.store.sqlite.attributes import SqliteAttributes, has_attributes
from monotron.store.sqlite.audit import audit
from monotron.store.sqlite.auth_records import SqliteAuthRecords, SqliteTokenUses
from monotron.store.sqlite.connection import IN_MEMORY, Connect
from monotron.store.sqlite.fast_forward import fast_forward
from monotron.store.sqlite.file import SqliteFile, Transaction
from monotron.store.sqlite.generations import Generations
from monotron.store.sqlite.local_disk import MOUNT_TABLE
from monotron.store.sqlite.releases import SqliteReleases
from monotron.store.sqlite.rename import read_renamed_names
from monotron.store.sqlite.schema import SCHEMA_VERSION
from monotron.store.sqlite.statements import (
    NO_HEAD,
    NewEntry,
    NewHead,
    next_generation,
    read_head,
    read_heads,
    read_heads_and_values,
    read_ledger,
    save,
)
from monotron.store.sqlite.transfer import SqliteTransfer
from monotron.store.sqlite.usage import add_series, add_usage, used_series


class SqliteStore(Store):
    """A store in one SQLite file, which one process locks exclusively."""

    shareable = False
    max_concurrency = 1
    max_batch_size = 512

    rule: ClassVar[Callable[..., Any]] = staticmethod(allocate)
    """The counting rule. The simulator replaces both attributes in a broken store."""

    releases_type: ClassVar[type[SqliteReleases]] = SqliteReleases

    def __init__(
        self,
        path: str,
        *,
        runtime: Runtime = PRODUCTION,
        connect: Connect = sqlite3.connect,
        quotas: Quotas = UNLIMITED,
        mount_table: Path = MOUNT_TABLE,
    ) -> None:
        """*connect* opens the file. The simulator passes the function of its simulated disk."""
        self._file = SqliteFile(path, runtime=runtime, connect=connect, mount_table=mount_table)
        self._generations = Generations()
        self.releases = self.releases_type(self._file, runtime, quotas, self._generations.restart)
        self.auth_records = SqliteAuthRecords(self._file)
        self.token_uses = SqliteTokenUses(self._file, runtime.clock)
        self.attributes = SqliteAttributes(self._file, quotas)
        self.transfer = SqliteTransfer(self._file, runtime)
        self.renamed = RenamedNames()
        self._runtime = runtime
        self._quotas = quotas

    @classmethod
    def open(
        cls, url: str, *, runtime: Runtime, quotas: Quotas = UNLIMITED, exclusive: str = ""
    ) -> "SqliteStore":
        """Open `sqlite://` (in memory), `sqlite:///relative` or `sqlite:////absolute`.

        The use of a file is always exclusive.
        """
        store = cls(path_of(url), runtime=runtime, quotas=quotas)
        with store._file.transaction() as transaction:
            store.renamed.replace(read_renamed_names(transaction))
        return store

    @classmethod
    def describe(cls, url: str) -> str:
        path = path_of(url)
        return "memory" if path == IN_MEMORY else str(Path(path).absolute())

    @classmethod
    def file(cls, url: str) -> Path | None:
        path = path_of(url)
        return None if path == IN_MEMORY else Path(path)

    def begin_allocate(
        self, requests: Sequence[AllocationRequest]
    ) -> Callable[[], list[Allocation | MonotronError]]:
        # Statements take microseconds. On a thread, they would compete for the interpreter lock,
        # which delays the event loop longer than running them here. So only the commit, which
        # waits for the disk, runs on a thread (docs/decisions/0004-commit-on-a-thread.md).
        transaction = self._file.begin_immediately()
        if transaction is None:
            return super().begin_allocate(requests)
        with transaction.rolled_back_on_error():
            results = self._allocate(transaction, requests)

        def finish() -> list[Allocation | MonotronError]:
            transaction.commit()
            return results

        return finish

    def after_commit(self) -> None:
        self._file.checkpoint_if_due()

    def allocate(self, requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        with self._file.transaction() as transaction:
            return self._allocate(transaction, requests)

    def _allocate(
        self, transaction: Transaction, requests: Sequence[AllocationRequest]
    ) -> list[Allocation | MonotronError]:
        positions_by_series: dict[SeriesKey, list[int]] = {}
        for position, request in enumerate(requests):
            positions_by_series.setdefault(request.series, []).append(position)
        results: list[Allocation | MonotronError] = [None] * len(requests)  # type: ignore[list-item]
        new_heads: list[NewHead] = []
        new_entries: list[NewEntry] = []
        generation = 0
        created = CreatedSeries(self._quotas, partial(used_series, transaction))
        heads, values = read_heads_and_values(transaction, requests)
        for series, positions in positions_by_series.items():
            head = heads.get(series, NO_HEAD)
            of_series = [requests[position] for position in positions]
            start = starting_value(head, of_series)
            series_results, accepted = self.rule(
                start, head.token, values.get(series, {}), of_series
            )
            is_new = bool(accepted) and not head.active
            if is_new and (error := created.add(series.account)):
                series_results, accepted = [error] * len(positions), []
            for position, result in zip(positions, series_results, strict=True):
                results[position] = result
            if not accepted:
                continue
            if not head.generation:
                generation = generation + 1 if generation else next_generation(transaction)
            of_head = head.generation or generation
            if start > head.value:
                new_entries.append(NewEntry(of_head, start, None, accepted[0].assigned_by))
            for value, request in enumerate(accepted, start + 1):
                new_entries.append(NewEntry(of_head, value, request.token, request.assigned_by))
            new_heads.append(NewHead(of_head, *series, value, request.token))
        if new_entries:
            save(transaction, new_heads, new_entries, self._now())
            for account, number in created.by_account.items():
                add_usage(transaction, account, series=number)
            self._generations.delete_some_rows(transaction)
        return results

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        with self._file.transaction() as transaction:
            heads = read_heads(transaction, dict.fromkeys(keys))
        return [
            Entry(*key, head.token, head.value)
            if (head := heads.get(key)) and head.active
            else None
            for key in keys
        ]

    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        with self._file.transaction() as transaction:
            row = transaction.one(
                "SELECT entries.value FROM series JOIN entries USING (generation) "
                "WHERE account = ? AND key = ? AND entries.token IS ? "
                "ORDER BY entries.value DESC LIMIT 1",
                *series,
                token,
            )
        return Entry(*series, token, row[0]) if row else None

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        with self._file.transaction() as transaction:
            head = read_head(transaction, series)
            if value < head.value:
                raise would_decrease(series, head.value, value)
            if value == head.value and head.active:
                return Allocation(Entry(*series, head.token, value), reused=True)
            if not head.active:
                add_series(transaction, series.account, self._quotas)
            generation = head.generation or next_generation(transaction)
            new_head = NewHead(generation, *series, value, None)
            new_entry = NewEntry(generation, value, None, assigned_by)
            save(transaction, [new_head], [new_entry], self._now())
        return Allocation(Entry(*series, None, value), reused=False)

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        with self._file.transaction() as transaction:
            head = read_head(transaction, series)
            high_water_mark = 0 if restart else head.value
            if (
                not head.active
                and high_water_mark == head.value
                and not has_attributes(transaction, head.generation)
            ):
                return
            self._generations.restart(transaction, series, head, high_water_mark)
            self._generations.delete_some_rows(transaction)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        with self._file.transaction() as transaction:
            rows = transaction.execute(
                "SELECT key, token, value FROM series "
                "WHERE account = ? AND key > ? AND key >= ? AND is_active ORDER BY key LIMIT ?",
                (account, after, prefix, limit),
            ).fetchall()
        # In order of key, the keys with the prefix are adjacent, and the first row has one of them.
        return [Entry(account, *row) for row in rows if row[0].startswith(prefix)]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        with self._file.transaction() as transaction:
            head = read_head(transaction, series)
            if not head.active:
                return None
            up_to = head.value if before is None else before - 1
            return read_ledger(transaction, series, head.generation, limit, up_to)

    def recent(
        self, account: int, limit: int, is_visible: Callable[[str], bool], newer_than: int = -1
    ) -> list[LedgerEntry]:
        with self._file.transaction() as transaction:
            series = transaction.execute(
                "SELECT key, generation, updated_at FROM series "
                "WHERE account = ? AND is_active AND updated_at > ? ORDER BY updated_at DESC",
                (account, newer_than),
            )

            def read(series: tuple[str, int]) -> list[LedgerEntry]:
                return read_ledger(transaction, SeriesKey(account, series[0]), series[1], limit)

            return newest_entries(
                (((key, generation), updated_at) for key, generation, updated_at in series),
                read,
                limit,
                lambda series: is_visible(series[0]),
            )

    def contents(self) -> StoreContents:
        with self._file.transaction() as transaction:
            row = transaction.one(
                "SELECT (SELECT count(*) FROM names), "
                "(SELECT coalesce(sum(series), 0) FROM usage WHERE account > 0)"
            )
        return StoreContents(*row)

    def size(self) -> StoreSize:
        return self._file.size()

    def ping(self) -> None:
        with self._file.transaction() as transaction:
            # Only a write detects a disk that is full or read-only.
            transaction.write(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        return audit(self._file, alone=alone)

    def fast_forward(self, amount: int) -> FastForwarded:
        with self._file.transaction() as transaction:
            return fast_forward(transaction, amount, self._now())

    def backup(self, target: Path, done: Callable[[int], None] | None = None) -> None:
        self._file.backup(target, done)

    def close(self) -> None:
        self._file.close()

    def _now(self) -> int:
        return self._runtime.now_ms()


def path_of(url: str) -> str:
    """The file of a store URL, or `:memory:`. Raises `InvalidSetting` if the URL is invalid."""
    path = url.removeprefix("sqlite://")
    if path and not (path.startswith("/") and path.strip("/")):
        raise InvalidSetting(
            "Invalid SQLite store URL. Use sqlite:///FILE (three slashes, a relative path), "
            "sqlite:////PATH/FILE (four, an absolute path) or sqlite:// (in memory)."
        )
    return path[1:] or IN_MEMORY
