"""The state of a name: its releases and its component series, read together."""

from contextlib import suppress

from semver import Version

from monotron.errors import LineNotFound, ValueWouldFall
from monotron.model.component_keys import COMPONENTS, Component, component_key, component_value
from monotron.model.semver import (
    ZERO_VERSION,
    Line,
    VersionName,
    label_and_number,
    sort_key,
    sort_key_range,
)
from monotron.model.series import SeriesKey
from monotron.services.versions.types import Plan
from monotron.store import Store


class NameState:
    """Reads the state of a name, and advances component series.

    Series can be lower than the recorded versions if one of them was restarted, and higher if it
    was advanced directly.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._releases = store.releases

    def latest(self, name: VersionName) -> Version:
        """The highest final version, recorded or counted by the series; 0.0.0 if there is none."""
        return self.latest_and_lagging(name)[0]

    def latest_and_lagging(
        self, name: VersionName, initial: Version | None = None
    ) -> tuple[Version, Version | None]:
        """The highest final version, and the recorded version if the series are below it.

        *initial* counts as a recorded version.
        """
        release = self._releases.highest(name, sort_key_range(), final=True)
        recorded = initial or (release.version if release else ZERO_VERSION)
        counted = self._counted(name, recorded)
        if recorded <= counted:
            return counted, None
        # The series of a larger component was restarted. Smaller ones may have higher values.
        return self.manually_counted_beyond(name, recorded), recorded

    def has_versions(self, name: VersionName) -> bool:
        """Whether the name has any version, including pre-releases. This never becomes false."""
        release = self._releases.highest(name, sort_key_range(), final=None)
        return release is not None or self.latest(name) != ZERO_VERSION

    def _counted(self, name: VersionName, expected: Version) -> Version:
        """The version that the values of the series form.

        A correct guess, *expected*, saves a second read.
        """
        while True:
            # The smallest component is read first. If a larger one is unchanged when it is read
            # later, it was unchanged at the time of the first read.
            patch, minor, major = self._store.high_water_marks(
                [component_key(name, component, expected) for component in reversed(COMPONENTS)]
            )
            counted = Version(major, minor, patch)
            if (major, minor) == (expected.major, expected.minor):
                return counted
            expected = counted

    def manually_counted_beyond(self, name: VersionName, version: Version) -> Version:
        """The latest version after the series are advanced to *version*.

        It is higher than *version* if series of later versions were advanced manually before.
        """
        keys = [component_key(name, component, version) for component in COMPONENTS[1:]]
        minor, patch = self._store.high_water_marks(keys)
        if minor <= version.minor:
            return version.replace(patch=max(patch, version.patch))
        beyond = Version(version.major, minor)
        (patch,) = self._store.high_water_marks([component_key(name, "patch", beyond)])
        return beyond.replace(patch=patch)

    def previous_release(self, name: VersionName, version: Version) -> Version | None:
        """The highest recorded final version below *version*.

        The pre-release part of *version* is ignored: 1.2.0 does not precede 1.2.0-rc.1.
        """
        final = Version(version.major, version.minor, version.patch)
        release = self._releases.highest(name, ("", sort_key(final)), final=True)
        return release.version if release else None

    def highest_prerelease(self, name: VersionName, target: Version, label: str) -> int:
        """The highest recorded pre-release number of the target and label, or 0."""
        release = self._releases.highest(
            name, sort_key_range(target=target, label=label), final=False
        )
        return label_and_number(release.version)[1] if release else 0

    def value_of_token(self, name: VersionName, plan: Plan, token: str) -> int | None:
        """The value that the token already has in the plan's series, if it is reusable."""
        entry = self._store.entry(plan.series, token)
        if entry and self.is_reusable(name, plan, token, entry.value):
            return entry.value
        return None

    def is_reusable(self, name: VersionName, plan: Plan, token: str, value: int) -> bool:
        """Whether a value that was assigned to the token earlier can become its version.

        The token has such a value if a server crashed before it recorded the version, or if the
        series was counted directly. The value is not reusable if a later version was adopted
        since, or if another token has the version.
        """
        version = plan.version(value)
        if plan.bump == "final" and version != plan.target:
            return False
        if plan.initial and version <= plan.initial:
            return False
        advanced = self._store.entry(plan.series, None)
        if advanced and advanced.value > value:
            return False
        if self._releases.adopted(name, (sort_key(version), plan.counted_range[1])):
            return False
        release = self._releases.at(name, version)
        return release is None or release.token == token

    def latest_of_line(
        self, name: VersionName, line: Line, latest: Version
    ) -> tuple[Version, Version | None]:
        """The highest final version of a line, and the recorded version if the series are below it.

        Raises `LineNotFound` if the line has no final version.
        """
        if line.covers(latest) and latest != ZERO_VERSION:
            return latest, None
        release = self._releases.highest(name, sort_key_range(line), final=True)
        recorded = release.version if release else ZERO_VERSION
        minor = line.minor
        if minor is None:
            minor_series = component_key(name, "minor", Version(line.major))
            (minor,) = self._store.high_water_marks([minor_series])
        counted = Version(line.major, minor)
        (patch,) = self._store.high_water_marks([component_key(name, "patch", counted)])
        counted = counted.replace(patch=patch)
        if not (release or patch or (line.minor is None and minor)):
            self._check_line(name, line)
        return max(recorded, counted), recorded if recorded > counted else None

    def _check_line(self, name: VersionName, line: Line) -> None:
        """Raise `LineNotFound` unless the first value of the line was assigned to a token."""
        component: Component = "minor" if line.minor else "major"
        number = line.minor or line.major
        series = component_key(name, component, Version(line.major))
        rows = self._store.ledger_page(series, number + 1, 1) if number else None
        first = rows[0].entry if rows else None
        if first and first.value == number and first.token is not None:
            return
        if release := self._releases.highest(name, sort_key_range(line), final=False):
            raise LineNotFound(
                f"Line {line} of {name.name!r} has only pre-releases. A line starts with a final "
                f"version, and the highest one is {release.version}. Promote it with bump=final, "
                "or omit `line`."
            )
        raise LineNotFound(
            f"{name.name!r} has no {line}.x release, so line {line} does not exist. A line "
            "starts with its first version, by bump=major or bump=minor. "
            "GET /v1/releases/NAME lists the existing versions."
        )

    def advance_all_to(self, name: VersionName, version: Version, assigned_by: str) -> None:
        """Advance the three series to the version.

        The patch is advanced first, so that no reader sees a new major version with an old patch.
        """
        for series, value in _values_of(name, version):
            self.advance_to(series, value, assigned_by)

    def check_quota(self, name: VersionName, version: Version) -> None:
        """Raise `QuotaExceeded` if the account may not have the series of the version."""
        quotas = self._store.quotas
        if not quotas.series:
            return
        series = [series for series, _ in _values_of(name, version)]
        missing = self._store.peek(series).count(None)
        used = self._store.series_count(name.account)
        if missing and (error := quotas.check_series(name.account, used, missing)):
            raise error

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> None:
        """Advance the series to at least *value*."""
        with suppress(ValueWouldFall):  # a concurrent request advanced it further
            self._store.advance_to(series, value, assigned_by)


def _values_of(name: VersionName, version: Version) -> list[tuple[SeriesKey, int]]:
    """The series of a version and their values, the patch first. A component of 0 has no series."""
    return [
        (component_key(name, component, version), value)
        for component in reversed(COMPONENTS)
        if (value := component_value(version, component))
    ]
