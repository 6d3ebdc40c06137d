"""Where a product stands: its records and its series, read together."""

from contextlib import suppress

from semver import Version

from monotron.errors import LineNotFound, ValueWouldFall
from monotron.model.component_keys import COMPONENTS, Component, component_key, part
from monotron.model.semver import (
    NOTHING,
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
    """Reads, and raises of series that lag behind the records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._releases = store.releases

    def newest(self, product: VersionName) -> Version:
        """The highest final version: of the records, or of the series."""
        return self.newest_and_lag(product)[0]

    def newest_and_lag(
        self, product: VersionName, initial: Version | None = None
    ) -> tuple[Version, Version | None]:
        """The same, and the version in the records that the series lag behind, if they do.

        With *initial* as if that were in the records.
        """
        recorded = self._releases.newest(product, sort_key_range(), final=True)
        known = initial or (recorded.version if recorded else NOTHING)
        counted = self.counted(product, known)
        if known <= counted:
            return counted, None
        # Somebody restarted a larger component, and smaller ones may have been counted on.
        return self.ahead(product, known), known

    def begun(self, product: VersionName) -> bool:
        """Whether the product has any version, be it a pre-release. Once it has, it keeps it."""
        recorded = self._releases.newest(product, sort_key_range(), final=None)
        return recorded is not None or self.newest(product) != NOTHING

    def counted(self, product: VersionName, expected: Version) -> Version:
        """The version that the series stand at, which is most likely the one expected."""
        while True:
            # The smallest first: what is found around it later was around it already.
            patch, minor, major = self._store.high_water_marks(
                [component_key(product, each, expected) for each in reversed(COMPONENTS)]
            )
            counted = Version(major, minor, patch)
            if (major, minor) == (expected.major, expected.minor):
                return counted
            expected = counted

    def ahead(self, product: VersionName, version: Version) -> Version:
        """What raising the series to *version* would make the latest, and may lie beyond it.

        Series of a version to come may have been counted by hand already.
        """
        keys = [component_key(product, each, version) for each in COMPONENTS[1:]]
        minor, patch = self._store.high_water_marks(keys)
        if minor <= version.minor:
            return version.replace(patch=max(patch, version.patch))
        ahead = Version(version.major, minor)
        (patch,) = self._store.high_water_marks([component_key(product, "patch", ahead)])
        return ahead.replace(patch=patch)

    def below(self, product: VersionName, version: Version) -> Version | None:
        """The highest final version in the records that is below this one's target."""
        final = Version(version.major, version.minor, version.patch)
        release = self._releases.newest(product, ("", sort_key(final)), final=True)
        return release.version if release else None

    def top(self, product: VersionName, target: Version, label: str) -> int:
        """The highest number that a pre-release of the target has in the records."""
        top = self._releases.newest(
            product, sort_key_range(target=target, label=label), final=False
        )
        return label_and_number(top.version)[1] if top else 0

    def own(self, product: VersionName, plan: Plan, token: str) -> int | None:
        """The value that the token was given earlier, if it may still become its version."""
        own = self._store.entry(plan.series, token)
        return own.value if own and self.usable(product, plan, token, own.value) else None

    def usable(self, product: VersionName, plan: Plan, token: str, value: int) -> bool:
        """Whether a value that the token was given earlier may still become its version.

        It has it from before a crash, or by hand. It may not if somebody has started from a later
        version since, or if another token has the version.
        """
        version = plan.version(value)
        if plan.bump == "final" and version != plan.target:
            return False
        raised = self._store.entry(plan.series, None)
        if raised and raised.value > value:
            return False
        if self._releases.adopted(product, (sort_key(version), plan.scope[1])):
            return False
        stands = self._releases.at(product, version)
        return stands is None or stands.token == token

    def newest_of_line(
        self, product: VersionName, line: Line, latest: Version
    ) -> tuple[Version, Version | None]:
        """Where a line stands, and the version that its series lag behind; `LineNotFound`."""
        if line.covers(latest) and latest != NOTHING:
            return latest, None
        recorded = self._releases.newest(product, sort_key_range(line), final=True)
        known = recorded.version if recorded else NOTHING
        minor = line.minor
        if minor is None:
            of_major = component_key(product, "minor", Version(line.major))
            (minor,) = self._store.high_water_marks([of_major])
        counted = Version(line.major, minor)
        (patch,) = self._store.high_water_marks([component_key(product, "patch", counted)])
        counted = counted.replace(patch=patch)
        if not (recorded or patch or (line.minor is None and minor)):
            self._check_line(product, line)
        return max(known, counted), known if known > counted else None

    def _check_line(self, product: VersionName, line: Line) -> None:
        """`LineNotFound` unless the number that begins the line was given to a token."""
        component: Component = "minor" if line.minor else "major"
        number = line.minor or line.major
        series = component_key(product, component, Version(line.major))
        rows = self._store.ledger_page(series, number + 1, 1) if number else None
        first = rows[0].entry if rows else None
        if first and first.value == number and first.token is not None:
            return
        if pre := self._releases.newest(product, sort_key_range(line), final=False):
            raise LineNotFound(
                f"Of the line {line} {product.name!r} has only pre-releases yet, such as "
                f"{pre.version}, so there is no version to go on from. Make one final, by "
                "bump=final, or ask for the next one without `line`."
            )
        raise LineNotFound(
            f"{product.name!r} has no version {line}.x, so there is no line to go on with. "
            "A line begins with its first version, by bump=major or bump=minor; "
            "GET /v1/releases/NAME lists what is there."
        )

    def raise_all(self, product: VersionName, version: Version, assigned_by: str) -> None:
        """Patch first, major last, so that nobody sees a new major with an old patch."""
        for component in reversed(COMPONENTS):
            if value := part(version, component):  # a component of 0 is no step
                self.advance_to(component_key(product, component, version), value, assigned_by)

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> None:
        """Let the series stand at *value* at least."""
        with suppress(ValueWouldFall):  # then somebody has counted on already
            self._store.advance_to(series, value, assigned_by)
