"""The requests whose results the page of a name shows as its next versions. Pure: no I/O."""

from typing import NamedTuple

from monotron.model.calendar_versions import CalendarFormat, period_of
from monotron.model.semver import Release
from monotron.model.versions.requests import Bump, VersionRequest

PURPOSES: dict[Bump, str] = {
    "patch": "for a fix",
    "minor": "for a feature",
    "major": "for a breaking change",
    "final": "to promote the pre-release",
    "calendar": "on this day",
}

INITIAL_PURPOSES: dict[Bump, str] = {
    "minor": "for a feature or a breaking change",
    "major": "to end initial development",
}
"""Those of 0.x: a breaking change of `bump=auto` is a minor bump by default."""


class NextRequest(NamedTuple):
    """A request for a next version."""

    title: str
    purpose: str
    request: VersionRequest


def next_requests(latest: Release | None, *, by: str) -> list[NextRequest]:
    """What is probably requested next.

    *latest*: the newest final version. Without one, the first request promotes a pre-release, and
    the second one is shown in its place if there is none. *by*: the name of the caller.
    """
    format = calendar_of(latest) if latest else None
    if format is not None:
        request = VersionRequest("calendar", calendar=format, dry_run=True, assigned_by=by)
        return [NextRequest("Next by date", PURPOSES["calendar"], request)]
    bumps: tuple[Bump, ...] = ("patch", "minor", "major")
    if latest is None:
        bumps = ("final", *bumps)
    is_initial = latest is None or latest.target.major == 0
    purposes = PURPOSES | (INITIAL_PURPOSES if is_initial else {})
    return [
        NextRequest(
            f"Next {bump}", purposes[bump], VersionRequest(bump, dry_run=True, assigned_by=by)
        )
        for bump in bumps
    ]


def calendar_of(latest: Release) -> CalendarFormat | None:
    """The calendar format of a name's newest version; None if it is not a calendar version."""
    if latest.bump != "calendar":
        return None
    formats = (each for each in CalendarFormat if period_of(each, latest.target) is not None)
    return next(formats, None)
