"""What a store promises, and the counting that all stores share.

A store is synchronous: each call blocks its thread until the engine has answered
(docs/decisions/0001-synchronous-stores.md). It may be called from several threads.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from semver import Version

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Release, VersionName
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesKey
from monotron.runtime import Runtime
from monotron.store.audit import AuditSlice
from monotron.store.fast_forward import FastForwarded

Clock = Callable[[], float]
"""Seconds since the epoch: what `time.time` answers. It dates entries and decides nothing."""


class ReleaseStore(ABC):
    """The releases of all products, at most one for each token and channel, and each version.

    Errors of the engine are raised as by `Store`. Reads are committed; those that are not stale
    either say so.
    """

    @abstractmethod
    def add(self, release: Release) -> Release | None:
        """Record the release, durably. Answers the record that stands then.

        That is *release* itself; or the one that its token already has in this channel; or, if
        it has none while another has the version, None: then nothing was recorded. May be
        repeated after an error with the same release.
        """

    @abstractmethod
    def of_token(self, product: VersionName, token: str, label: str | None) -> Release | None:
        """What the token was given in the channel of *label*, or as a final version."""

    @abstractmethod
    def all_of_token(self, product: VersionName, token: str) -> list[Release]:
        """What the token was given in all channels, the highest version first. Not stale."""

    @abstractmethod
    def at(self, product: VersionName, version: Version) -> Release | None:
        """The release of this version. Not stale."""

    @abstractmethod
    def newest(
        self, product: VersionName, key_range: tuple[str, str], *, final: bool | None
    ) -> Release | None:
        """The highest version within *places* (`semantic.places`).

        Of the final ones, of the pre-releases, or of both.
        """

    @abstractmethod
    def adopted(self, product: VersionName, key_range: tuple[str, str]) -> bool:
        """Whether any version within *places* was adopted, and so has no token. Not stale."""

    @abstractmethod
    def page(self, product: VersionName, below: str, limit: int) -> list[Release]:
        """Up to *limit* releases with places below *below*, the highest version first."""


class AttributeStore(ABC):
    """The attributes of all tokens. A token need not have a value, nor its series exist.

    They belong to the generation of the series: `Store.delete` ends them too, also where the series
    keeps its height or never gave a value, and none of an old generation is ever seen in a new one.
    They change nothing of what a series gives. Errors of the engine are raised as by `Store`.
    What is answered was so at some moment between call and return, and what one call was
    answered, every later call sees.
    """

    @abstractmethod
    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        """The attributes of the token, in the order of their names' code points."""

    @abstractmethod
    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        """Set these attributes, and leave the others as they are. Answers all, durably set.

        Atomic: all of it, or with `InvalidRequest` nothing, where the token would have more than
        `MAX_ATTRIBUTES`. May be repeated after an error.
        """

    @abstractmethod
    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        """Remove the attribute of this name, or all with None. Answers whether there was one.

        Atomic, and may be repeated after an error.
        """


AuthRecordKind = Literal["account", "api_key", "trust"]


class AuthRecord(NamedTuple):
    """One thing in the register, by a name that is unique among its kind."""

    name: str
    account: int
    body: dict[str, Any]
    """What JSON can hold."""


class AuthRecords(ABC):
    """Rows of a few kinds. Errors of the engine are raised as by `Store`; writes are durable."""

    @abstractmethod
    def add(self, kind: AuthRecordKind, row: AuthRecord) -> bool:
        """Add the row; false if its name stands already, and then nothing is changed."""

    @abstractmethod
    def find(self, kind: AuthRecordKind, name: str) -> AuthRecord | None:
        """The row, committed and not stale."""

    @abstractmethod
    def page(
        self, kind: AuthRecordKind, account: int | None, after: str, limit: int
    ) -> list[AuthRecord]:
        """Up to *limit* rows beyond *after* in order of name; of one account, or of all."""

    @abstractmethod
    def replace(self, kind: AuthRecordKind, row: AuthRecord) -> bool:
        """Put the row in the place of the one with its name; false if there is none."""

    @abstractmethod
    def remove(self, kind: AuthRecordKind, account: int, name: str) -> bool:
        """Remove the row; false if the account has none with this name."""


class TokenUses(ABC):
    """Which operations each identity token was used for, until a while after it has expired."""

    @abstractmethod
    def use(self, token: str, operation: str, *, most: int, expires_at: int) -> bool:
        """Let the token be used for the operation, or again; false if it has *most* others.

        Atomic and durable. *token* and *operation* are names of at most 64 characters, and
        *expires_at*, in seconds since the epoch, is when the token may be forgotten.
        """


