"""The interface of stores, and what every store guarantees.

A store is synchronous: each call blocks its thread until the engine has responded
(docs/decisions/0001-synchronous-stores.md). Stores are safe for use by several threads.

Versions are in `release_interface.py`; accounts, API keys, trust policies and uses of identity
tokens in `auth_interface.py`; export, import and rename in `transfer_interface.py`.

Errors, for all classes in these modules: a method raises `StoreUnavailable` or `StorageFull` if the
engine cannot serve it, and `InternalError` if stored rows contradict each other. For a write,
`applied` of the error states whether it may have been applied. After any error, the caller may
repeat the call.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.quotas import UNLIMITED, Quotas
from monotron.model.renames import RenamedNames
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesKey
from monotron.runtime import Runtime
from monotron.store.audit import AuditSlice
from monotron.store.auth_interface import (
    AuthRecord,
    AuthRecordKind,
    AuthRecords,
    RecordChange,
    TokenUses,
)
from monotron.store.contents import StoreContents, StoreSize
from monotron.store.fast_forward import FastForwarded
from monotron.store.release_interface import ReleaseStore
from monotron.store.transfer_interface import StoreTransfer

__all__ = [
    "AttributeStore",
    "AuthRecord",
    "AuthRecordKind",
    "AuthRecords",
    "Clock",
    "RecordChange",
    "ReleaseStore",
    "Store",
    "StoreTransfer",
    "TokenUses",
]


Clock = Callable[[], float]
"""Returns seconds since the epoch, as `time.time` does. Timestamps never affect a decision."""


class AttributeStore(ABC):
    """The attributes of all tokens.

    A token can have attributes before it has a value, and before its series exists. Attributes
    belong to the generation of the series: `Store.delete` removes them, even if the series has no
    values. They do not affect allocations. All methods are linearizable.
    """

    @abstractmethod
    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        """The attributes of the token, in order of the code points of their names."""

    @abstractmethod
    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        """Set these attributes durably, keep the others, and return all.

        Atomic. Changes nothing and raises `InvalidRequest` if the token would have more than
        `MAX_ATTRIBUTES` attributes, or `QuotaExceeded` if those of the account would be too large.
        """

    @abstractmethod
    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        """Remove one attribute, or all if *name* is None. Returns whether any existed. Atomic."""


class Store(ABC):
    """Series and their ledgers.

    The result of every method is durable: fsynced on SQLite, journaled on a majority on MongoDB.
    Reads are linearizable, except pages, which are read-committed.
    """

    releases: ReleaseStore
    auth_records: AuthRecords
    token_uses: TokenUses
    attributes: AttributeStore
    transfer: StoreTransfer

    renamed: RenamedNames
    """The names that were renamed, as `open` read them. Services refuse requests for them."""

    shareable: ClassVar[bool]
    """Whether several processes may use one store at the same time."""

    max_concurrency: ClassVar[int]
    """The number of calls, other than batches and probes, that a server makes at a time."""

    max_batch_size: ClassVar[int]
    """The number of requests that one `allocate` or `peek` may contain."""

    @classmethod
    @abstractmethod
    def open(
        cls, url: str, *, runtime: Runtime, quotas: Quotas = UNLIMITED, exclusive: str = ""
    ) -> "Store":
        """Open the store of a URL. Raises `StartupError` if it cannot be used.

        *exclusive*: the command that requires that no other process uses the store, such as
        `export`. Then the store cannot be opened if others use it, and not by others meanwhile.
        The usage of accounts is always counted. *quotas* limit what is written from now on.
        """

    @classmethod
    @abstractmethod
    def describe(cls, url: str) -> str:
        """Where the store of a URL keeps its data, without secrets: for logs and messages."""

    @classmethod
    def file(cls, url: str) -> Path | None:
        """Return the file of a store. None if its data is not in a file of this machine."""
        return None

    @abstractmethod
    def allocate(self, requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        """Assign values to tokens, as if each request had arrived alone, in this order.

        The last value of a token is reused, and nothing changes, in two cases: `reuse` is `CURRENT`
        and the token is the current one of the series, or `reuse` is `ANY` and the series has an
        entry for the token in this generation. Otherwise the token is assigned the high-water mark
        plus one, and becomes the current token. If the series does not exist, it is advanced to
        `initial` of the request first, if that is higher. A value is never assigned to two tokens
        of a generation.

        An error that affects one series is returned in place of the results of its requests:
        `SeriesExhausted` if no value up to `up_to` is left, and `QuotaExceeded` if the account may
        not have another series. An error that affects all requests is raised. For each series, the
        call is atomic.
        """

    def begin_allocate(
        self, requests: Sequence[AllocationRequest]
    ) -> Callable[[], list[Allocation | MonotronError]]:
        """Begin `allocate` without blocking, and return a callable that finishes it.

        The callable blocks, may run on another thread, and must be called. Before it has returned,
        nothing is durable.
        """
        return partial(self.allocate, requests)

    def after_commit(self) -> None:  # noqa: B027  # optional
        """Do the work that may follow a batch after its results were delivered.

        Must not wait for another call: batches that have begun wait for this thread.
        """

    @abstractmethod
    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        """The current entry of each series, or None for a series that does not exist."""

    @abstractmethod
    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        """The last entry of the token in this generation of the series, or None.

        With *token* None, the entry of the last advance.
        """

    @abstractmethod
    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        """Advance the series to *value*, so that the next value is *value* + 1.

        The ledger gets an entry with the token None, which becomes the current token. If the series
        is at *value* already, nothing changes, and `reused` is True. Raises `ValueWouldFall` if the
        high-water mark is higher, and `QuotaExceeded` if the account may not have another series.
        """

    @abstractmethod
    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        """Delete the series: its generation ends, with all entries and attributes.

        The high-water mark is kept, so the next value is higher than all previous ones. With
        *restart* it becomes 0. If the series does not exist, nothing changes, except that *restart*
        resets the high-water mark of a deleted series.
        """

    @abstractmethod
    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        """At most *limit* current entries with keys that start with *prefix* and follow *after*.

        In order of the code points of the keys.
        """

    @abstractmethod
    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        """At most *limit* entries with values below *before*, newest first.

        Returns None if the series does not exist.
        """

    @abstractmethod
    def recent(
        self, account: int, limit: int, is_visible: Callable[[str], bool], newer_than: int = -1
    ) -> list[LedgerEntry]:
        """The *limit* newest entries of series whose key is visible, newest first.

        *is_visible* is called with each key. Only series with an entry after *newer_than*
        (milliseconds since the epoch) are read, and at most 2,000 invisible ones.
        """

    @abstractmethod
    def contents(self) -> StoreContents:
        """What the store contains. The numbers are approximate while it is changed.

        The time depends on the number of names and accounts.
        """

    @abstractmethod
    def size(self) -> StoreSize:
        """The space that the store uses. The time does not depend on it."""

    def retries(self) -> Counter[str]:
        """How often this object has repeated calls, by `RetryReason`, without those of a driver.

        Empty for a store that repeats nothing.
        """
        return Counter()

    @abstractmethod
    def ping(self) -> None:
        """Check that the store accepts writes. Raises the error that a write would raise."""

    @abstractmethod
    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        """Check the stored rows for contradictions. Each slice is a short read of a few rows.

        For each series, it checks that values are 64-bit integers, that every value from the first
        to that of the head has one entry (an advance explains a gap), that the newest entry has the
        token of the head, and that no entry is above the head. For each release, it checks that the
        version is unique, that the token with the label is unique among releases that were not
        withdrawn, that the sort key fits the version, and that the component series reached its
        number. It checks that the summary of each name equals its releases, and that entries and
        attributes belong to a series.

        States that a crash or a concurrent write can cause are not findings. The slices may show
        different moments. *alone* states that no one else uses the store. Then the integrity check
        of the engine runs first, if it has one. An error ends the audit. Nothing is changed.
        """

    @abstractmethod
    def fast_forward(self, amount: int) -> FastForwarded:
        """Raise all series by *amount* after a restore, while no server uses the store.

        Precondition: since the backup, no series was raised by more than *amount*, withdrawn
        versions included. Then no value and no version that was assigned since is assigned again,
        for series and names in the backup.

        Deleted series are raised too, and stay deleted. Tokens keep their values. The ledger of an
        existing series gets an entry with the token None, assigned by `FAST_FORWARD`. A withdrawal
        does not undo this. Component series of versions are raised
        by one more, and created if a known line may need them. Series stop at `INT64_MAX`.

        With 0, nothing changes. Atomic on SQLite. On MongoDB it may be repeated after an error, and
        then leaves larger gaps.
        """

    @abstractmethod
    def backup(self, target: Path, done: Callable[[int], None] | None = None) -> None:
        """Write a consistent copy of the store to the new file *target*.

        *done* is called with the number of bytes that were written since its last call.

        Raises `InvalidRequest` if the engine has its own tools for backups.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish all work and disconnect from the engine. The store cannot be used afterwards."""
