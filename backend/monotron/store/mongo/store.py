"""A store in one MongoDB database: what it consists of, and reads of series."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pymongo
from bson import Int64
from pymongo.database import Database

from monotron.errors import InvalidRequest
from monotron.model.allocation import AllocationRequest, allocate
from monotron.model.quotas import UNLIMITED, Quotas
from monotron.model.renames import RenamedNames
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesKey
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.audit import AuditSlice
from monotron.store.contents import StoreContents, StoreSize
from monotron.store.fast_forward import FastForwarded
from monotron.store.interface import Store
from monotron.store.mongo.allocation import Allocator, current_heads
from monotron.store.mongo.attributes import MongoAttributes
from monotron.store.mongo.audit import MongoAudit
from monotron.store.mongo.auth_records import MongoAuthRecords, MongoTokenUses
from monotron.store.mongo.batch import Results
from monotron.store.mongo.changes import SeriesChanges
from monotron.store.mongo.client import (
    PYMONGO,
    Document,
    Driver,
    checked_database,
    without_secrets,
)
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.fast_forward import fast_forward
from monotron.store.mongo.reads import Reads
from monotron.store.mongo.registration import Registration
from monotron.store.mongo.releases import MongoReleases
from monotron.store.mongo.remembered import MAX_REMEMBERED, RememberedHeads
from monotron.store.mongo.rename import read_renamed_names
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import entry_of, ledger_entry_of
from monotron.store.mongo.sweep import Sweep
from monotron.store.mongo.transactions import Transactions
from monotron.store.mongo.transfer import MongoTransfer
from monotron.store.mongo.usage import MongoUsage
from monotron.store.retries import RetryCounts

CALL_SECONDS = 14.0
"""The time limit of one call, including elections. An abort may take `ABORT_SECONDS` more."""

ATTEMPT_SECONDS = 5.0
"""The time limit of one attempt of a transaction, of one commit, and of one other command."""

CLOSE_SECONDS = 1.0
"""The time limit for ending the sessions. MongoDB ends them itself after 30 minutes."""


class MongoStore(Store):
    """A store in one database. It creates its collections and their indexes."""

    shareable = True
    max_concurrency = 16
    max_batch_size = 256

    documents_type: ClassVar[type[SeriesDocuments]] = SeriesDocuments
    transactions_type: ClassVar[type[Transactions]] = Transactions
    reads_type: ClassVar[type[Reads]] = Reads
    sweep_type: ClassVar[type[Sweep]] = Sweep
    remembered_type: ClassVar[type[RememberedHeads]] = RememberedHeads
    releases_type: ClassVar[type[MongoReleases]] = MongoReleases
    allocator_type: ClassVar[type[Allocator]] = Allocator
    rule: ClassVar[Callable[..., Any]] = staticmethod(allocate)
    """The counting rule. Tests replace these attributes in subclasses."""

    def __init__(
        self,
        database: "Database[Document]",
        *,
        runtime: Runtime = PRODUCTION,
        driver: Driver = PYMONGO,
        call_seconds: float = CALL_SECONDS,
        attempt_seconds: float = ATTEMPT_SECONDS,
        max_remembered: int = MAX_REMEMBERED,
        quotas: Quotas = UNLIMITED,
        registration: Registration | None = None,
    ) -> None:
        """*registration*: of this process, which the store closes. Optional in tests."""
        self._database = database
        self._registration = registration
        self.renamed = RenamedNames()
        self._client, self._runtime, self._timeout = database.client, runtime, driver.timeout
        self._retries = retries = RetryCounts()

        def start_deadline(*, seconds: float = call_seconds) -> Deadline:
            if registration is not None:
                registration.check()
            options = {"seconds": seconds, "attempt_seconds": attempt_seconds}
            return Deadline(runtime, driver, retries, **options)

        self._start_deadline = start_deadline
        self._documents = documents = self.documents_type(database, driver)
        transactions = self.transactions_type(database, runtime, driver, start_deadline)
        self._transactions = transactions
        self._reads = reads = self.reads_type(database, start_deadline)
        self._sweep = self.sweep_type(database, documents, transactions, runtime)
        self.auth_records = auth_records = MongoAuthRecords(database, reads, transactions)
        self.token_uses = MongoTokenUses(database, transactions)
        self._usage = usage = MongoUsage(database, driver)
        self._changes = changes = SeriesChanges(documents, usage, quotas, runtime.now_ms)
        # Each shard selects its own snapshot, so behind a router, heads are read before entries.
        remembered = self.remembered_type(0 if reads.is_sharded else max_remembered, runtime)
        self._allocator = self.allocator_type(
            documents, reads, transactions, changes, remembered, self.rule, quotas
        )
        self.releases = self.releases_type(
            database,
            documents,
            usage,
            changes,
            self._sweep,
            auth_records.add_event,
            reads,
            transactions,
            driver,
            runtime,
            quotas,
        )
        self.attributes = MongoAttributes(
            database, documents, usage, quotas, reads, transactions, runtime
        )
        self.transfer = MongoTransfer(
            database, registration, documents, auth_records, transactions, runtime
        )

    @classmethod
    def open(
        cls, url: str, *, runtime: Runtime, quotas: Quotas = UNLIMITED, exclusive: str = ""
    ) -> "MongoStore":
        """Connect to the URL's database. Raises `StartupError` if it cannot be used safely."""
        with checked_database(url) as database:
            registration = Registration(database, runtime, exclusive)
            try:
                store = cls(database, runtime=runtime, quotas=quotas, registration=registration)
                store.renamed.replace(read_renamed_names(database))
                return store
            except BaseException:
                registration.close()
                raise

    @classmethod
    def describe(cls, url: str) -> str:
        return without_secrets(url)

    def allocate(self, requests: Sequence[AllocationRequest]) -> Results:
        return self._allocator.allocate(requests)

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        heads, _ = current_heads(self._reads, keys)
        return [entry_of(series, heads[series]) for series in keys]

    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        deadline = self._start_deadline()
        heads, time = current_heads(self._reads, [series], deadline)
        if not heads[series].active:
            return None
        last_value = partial(self._documents.last_value, series, heads[series], token)
        value, _ = self._reads.after(time, last_value, deadline)
        return None if value is None else Entry(*series, token, value)

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        return self._transactions.decide(partial(self._changes.advance, series, value, assigned_by))

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        delete = partial(self._changes.delete, series, restart=restart)
        if self._transactions.decide(delete).generation:
            self._sweep.later(series)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        page = partial(self._documents.page, account, prefix, after, limit)
        return self._reads.after(None, page)[0]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        deadline = self._start_deadline()
        heads, time = self._reads.after(None, partial(self._documents.heads, [series]), deadline)
        head = heads[series]
        if not head.active:
            return None
        up_to = {"value": {"$lte": Int64(head.value if before is None else before - 1)}}
        page = partial(self._documents.rows, series, head, up_to, limit=limit)
        rows, _ = self._reads.after(time, page, deadline)
        return [ledger_entry_of(row) for row in rows]

    def recent(
        self, account: int, limit: int, is_visible: Callable[[str], bool], newer_than: int = -1
    ) -> list[LedgerEntry]:
        read = partial(self._documents.recent, account, limit, is_visible, newer_than)
        return self._reads.after(None, read)[0]

    def contents(self) -> StoreContents:
        return self._reads.after(None, self._usage.contents)[0]

    def size(self) -> StoreSize:
        return self._reads.after(None, self._usage.size)[0]

    def retries(self) -> Counter[str]:
        return self._retries.read()

    def ping(self) -> None:
        self._start_deadline(seconds=1.5).persist(
            lambda: self._client.admin.command(
                "ping", read_preference=pymongo.ReadPreference.PRIMARY
            )
        )

    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        return MongoAudit(self._database, self._transactions).run()

    def fast_forward(self, amount: int) -> FastForwarded:
        shared = self._database, self._documents, self._transactions
        return fast_forward(*shared, amount, self._runtime.now_ms())

    def backup(self, target: Path, done: Callable[[int], None] | None = None) -> None:
        raise InvalidRequest(
            "MongoDB stores cannot be backed up by Monotron. Use mongodump --oplog, or a "
            "snapshot of the volumes."
        )

    def close(self) -> None:
        self._sweep.close()
        self._transactions.close()
        if self._registration is not None:
            self._registration.close()
        with self._timeout(CLOSE_SECONDS):
            self._client.close()
