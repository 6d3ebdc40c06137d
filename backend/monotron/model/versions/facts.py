"""The facts that the rules of versions depend on. Each is a small read of a store.

A rule asks `State.get` for a fact. If the store has not read it yet, `Missing` is raised, the store
reads it, and the rule runs again. So a rule needs no I/O, and a store reads no more than necessary.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from monotron.model.component_keys import Component, component_key
from monotron.model.semver import Final, Line, Release, VersionName
from monotron.model.series import SeriesHead, SeriesKey

Value = TypeVar("Value", covariant=True)


ANY_LABEL = "*"
"""Selects all pre-releases, where a label is expected. It is not a label itself."""


class Fact(Protocol[Value]):
    """Identifies a fact. `Value` is the type of what a store reads for it.

    Facts are tuples, because a decision looks up dozens of them. Their last member, `kind`, is a
    constant that distinguishes facts with equal members.
    """

    @property
    def kind(self) -> str:
        """The name of the class."""

    def absent(self) -> Value:
        """Return the value of the fact if nothing is stored about it."""


class NameSummary(NamedTuple):
    """What is stored once for each name, and changes with its records."""

    revision: int = 0
    """Increases with each change, so that two decisions about a name are serial."""
    releases: int = 0
    """The number of records."""
    withdrawn: int = 0
    """The number of records of withdrawn versions."""
    newest: Final | None = None
    """The highest final version in the records that was not withdrawn."""
    newest_token: str | None = None
    """The token of this version. None if it was adopted."""

    @property
    def has_versions(self) -> bool:
        """Whether there is a version, or a pre-release, that was not withdrawn."""
        return self.releases > self.withdrawn


class SummaryOf(NamedTuple):
    """The summary of a name."""

    name: VersionName
    kind: Literal["SummaryOf"] = "SummaryOf"

    def absent(self) -> NameSummary:
        return NameSummary()


class RecordsOf(NamedTuple):
    """All records of a token, withdrawn ones included."""

    name: VersionName
    token: str
    kind: Literal["RecordsOf"] = "RecordsOf"

    def absent(self) -> tuple[Release, ...]:
        return ()


class RecordAt(NamedTuple):
    """The record of a version, withdrawn or not."""

    name: VersionName
    sort_key: str
    kind: Literal["RecordAt"] = "RecordAt"

    def absent(self) -> Release | None:
        return None


class HighestRecord(NamedTuple):
    """The record with the highest version among those with a label, in a range of sort keys."""

    name: VersionName
    start: str
    end: str
    """The range includes its start and excludes its end."""
    label: str | None = None
    """None: final versions. `ANY_LABEL`: all pre-releases."""
    withdrawn: bool = False
    """Whether withdrawn versions are selected, instead of all others."""
    kind: Literal["HighestRecord"] = "HighestRecord"

    def absent(self) -> Release | None:
        return None

    def selects(self, release: Release, key: str) -> bool:
        """Whether the release, which belongs to the name, is in the range."""
        label = self.label
        return (
            (release.label is not None if label == ANY_LABEL else release.label == label)
            and (release.withdrawn is not None) is self.withdrawn
            and self.start <= key < self.end
        )


class OpenLabels(NamedTuple):
    """For each label, the highest pre-release in a range of sort keys that was not withdrawn."""

    name: VersionName
    start: str
    end: str
    kind: Literal["OpenLabels"] = "OpenLabels"

    def absent(self) -> tuple[Release, ...]:
        return ()

    def selects(self, release: Release, key: str) -> bool:
        """Whether the release, which belongs to the name, is in the range."""
        return (
            release.label is not None and release.withdrawn is None and self.start <= key < self.end
        )


class BaseUses(NamedTuple):
    """The number of final versions of a line, or without one, whose request had this base."""

    name: VersionName
    line: Line | None
    base: str
    kind: Literal["BaseUses"] = "BaseUses"

    def absent(self) -> int:
        return 0


class HeadOf(NamedTuple):
    """The head of a series."""

    series: SeriesKey
    kind: Literal["HeadOf"] = "HeadOf"

    def absent(self) -> SeriesHead:
        return SeriesHead()


@lru_cache(maxsize=4096)
def component_head(name: VersionName, component: Component, version: Final) -> HeadOf:
    """The head of the series that counts a component, with the larger components of *version*."""
    return HeadOf(component_key(name, component, version))


class LastValueOf(NamedTuple):
    """The last value of a token in a series. With the token None, that of the last advance."""

    series: SeriesKey
    token: str | None
    kind: Literal["LastValueOf"] = "LastValueOf"

    def absent(self) -> int | None:
        return None


class TokenAt(NamedTuple):
    """The token that a value of a series was assigned to. None for an advance or a gap."""

    series: SeriesKey
    value: int
    kind: Literal["TokenAt"] = "TokenAt"

    def absent(self) -> str | None:
        return None


class SeriesUsed(NamedTuple):
    """The number of series of an account."""

    account: int
    kind: Literal["SeriesUsed"] = "SeriesUsed"

    def absent(self) -> int:
        return 0


class Missing(Exception):
    """Raised by a rule: these facts must be read first."""

    def __init__(self, facts: Iterable[Fact[Any]]) -> None:
        super().__init__()
        self.facts = tuple(facts)


class ValueBefore(NamedTuple):
    """The value that a series continues after if the advance to another one is undone.

    The highest value below it in the ledger. A fast-forward is never undone: after its advance,
    the series continues after that value itself.
    """

    series: SeriesKey
    value: int
    kind: Literal["ValueBefore"] = "ValueBefore"

    def absent(self) -> int | None:
        return None


class StoreTime(NamedTuple):
    """The clock of the store, in milliseconds since the epoch, UTC. It determines a calendar date.

    Several servers share it.
    """

    kind: Literal["StoreTime"] = "StoreTime"

    def absent(self) -> int:
        return 0
