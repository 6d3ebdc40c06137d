"""Series in MongoDB: a batch is one multi-document transaction.

The guarantees, and what each rests on (docs/how-it-works.md explains every part):

1. *Unique and increasing.* In one generation of a series, the unique index of `entries` by value
   alone prevents that a value is assigned twice. Across generations, and for the order of values,
   it is the write conflict on the head: `series.write` replaces a head only if generation, value
   and token are those that the values were computed from.
2. *Repeatable.* The entries of tokens are read in the snapshot in which the head is replaced: a
   remembered head is in it, or its filter fails. A batch that only repeats is answered from reads
   that are neither stale nor rolled back (`reads.Reads.current`).
3. *No skipped values.* Heads and entries are written in one transaction, together or not at all.
4. *Durable before answered.* Results are returned after the commit was acknowledged with write
   concern majority and journal (`transactions.Transactions.commit`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any, ClassVar

import pymongo
from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.errors import InvalidRequest
from monotron.model.allocation import AllocationRequest, allocate
from monotron.model.quotas import UNLIMITED, Quotas
from monotron.model.renames import RenamedNames
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesHead, SeriesKey
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.audit import AuditSlice
from monotron.store.contents import StoreContents, StoreSize
from monotron.store.fast_forward import FastForwarded
from monotron.store.interface import Store
from monotron.store.mongo.attributes import MongoAttributes
from monotron.store.mongo.audit import MongoAudit
from monotron.store.mongo.auth_records import MongoAuthRecords, MongoTokenUses
from monotron.store.mongo.batch import Batch, Results
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
from monotron.store.mongo.series_fields import Change, entry_of, heads_of, ledger_entry_of, where
from monotron.store.mongo.sweep import Sweep
from monotron.store.mongo.transactions import Duplicate, NothingToWrite, Transactions
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
    rule: ClassVar[Callable[..., Any]] = staticmethod(allocate)
    """The counting rule. Tests replace these seven attributes in subclasses."""

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
        # Each shard selects its own snapshot, so behind a router, heads are read before entries.
        self._remembered = self.remembered_type(0 if reads.is_sharded else max_remembered, runtime)
        self._expects_repeats = False
        self.auth_records = auth_records = MongoAuthRecords(database, reads, transactions)
        self.token_uses = MongoTokenUses(database, transactions)
        self._usage = usage = MongoUsage(database, driver)
        self._changes = SeriesChanges(documents, usage, quotas, runtime.now_ms)
        self._quotas = quotas
        self.releases = self.releases_type(
            database,
            documents,
            usage,
            self._changes,
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
        """Write all series of the batch in one transaction, or answer a batch of repeats.

        Either way may find that the other one is needed. The way of the last batch is tried first.
        """
        batch = Batch(requests, self.rule, self._quotas)
        deadline = self._start_deadline()
        ways = cycle((self._write, self._repeat))
        if self._expects_repeats:
            next(ways)
        while True:
            deadline.check()
            way = next(ways)
            results = way(batch, deadline)
            if results is not None:
                self._expects_repeats = way == self._repeat
                return results

    def _write(self, batch: Batch, deadline: Deadline) -> Results | None:
        """Allocate in a transaction. Return None if there is nothing to write."""
        attempts = count()

        def write_once(session: ClientSession) -> tuple[Results, list[Change]]:
            if next(attempts):  # another server writes the same series
                self._remembered.were_outdated()
            return self._write_once(batch, session)

        while True:
            try:
                results, changes = self._transactions.run(write_once, deadline)
            except NothingToWrite:
                return None
            except Duplicate as duplicate:
                batch.exclude(duplicate.series, duplicate.damage())
            else:
                self._remembered.put(changes)
                if changes:
                    return results
                # The commit confirms refusals. What the transaction read for repeats may be stale.
                batch.exclude_refused(results)
                return None

    def _write_once(self, batch: Batch, session: ClientSession) -> tuple[Results, list[Change]]:
        remembered = self._remembered.take(batch.requests)
        results, changes, used = self._decide(batch, remembered, session)
        replaced = {change.series for change in changes}
        if (changes or used) and not remembered.keys() <= replaced:
            # A remembered head is verified only by its replacement.
            results, changes, used = self._decide(batch, {}, session)
        if not (changes or used):  # without changes, `used` has made the quota refuse series
            raise NothingToWrite
        self._changes.write(changes, used, session)
        return results, changes

    def _decide(
        self, batch: Batch, remembered: Mapping[SeriesKey, SeriesHead], session: ClientSession
    ) -> tuple[Results, list[Change], dict[int, int]]:
        """Read what is not remembered, and apply the counting rule and the quotas.

        Also return the number of series of the accounts that create some.
        """
        unread = [series for series in batch.requests if series not in remembered]
        heads = {**remembered, **self._documents.heads(unread, session)}
        known = self._documents.last_values(heads, batch.all_requests(), session)
        results, changes = batch.decide(heads, known)
        used = self._changes.used(changes, session)
        return *(batch.decide(heads, known, used) if used else (results, changes)), used

    def _repeat(self, batch: Batch, deadline: Deadline) -> Results | None:
        """Answer from reads that are not stale. Return None if a value must be assigned."""
        heads, time = self._current(list(batch.requests), deadline)
        last_values = partial(self._documents.last_values, heads, list(batch.all_requests()))
        known, _ = self._reads.after(time, last_values, deadline)
        results, changes = batch.decide(heads, known)
        return None if changes else results

    def _current(
        self, keys: Sequence[SeriesKey], deadline: Deadline | None = None
    ) -> tuple[dict[SeriesKey, SeriesHead], Any]:
        """Read the heads as of a moment since this call began, and a time for further reads."""
        rows, time = self._reads.current("series", [where(each) for each in keys], deadline)
        return heads_of(keys, rows), time

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        heads, _ = self._current(keys)
        return [entry_of(series, heads[series]) for series in keys]

    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        deadline = self._start_deadline()
        heads, time = self._current([series], deadline)
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
