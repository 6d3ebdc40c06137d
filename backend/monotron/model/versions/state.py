"""The state of the names of a batch: the facts that were read, and the changes of the batch."""

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

from monotron.model.quotas import UNLIMITED, Quotas
from monotron.model.semver import Release, VersionName
from monotron.model.series import SeriesKey
from monotron.model.versions.changes import Change, NewEntry, NewHead, Writes
from monotron.model.versions.facts import (
    BaseUses,
    Fact,
    HeadOf,
    HighestRecord,
    LastValueOf,
    Missing,
    NameSummary,
    OpenLabels,
    RecordAt,
    RecordsOf,
    SeriesUsed,
    SummaryOf,
    TokenAt,
    Value,
)

_NOTHING: Mapping[int, int] = {}


class State:
    """The facts that are known, as of after the changes of the batch so far."""

    def __init__(self, now: int = 0, quotas: Quotas = UNLIMITED) -> None:
        """*now*: the time of the store, in milliseconds since the epoch, UTC."""
        self.now = now
        self._changes: list[Change] = []
        self._quotas = quotas
        self._facts: dict[Fact[Any], Any] = {}
        self._read: dict[Fact[Any], Any] = {}
        self._added: dict[VersionName, list[tuple[Release, str]]] = {}
        self._ranges: dict[VersionName, list[HighestRecord | OpenLabels]] = {}

    def get(self, fact: Fact[Value]) -> Value:
        """Return a fact. Raises `Missing` if it was not read."""
        try:
            return self._facts[fact]  # type: ignore[no-any-return]
        except KeyError:
            raise Missing([fact]) from None

    def need(self, *facts: Fact[Any]) -> None:
        """Raise `Missing` with those of these facts that were not read: for one common read."""
        missing = [fact for fact in facts if fact not in self._facts]
        if missing:
            raise Missing(missing)

    def load(self, facts: Mapping[Fact[Any], Any]) -> None:
        """Add what a store read, as of before the changes of the batch."""
        for fact, value in facts.items():
            if fact in self._facts:
                continue
            self._read[fact] = value
            if isinstance(fact, HighestRecord | OpenLabels):
                self._ranges.setdefault(fact.name, []).append(fact)
                for release, key in self._added.get(fact.name, ()):
                    value = _merged(fact, value, release, key)
            self._facts[fact] = value

    def as_read(self, fact: Fact[Value]) -> Value:
        """Return a fact as the store read it, without the changes of the batch."""
        return self._read[fact]  # type: ignore[no-any-return]

    def after(self, change: Change) -> "State":
        """Return a copy to which the change was applied."""
        copy = State(self.now, self._quotas)
        copy._facts = dict(self._facts)
        copy._read = self._read
        copy._added = {name: list(added) for name, added in self._added.items()}
        copy._ranges = {name: list(ranges) for name, ranges in self._ranges.items()}
        copy._changes = list(self._changes)
        copy.apply(change)
        return copy

    def check_quota(self, change: Change) -> None:
        """Raise `QuotaExceeded` if the account may not create the series of the change."""
        for account, number in self._created(change).items():
            used = self.get(SeriesUsed(account))
            error = self._quotas.check_series(account, used, number)
            if error is not None:
                raise error

    def apply(self, change: Change) -> None:
        """Apply a change that `check_quota` has accepted."""
        if not change:
            return
        for account, number in self._created(change).items():
            self._facts[SeriesUsed(account)] = self.get(SeriesUsed(account)) + number
        for series, value, token, _ in change.entries:
            self._facts[HeadOf(series)] = self.get(HeadOf(series)).at(value, token)
            self._facts[LastValueOf(series, token)] = value
            self._facts[TokenAt(series, value)] = token
        for _, after in change.replaced:
            self._replace(after)
        for release in change.records:
            self._add(release)
        for name, summary in change.summaries:
            self._facts[SummaryOf(name)] = summary
        self._changes.append(change)

    @property
    def is_changed(self) -> bool:
        """Whether anything must be written."""
        return bool(self._changes)

    def writes(self) -> Writes:
        """What the store must write for all changes of the batch."""
        changes = Change(*(tuple(chain(*parts)) for parts in zip(*self._changes, strict=True)))
        entries: dict[SeriesKey, list[NewEntry]] = {}
        for entry in changes.entries:
            entries.setdefault(entry.series, []).append(entry)
        heads = [
            NewHead(series, self.as_read(HeadOf(series)), self.get(HeadOf(series)), of_series)
            for series, of_series in entries.items()
        ]
        changed = [*changes.records, *(after for _, after in changes.replaced)]
        names = dict.fromkeys(release.name for release in changed)
        return Writes(
            heads=heads,
            created=Counter(head.series.account for head in heads if not head.seen.active),
            records=changes.records,
            replaced=[after for _, after in changes.replaced],
            restarts=[
                (series, self.as_read(HeadOf(series)), value) for series, value in changes.restarts
            ],
            events=changes.events,
            summaries=[
                (name, self.as_read(SummaryOf(name)), self._next_summary(name)) for name in names
            ],
        )

    def _next_summary(self, name: VersionName) -> NameSummary:
        revision = self.as_read(SummaryOf(name)).revision + 1
        return self.get(SummaryOf(name))._replace(revision=revision)

    def _created(self, change: Change) -> Mapping[int, int]:
        """The number of series that the change creates, for each account that creates some."""
        if not change.entries:
            return _NOTHING
        created = {
            entry.series for entry in change.entries if not self.get(HeadOf(entry.series)).active
        }
        return Counter(series.account for series in created) if created else _NOTHING

    def _add(self, release: Release) -> None:
        name, key = release.name, release.sort_key
        self._facts[RecordAt(name, key)] = release
        if release.token is not None:
            of_token = RecordsOf(name, release.token)
            self._facts[of_token] = (*self.get(of_token), release)
        for fact in self._ranges.get(name, ()):
            self._facts[fact] = _merged(fact, self._facts[fact], release, key)
        if release.base is not None:
            self._facts[BaseUses(name, release.line, release.base)] = release.base_use
        self._added.setdefault(name, []).append((release, key))
        revision, releases, withdrawn, newest, token = self.get(SummaryOf(name))
        if release.withdrawn:
            withdrawn += 1
        elif release.label is None and (newest is None or release.target > newest):
            newest, token = release.target, release.token
        summary = NameSummary(revision, releases + 1, withdrawn, newest, token)
        self._facts[SummaryOf(name)] = summary

    def _replace(self, after: Release) -> None:
        name = after.name
        self._facts[RecordAt(name, after.sort_key)] = after
        if after.token is None:
            return
        of_token = RecordsOf(name, after.token)
        if of_token in self._facts:
            self._facts[of_token] = tuple(
                after if each.sort_key == after.sort_key else each for each in self._facts[of_token]
            )


def _merged(
    fact: HighestRecord | OpenLabels, value: Any, release: Release, key: str
) -> Release | tuple[Release, ...] | None:
    """The value of the fact after the release was added."""
    if not fact.selects(release, key):
        return value  # type: ignore[no-any-return]
    if isinstance(fact, HighestRecord):
        return release if value is None or value.sort_key < key else value
    highest = {each.label: each for each in value}
    before = highest.get(release.label)
    if before is None or before.sort_key < key:
        highest[release.label] = release
    return tuple(highest.values())