class Store(ABC):
    """Series and their ledgers.

    Every method raises `StoreUnavailable` or `StorageFull` when the engine cannot serve; for a
    write its `applied` tells whether it may have happened. What a method returned is durable:
    fsynced (SQLite), journaled on a majority (MongoDB). What it returned from a read is
    committed and was current at some moment between call and return; pages are committed.
    """

    releases: ReleaseStore
    """The records of versions."""

    auth_records: AuthRecords
    """Accounts, keys and trusts."""

    token_uses: TokenUses
    """What identity tokens were used for."""

    attributes: AttributeStore
    """The attributes of tokens."""

    shareable: ClassVar[bool]
    """Whether several processes may use one store at the same time."""

    supports_backup: ClassVar[bool]
    """Whether `backup` is implemented; otherwise it raises InvalidRequest."""

    max_concurrency: ClassVar[int]
    """How many calls, other than batches and probes, a server makes at the same time."""

    max_batch_size: ClassVar[int]
    """How many requests one `allocate` or `peek` may carry."""

    @classmethod
    @abstractmethod
    def open(cls, url: str, *, runtime: Runtime) -> "Store":
        """Open the store of a URL. Raises StartupError."""

    @classmethod
    @abstractmethod
    def describe(cls, url: str) -> str:
        """Return where a store keeps its data, without secrets: for logs and messages."""

    @abstractmethod
    def allocate(self, requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        """Answer each request, as if they had come alone, one after the other, in this order.

        A request whose token is the current one (`Reuse.CURRENT`) or was
        ever seen in this generation of the series (`Reuse.ANY`) gets the value it was last given,
        and
        changes nothing; any other, and each with `Reuse.NEVER`, gets one more than the last value
        and becomes current. A value is never given to two tokens. A series that has reached the
        request's `up_to` answers `SeriesExhausted` in its place, and so does whatever else
        concerns one series only.
        For each series the step is atomic: raised means all of it or none of it.
        """

    def begin_allocate(
        self, requests: Sequence[AllocationRequest]
    ) -> Callable[[], list[Allocation | MonotronError]]:
        """Begin an `allocate` without waiting; what is returned finishes it, and waits.

        For the event loop: it starts a step, and has a thread finish it. What was started must
        be finished, and nothing of it is durable before that.
        """
        return partial(self.allocate, requests)

    def after_commit(self) -> None:  # noqa: B027
        """What can wait until the callers of a step have their answers.

        Waits for no other call: steps that were started wait for its thread.
        """

    @abstractmethod
    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        """The current entry of each; None where there is no series."""

    @abstractmethod
    def high_water_marks(self, keys: Sequence[SeriesKey]) -> list[int]:
        """The last value of each, which a `delete` keeps; 0 where nothing was given yet."""

    @abstractmethod
    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        """What the token was last given in this generation of the series, or None.

        With None for the token, what the series was last raised to.
        """

    @abstractmethod
    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        """Let the next value be *value* + 1; `ValueWouldFall` if the series stands higher.

        The current token is then none, and the ledger holds a row without a token. Where the
        series stands at *value* already, nothing changes, and `reused` is true.
        """

    @abstractmethod
    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        """End this generation of the series: its entries and attributes are gone, its tokens new
        again.

        Its height is kept, so the next value is larger than any it ever gave, unless *restart*.
        Deleting what does not exist changes nothing (but *restart* forgets a kept height).
        """

    @abstractmethod
    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        """Up to *limit* current entries whose key begins with *prefix* and is beyond *after*.

        In the order of the keys' code points.
        """

    @abstractmethod
    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        """Up to *limit* entries with values below *before*, newest first; None: no series.

        Each with the credential by which its value was first given: a repeat changes nothing.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return if the store would take a write now, else raise."""

    @abstractmethod
    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        """Hold the store's rows against one another: each next is a short look at a few of them.

        In every living series each value has one entry, from the first to the head's, without a
        hole that no raise explains; the head's token is the newest entry's; nothing stands above
        the head, and all values are integers of 64 bits. In the records of versions no version of
        a name, and no token of a channel, stands twice, each stands at its place, and its series
        counted it. Entries and attributes belong to a series. What may be so for a moment, after
        a crash or beside the steps of others, is no finding, and the slices of a store that is
        written to meanwhile need not be of one moment. With *alone* nobody else needs the store
        meanwhile, and the engine's own check of its file comes first, where it has one.

        An error ends the audit. Nothing is changed.
        """

    @abstractmethod
    def fast_forward(self, by_how_much: int, assigned_by: str) -> FastForwarded:
        """Raise all series there are, as after a restore, while no server has the store.

        Of what was given since the backup nothing is given again, if no series gave more than
        *by_how_much* values since: no value of a series that the backup has, and no version of a
        name that it has. Dead series are raised too, and stay dead; tokens keep what they have;
        the ledgers of living ones hold a raise by *by*. Series of components (of majors, minors
        and patches) are raised by one more, also those that a name does not have yet. A series
        that would go beyond `INT64_MAX` stops there. With 0 nothing is changed. On SQLite all of
        it or nothing; where that cannot be, it may be repeated, and leaves larger gaps.
        """

    @abstractmethod
    def backup(self, target: Path) -> None:
        """Write a consistent copy of the whole store into the new file *target*.

        `InvalidRequest` where the engine has tools of its own for that.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish what is under way and let go of the engine. The store is of no use after it."""
