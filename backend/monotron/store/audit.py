"""The checks and findings of an audit that all engines share."""

from typing import Any, NamedTuple

from semver import Version

from monotron.errors import InvalidName
from monotron.model.component_keys import Component, component_key, component_value, label_key
from monotron.model.semver import Final, VersionName, label_and_number, sort_key
from monotron.model.series import INT64_MAX, SeriesKey

MAX_FINDINGS = 1000
"""The maximum number of findings in a report. Further ones usually have the same cause."""


class AuditSlice(NamedTuple):
    """The findings of one slice of an audit, and how much it checked."""

    findings: tuple[str, ...] = ()
    """Sentences that state the account, the key or name, and the contradiction."""
    series: int = 0
    """The number of series that were checked, without deleted ones."""
    entries: int = 0
    """The number of their entries that were checked."""
    releases: int = 0
    """The number of releases that were checked."""


class Report:
    """The result of an audit: the sum of its slices, with a limited number of findings."""

    def __init__(self, max_findings: int = MAX_FINDINGS) -> None:
        self._max_findings = max_findings
        self._total = 0
        self._findings: list[str] = []
        self.series = self.entries = self.releases = 0

    def add(self, audit_slice: AuditSlice) -> None:
        """Add the findings and numbers of a slice."""
        self._total += len(audit_slice.findings)
        self._findings += audit_slice.findings[: self._max_findings - len(self._findings)]
        self.series += audit_slice.series
        self.entries += audit_slice.entries
        self.releases += audit_slice.releases

    @property
    def total(self) -> int:
        """The number of all findings."""
        return self._total

    @property
    def findings(self) -> list[str]:
        """The first findings, and the number of further ones."""
        more = self._total - len(self._findings)
        note = [f"{more} more findings are not listed."] if more else []
        return [*self._findings, *note]

    def document(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "findings": self.findings,
            "series": self.series,
            "entries": self.entries,
            "releases": self.releases,
        }


class ReleaseRow(NamedTuple):
    """The row of a release, before it is parsed."""

    account: int
    name: str
    token: str | None
    version: str
    sort_key: str
    label: str
    """The pre-release label, or an empty text."""
    created_at: int | None


class SeriesState(NamedTuple):
    """The state of a component series."""

    value: int
    is_active: bool
    since: int | None
    """The time of the oldest entry of this generation."""


class Requirement(NamedTuple):
    """A number that a component series must have reached, because a release contains it."""

    series: SeriesKey
    number: int
    release: ReleaseRow


class NameState(NamedTuple):
    """What the summary of a name states, or what its records show."""

    releases: int
    withdrawn: int
    newest: str | None
    """The highest final version that was not withdrawn."""
    newest_token: str | None


NO_RELEASES = NameState(0, 0, None, None)


def series_finding(account: object, key: object, what: str) -> str:
    """A finding about a series."""
    return f"The series {key!r} of account {account} {what}."


def release_finding(release: ReleaseRow, what: str) -> str:
    """A finding about a release."""
    token = "adopted" if release.token is None else f"token {release.token!r}"
    return (
        f"The release {release.version} of {release.name!r} in account {release.account} ({token}) "
        f"{what}."
    )


def name_finding(name: VersionName, what: str) -> str:
    """A finding about a name."""
    return f"The name {name.name!r} in account {name.account} {what}."


def check_summary(name: VersionName, summary: NameState, recorded: NameState) -> list[str]:
    """The findings about the summary of a name."""
    findings = []
    if summary.releases != recorded.releases:
        findings.append(f"has {recorded.releases} releases, but a summary of {summary.releases}")
    if summary.withdrawn != recorded.withdrawn:
        findings.append(
            f"has {recorded.withdrawn} withdrawn releases, but a summary of {summary.withdrawn}"
        )
    if summary[2:] != recorded[2:]:
        findings.append(
            f"has the newest version {_newest(recorded)}, but a summary with {_newest(summary)}"
        )
    return [name_finding(name, what) for what in findings]


def _newest(state: NameState) -> str:
    return f"{state.newest} (token {state.newest_token!r})"


def gap(after: int, before: int) -> str:
    """A finding about values that are missing between two entries."""
    missing = f"{after + 1}" if before - after == 2 else f"{after + 1} to {before - 1}"
    return f"has no entry for {missing}, and no advance explains the gap"


def check_release(release: ReleaseRow) -> tuple[list[str], Requirement | None]:
    """The findings about a release, and the number that its component series must have reached.

    For a final version, that is the smallest component that is not 0. The larger ones may belong to
    series that were advanced directly.
    """
    try:
        version = Version.parse(release.version)
        label, number = label_and_number(version)
    except (TypeError, ValueError):
        return [release_finding(release, "has a version that Monotron does not assign")], None
    findings = []
    if sort_key(version) != release.sort_key:
        what = f"has the sort key {release.sort_key!r} of another version"
        findings.append(release_finding(release, what))
    if (label or "") != release.label:
        what = f"is recorded with the label {release.label!r}"
        findings.append(release_finding(release, what))
    if max(version.major, version.minor, version.patch, number) > INT64_MAX:
        findings.append(release_finding(release, f"has a number above {INT64_MAX}"))
    name = VersionName(release.account, release.name)
    if label is not None:
        try:
            series = label_key(name, label, Final.of(version))
        except InvalidName:
            return [*findings, release_finding(release, "has a name too long for its series")], None
        return findings, Requirement(series, number, release)
    component: Component = "patch" if version.patch else "minor" if version.minor else "major"
    series = component_key(name, component, Final.of(version))
    return findings, Requirement(series, component_value(Final.of(version), component), release)


def not_reached(requirement: Requirement, state: SeriesState | None) -> str | None:
    """The finding if the series never reached the number of the release, or else None.

    A series that was restarted after the release may be lower. Then its oldest entry is newer than
    the release, or it has no entry. The next version request advances the series.
    """
    series, number, release = requirement
    if state is None:
        return release_finding(
            release, f"has its number from the series {series.key!r}, which does not exist"
        )
    if state.value >= number or not state.is_active:
        return None
    if state.since is None or release.created_at is None or state.since >= release.created_at:
        return None
    return release_finding(
        release, f"is above the series {series.key!r}, which is at {state.value}"
    )
