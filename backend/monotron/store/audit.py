"""The ground truth of a store: what its rows must never say, whatever the engine."""

from typing import Any, NamedTuple

from semver import Version

from monotron.errors import InvalidName
from monotron.model.component_keys import component_key, label_key
from monotron.model.semver import VersionName, label_and_number, sort_key
from monotron.model.series import INT64_MAX, SeriesKey

MAX_FINDINGS = 1000
"""In one report. Where there are so many, one cause is behind most."""


class AuditSlice(NamedTuple):
    """What a slice of an audit looked at, and what it found."""

    findings: tuple[str, ...] = ()
    """Plain sentences, each with account, key and what contradicts what."""
    series: int = 0
    """Living ones."""
    entries: int = 0
    """Of living series."""
    releases: int = 0


class Report:
    """What an audit found so far."""

    def __init__(self, most: int = MAX_FINDINGS) -> None:
        self._most = most
        self._found = 0
        self._findings: list[str] = []
        self.series = self.entries = self.releases = 0

    def add(self, slice: AuditSlice) -> None:
        self._found += len(slice.findings)
        self._findings += slice.findings[: self._most - len(self._findings)]
        self.series += slice.series
        self.entries += slice.entries
        self.releases += slice.releases

    @property
    def findings(self) -> list[str]:
        """The first of them, and how many more there are."""
        more = self._found - len(self._findings)
        told = [f"There is more: {more} findings beyond these {self._most}."] if more else []
        return [*self._findings, *told]

    def document(self) -> dict[str, Any]:
        """The report as it is written down."""
        return {
            "findings": self.findings,
            "series": self.series,
            "entries": self.entries,
            "releases": self.releases,
        }


class ReleaseRow(NamedTuple):
    """A release as it stands in a row: nothing is parsed yet."""

    account: int
    name: str
    token: str | None
    version: str
    sort_key: str
    final: bool
    label: str
    """The label of a pre-release, or nothing."""
    created_at: int | None


class SeriesState(NamedTuple):
    """Where a series stands that counts versions."""

    value: int
    is_active: bool
    since: int | None
    """When the oldest entry of this generation was given."""


class Requirement(NamedTuple):
    """A number that a series must have reached: a release has it."""

    series: SeriesKey
    number: int
    record: ReleaseRow


def of_series(account: object, key: object, what: str) -> str:
    """A finding about a series."""
    return f"The series {key!r} of account {account} {what}."


def of_record(record: ReleaseRow, what: str) -> str:
    """A finding about a release."""
    return (
        f"The release {record.version} of {record.name!r} in account {record.account}, which the "
        f"token {record.token!r} has, {what}."
    )


def hole(after: int, before: int) -> str:
    """Values are missing between two that stand in a ledger."""
    missing = f"{after + 1}" if before - after == 2 else f"{after + 1} to {before - 1}"
    return f"has no entry for {missing}, and no raise explains it"


def check(record: ReleaseRow) -> tuple[list[str], Requirement | None]:
    """What is wrong with a record in itself, and what its series must have reached.

    Of a final version it is the component that it ends with. The larger ones may have been
    counted by hand, and an adopted version stands in the records before its series are raised.
    """
    try:
        version = Version.parse(record.version)
        label, number = label_and_number(version)
    except (TypeError, ValueError):
        return [of_record(record, "has no version that could have been given")], None
    findings = []
    if sort_key(version) != record.sort_key:
        findings.append(of_record(record, f"stands at the place {record.sort_key!r} of another"))
    if (label is None) != bool(record.final) or (label or "") != record.label:
        findings.append(of_record(record, f"stands in the channel {record.label!r} of another"))
    if max(version.major, version.minor, version.patch, number) > INT64_MAX:
        findings.append(of_record(record, f"has a number beyond {INT64_MAX}"))
    product = VersionName(record.account, record.name)
    if record.token is None:
        return findings, None
    if label is not None:
        try:
            return findings, Requirement(
                label_key(product, label, version.finalize_version()), number, record
            )
        except InvalidName:
            return [*findings, of_record(record, "has a name too long for its series")], None
    if version.patch:
        return findings, Requirement(
            component_key(product, "patch", version), version.patch, record
        )
    if version.minor:
        return findings, Requirement(
            component_key(product, "minor", version), version.minor, record
        )
    return findings, Requirement(component_key(product, "major", version), version.major, record)


def not_reached(need: Requirement, stand: SeriesState | None) -> str | None:
    """The finding, if the series never counted what the release has.

    One that was restarted since may stand lower: its oldest entry is younger then, or it has
    none. The next bump raises it.
    """
    series, number, record = need
    if stand is None:
        return of_record(record, f"was counted by the series {series.key!r}, which is not there")
    created_at = record.created_at
    restarted = not stand.is_active or stand.since is None or created_at is None
    if stand.value >= number or restarted or stand.since >= created_at:  # type: ignore[operator]
        return None
    return of_record(record, f"is beyond the series {series.key!r}, which stands at {stand.value}")
