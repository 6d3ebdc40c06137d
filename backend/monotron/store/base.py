"""What a store promises, and the counting that all stores share.

A store is synchronous: each call blocks its thread until the engine has answered
(docs/decisions/0001-synchronous-stores.md). It may be called from several threads.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

from monotron.errors import MonotronError, SeriesExhausted, StartupError
from monotron.model import INT64_MAX, Entry, Given, LedgerEntry, Reuse, SeriesKey
from monotron.store.attributes import Attributes
from monotron.store.auditing import Audited
from monotron.store.bumping import Bumped
from monotron.store.register import Register
from monotron.store.releases import Releases
from monotron.store.uses import Uses

Clock = Callable[[], float]
"""Seconds since the epoch: what `time.time` answers. It dates entries and decides nothing."""


class Advance(NamedTuple):
    """One PUT of a token, waiting in a lane."""

    series: SeriesKey
    token: str
    reuse: Reuse
    by: str
    """The credential that asks, by the short name of its principal, at most 128 characters. It
    stands in the ledger beside a value that is newly given, and decides nothing."""
    up_to: int = INT64_MAX
    """The last value that is of use to it."""


class Store(ABC):
    """Series and their ledgers.

    Every method raises `StoreUnavailable` or `StorageFull` when the engine cannot serve; for a
    write its `applied` tells whether it may have happened. What a method returned is durable:
    fsynced (SQLite), journaled on a majority (MongoDB). What it returned from a read is
    committed and was current at some moment between call and return; pages are committed.
    """

    releases: Releases
    """The records of versions."""

    register: Register
    """Accounts, keys and trusts."""

    uses: Uses
    """What identity tokens were used for."""

    attributes: Attributes
    """The attributes of tokens."""

    calls_at_once: ClassVar[int]
    """How many calls the engine gains from having under way at the same time."""

    largest_batch: ClassVar[int]
    """How many requests one `advance` or `peek` may carry."""

    @abstractmethod
    def lane(self, series: SeriesKey) -> Hashable:
        """The lane of a series: requests of one lane may share one step of the engine."""

    @abstractmethod
    def advance(self, requests: Sequence[Advance]) -> list[Given | MonotronError]:
        """Answer each request, as if they had come alone, one after the other, in this order.

        All are of one lane. A request whose token is the current one (`Reuse.CURRENT`) or was
        ever seen in this life of the series (`Reuse.ANY`) gets the value it was last given, and
        changes nothing; any other, and each with `Reuse.NEVER`, gets one more than the last value
        and becomes current. A value is never given to two tokens. A series that has reached the
        request's `up_to` answers `SeriesExhausted` in its place, and so does whatever else
        concerns one series only.
        For each series the step is atomic: raised means all of it or none of it.
        """

    def start(self, requests: Sequence[Advance]) -> Callable[[], list[Given | MonotronError]]:
        """Begin the step of `advance` without waiting; what is returned finishes it, and waits.

        For the event loop: it starts a step, and has a thread finish it. What was started must
        be finished, and nothing of it is durable before that.
        """
        return partial(self.advance, requests)

    def tidy(self) -> None:  # noqa: B027
        """What can wait until the callers of a step have their answers.

        Waits for no other call: steps that were started wait for its thread.
        """

    @abstractmethod
    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        """The current entry of each, all of one lane; None where there is no series."""

    @abstractmethod
    def heights(self, keys: Sequence[SeriesKey]) -> list[int]:
        """The last value of each, which a `delete` keeps; 0 where nothing was given yet."""

    @abstractmethod
    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        """What the token was last given in this life of the series, or None.

        With None for the token, what the series was last raised to.
        """

    @abstractmethod
    def raise_to(self, series: SeriesKey, value: int, by: str) -> Given:
        """Let the next value be *value* + 1; `ValueWouldFall` if the series stands higher.

        The current token is then none, and the ledger holds a row without a token. Where the
        series stands at *value* already, nothing changes, and `reused` is true.
        """

    @abstractmethod
    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        """End this life of the series: its entries and attributes are gone, its tokens new again.

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
    def audit(self, *, alone: bool = False) -> Iterator[Audited]:
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
    def bump(self, by_how_much: int, by: str) -> Bumped:
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


def count(
    height: int,
    current: str | None,
    known: Mapping[str, int],
    requests: Sequence[Advance],
) -> tuple[list[Given | MonotronError], list[Advance]]:
    """Number the requests of one series, in order: their answers, and those newly given a value.

    *height* is the series' last value, *current* its current token, and *known* the value that
    each token was last given, for at least those of the requests with `Reuse.ANY`. The new
    ones have the values from *height* + 1 on, without a gap.
    """
    last_given = dict(known)
    if current is not None:
        last_given[current] = height
    answers: list[Given | MonotronError] = []
    given: list[Advance] = []
    for request in requests:
        series, token, reuse, _, up_to = request
        known_again = token == current or (reuse is Reuse.ANY and token in last_given)
        if known_again and reuse is not Reuse.NEVER:
            answers.append(Given(Entry(*series, token, last_given[token]), reused=True))
        elif height >= up_to:
            answers.append(exhausted(series))
        else:
            height += 1
            current = token
            last_given[token] = height
            given.append(request)
            answers.append(Given(Entry(*series, token, height), reused=False))
    return answers, given


def exhausted(series: SeriesKey) -> SeriesExhausted:
    """The series has given its last value."""
    return SeriesExhausted(
        f"The series {series.key!r} stands at {INT64_MAX}, the last value that it can give. "
        "Go on with a series of another key."
    )


def open_store(url: str, *, clock: Clock = time.time) -> Store:
    """The store behind a URL: `sqlite://…` or `mongodb://…`. `StartupError` says what is wrong.

    Drivers are imported here, only when their URL asks for them.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from monotron.store.sqlite import SqliteStore

        return SqliteStore.open(url, clock=clock)
    if scheme in ("mongodb", "mongodb+srv"):
        from monotron.store.mongo import MongoStore

        return MongoStore.open(url, clock=clock)
    raise StartupError(
        f"There is no store for URLs that begin with {scheme!r}. "
        "Use sqlite:///FILE, sqlite:// (in memory) or mongodb://HOST/DATABASE."
    )
