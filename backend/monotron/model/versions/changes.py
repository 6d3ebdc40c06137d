"""What a decision changes: entries of series, and records of versions."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from monotron.model.semver import Release, VersionName
from monotron.model.series import SeriesHead, SeriesKey
from monotron.model.versions.facts import NameSummary


class NewEntry(NamedTuple):
    """An entry of a ledger. An advance has the token None."""

    series: SeriesKey
    value: int
    token: str | None
    assigned_by: str


class ReleaseEvent(NamedTuple):
    """A withdrawal or its reversal, for the events of the account."""

    name: VersionName
    version: str
    action: Literal["withdraw", "restore"]
    by: str
    """The name of the principal."""
    at: int
    """Milliseconds since the epoch, UTC."""
    reason: str | None = None

    def body(self) -> dict[str, object]:
        """The body of the event."""
        body: dict[str, object] = {
            "created_at": self.at // 1000,
            "by": self.by,
            "action": self.action,
            "subject": "release",
            "subject_id": f"{self.name.name}/{self.version}",
        }
        return body if self.reason is None else {**body, "reason": self.reason}


class Change(NamedTuple):
    """What must be written, together or not at all."""

    entries: tuple[NewEntry, ...] = ()
    """New entries, in order: the values of a series increase."""
    records: tuple[Release, ...] = ()
    """New records."""
    replaced: tuple[tuple[Release, Release], ...] = ()
    """Records that change, before and after: by a withdrawal, its reversal or its replacement."""
    restarts: tuple[tuple[SeriesKey, int], ...] = ()
    """Series that get a new generation, and the value that they continue after."""
    summaries: tuple[tuple[VersionName, NameSummary], ...] = ()
    """Summaries after a withdrawal or its reversal. New records change theirs themselves."""
    events: tuple[ReleaseEvent, ...] = ()

    def __bool__(self) -> bool:
        return any(self)

    def then(self, other: "Change") -> "Change":
        """Return this change, followed by another one."""
        return Change(
            self.entries + other.entries,
            self.records + other.records,
            self.replaced + other.replaced,
            self.restarts + other.restarts,
            self.summaries + other.summaries,
            self.events + other.events,
        )


class NewHead(NamedTuple):
    """Replaces the head of a series, and adds entries to its ledger."""

    series: SeriesKey
    seen: SeriesHead
    """The head that the decision is based on."""
    new: SeriesHead
    entries: Sequence[NewEntry]


class Writes(NamedTuple):
    """What a store writes for a batch, in the transaction that has read its facts."""

    heads: Sequence[NewHead]
    created: Mapping[int, int]
    """The number of new series of each account."""
    records: Sequence[Release]
    replaced: Sequence[Release]
    """Records whose withdrawal changes."""
    restarts: Sequence[tuple[SeriesKey, SeriesHead, int]]
    """Series that get a new generation: the head seen, and the value that they continue after."""
    events: Sequence[ReleaseEvent]
    summaries: Sequence[tuple[VersionName, NameSummary, NameSummary]]
    """The summary of each name that changes: as seen, and the new one."""
