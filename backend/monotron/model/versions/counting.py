"""Which number of a series a version gets."""

from typing import NamedTuple

from monotron.model.allocation import exhausted
from monotron.model.component_keys import (
    COMPONENTS,
    Component,
    component_key,
    component_value,
    label_key,
)
from monotron.model.semver import ZERO_VERSION, Final, Line, VersionName, sort_key_range
from monotron.model.series import INT64_MAX, SeriesKey
from monotron.model.versions.changes import NewEntry
from monotron.model.versions.facts import HeadOf, HighestRecord, LastValueOf, RecordAt, SummaryOf
from monotron.model.versions.state import State


class Number(NamedTuple):
    """A value of a series, for a token."""

    series: SeriesKey
    value: int
    is_new: bool = True
    """Whether the value must be assigned. It was assigned before if the series was counted
    directly."""

    def entries(self, state: State, token: str, assigned_by: str) -> tuple[NewEntry, ...]:
        """The entries to create. An advance precedes a value that does not follow the head."""
        if not self.is_new:
            return ()
        entry = NewEntry(self.series, self.value, token, assigned_by)
        gap = advance(state, self.series, self.value - 1, assigned_by)
        return (*gap, entry)


def advance(state: State, series: SeriesKey, value: int, assigned_by: str) -> tuple[NewEntry, ...]:
    """The entries that advance the series to at least *value*, if it is lower.

    If the series has a value but no entries, because it was deleted or continues after a
    withdrawal, its value is the first entry: a withdrawal returns to it.
    """
    head = state.get(HeadOf(series))
    if head.value >= value:
        return ()
    values = (value,) if head.active or not head.value else (head.value, value)
    return tuple(NewEntry(series, each, None, assigned_by) for each in values)


def advances_to(
    state: State, name: VersionName, version: Final, assigned_by: str
) -> tuple[NewEntry, ...]:
    """The entries that advance the three component series to the version."""
    targets = [
        (component_key(name, component, version), component_value(version, component))
        for component in COMPONENTS
    ]
    state.need(*(HeadOf(series) for series, _ in targets))
    return tuple(entry for target in targets for entry in advance(state, *target, assigned_by))


def bumped(base: Final, component: Component, value: int) -> Final:
    """The version with this value of the component, and smaller components of 0."""
    if component == "patch":
        return base._replace(patch=value)
    if component == "minor":
        return Final(base.major, value, 0)
    return Final(value, 0, 0)


def component_number(
    state: State, name: VersionName, component: Component, base: Final, token: str
) -> Number:
    """The number that a token gets for a bump of this component of the version *base*.

    Raises `SeriesExhausted` if there is none.
    """
    series = component_key(name, component, base)
    state.need(HeadOf(series), LastValueOf(series, token))
    own = _own_value(state, series, token)
    if own is not None and bumped(base, component, own) > _highest_recorded(
        state, name, component, base
    ):
        return Number(series, own, is_new=False)
    return Number(series, next_value(state, name, component, base))


def next_value(state: State, name: VersionName, component: Component, base: Final) -> int:
    """The next value that becomes a version by a bump of *base*.

    Withdrawn versions are not assigned again. Raises `SeriesExhausted` if there is none.
    """
    series = component_key(name, component, base)
    value = max(state.get(HeadOf(series)).value, component_value(base, component)) + 1
    if state.get(SummaryOf(name)).withdrawn:
        while state.get(RecordAt(name, bumped(base, component, value).sort_key)):
            value += 1
    if value > INT64_MAX:
        raise exhausted(series)
    return value


def label_number(state: State, name: VersionName, label: str, target: Final, token: str) -> Number:
    """The number that a token gets in the pre-releases of a target.

    Raises `SeriesExhausted` if there is none.
    """
    series = label_key(name, label, target)
    key_range = sort_key_range(target=target, label=label)
    records = [
        HighestRecord(name, *key_range, label=label),
        HighestRecord(name, *key_range, label=label, withdrawn=True),
    ]
    if not state.get(SummaryOf(name)).withdrawn:
        del records[1]
    state.need(HeadOf(series), LastValueOf(series, token), *records)
    recorded = max((record.number for each in records if (record := state.get(each))), default=0)
    own = _own_value(state, series, token)
    if own is not None and own > recorded:
        return Number(series, own, is_new=False)
    value = max(state.get(HeadOf(series)).value, recorded) + 1
    if value > INT64_MAX:
        raise exhausted(series)
    return Number(series, value)


def _own_value(state: State, series: SeriesKey, token: str) -> int | None:
    """The value that was assigned to the token directly, unless the series was advanced since."""
    if not state.get(HeadOf(series)).active:
        return None
    value = state.get(LastValueOf(series, token))
    if value is None:
        return None
    return value if value > (state.get(LastValueOf(series, None)) or 0) else None


def _highest_recorded(state: State, name: VersionName, component: Component, base: Final) -> Final:
    """The highest recorded version, withdrawn or not, whose number depends on the same series."""
    line = {"major": None, "minor": Line(base.major), "patch": Line(base.major, base.minor)}
    key_range = sort_key_range(line[component])
    facts = [HighestRecord(name, *key_range), HighestRecord(name, *key_range, withdrawn=True)]
    state.need(*facts)
    recorded = [record.target for fact in facts if (record := state.get(fact))]
    return max(recorded, default=ZERO_VERSION)
