"""Calendar versions: the date determines the leading components, the last one counts from 1."""

from datetime import UTC, datetime

from monotron.errors import ValueWouldFall
from monotron.model.calendar_versions import CalendarFormat, period, period_of
from monotron.model.component_keys import Component
from monotron.model.semver import Final, Line, Release, VersionName
from monotron.model.versions.bumps import numbered
from monotron.model.versions.counting import advances_to
from monotron.model.versions.facts import RecordAt, StoreTime
from monotron.model.versions.newest import newest, newest_of_line
from monotron.model.versions.requests import Assign, Assigned
from monotron.model.versions.state import State


def calendar_release(state: State, request: Assign) -> Assigned:
    """Assign the next version of the period of today, by the clock of the store."""
    name, token, parameters, _ = request
    today = datetime.fromtimestamp(state.get(StoreTime()) / 1000, UTC).date()
    line = period(parameters.calendar, today)
    highest = newest(state, name)
    notes: tuple[str, ...] = ()
    if _is_earlier(line, highest):
        later = _period_of(state, name, highest, parameters.calendar)
        if later is None:
            raise ValueWouldFall(
                f"Versions of {name.name!r} cannot continue with {line}. They are already at "
                f"{highest}, which is higher than the period of today with "
                f"`calendar={parameters.calendar.value}`. Use another format, or withdraw the "
                "higher versions."
            )
        line, notes = later, (f"The clock is behind: the period {later} continues.",)
    start = Final(line.major, line.minor or 0, 0)
    base = newest_of_line(state, name, line) or start
    component: Component = "minor" if line.minor is None else "patch"
    release = Release(name, token, base, bump="calendar")
    release, entries, *_ = numbered(state, request, release, component, base)
    if parameters.label is None:
        entries = (*advances_to(state, name, start, parameters.assigned_by), *entries)
    return Assigned(release, entries, notes=notes)  # the start is not a version


def _is_earlier(line: Line, version: Final) -> bool:
    """Whether all versions of the line are lower than the version."""
    if line.minor is None:
        return line.major < version.major
    return (line.major, line.minor) < (version.major, version.minor)


def _period_of(
    state: State, name: VersionName, version: Final, format: CalendarFormat
) -> Line | None:
    """The period of the newest version, or None if it is not a calendar version of the format."""
    record = state.get(RecordAt(name, version.sort_key))
    if record is None or record.bump != "calendar":
        return None
    return period_of(format, version)
