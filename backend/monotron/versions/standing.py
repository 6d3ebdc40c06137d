"""Where a product stands: its records and its series, read together."""

from contextlib import suppress

from semver import Version

from monotron.components import COMPONENTS, Component, component_key, part
from monotron.errors import LineNotFound, ValueWouldFall
from monotron.model import INT64_MAX, SeriesKey
from monotron.semantic import NOTHING, Line, Product, label_and_number, place, places
from monotron.store import Store
from monotron.store.base import exhausted


class Standing:
    """Reads, and raises of series that lag behind the records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._releases = store.releases

    def newest(self, product: Product) -> Version:
        """The highest final version: of the records, or of the series."""
        recorded = self._releases.newest(product, places(), final=True)
        known = recorded.version if recorded else NOTHING
        return max(known, self.counted(product, known))

    def counted(self, product: Product, expected: Version) -> Version:
        """The version that the series stand at, which is most likely the one expected."""
        while True:
            major, minor, patch = self._store.heights(
                [component_key(product, each, expected) for each in COMPONENTS]
            )
            counted = Version(major, minor, patch)
            if (major, minor) == (expected.major, expected.minor):
                return counted
            expected = counted

    def ahead(self, product: Product, version: Version) -> Version:
        """What raising the series to *version* would make the latest, and may lie beyond it.

        Series of a version to come may have been counted by hand already.
        """
        keys = [component_key(product, each, version) for each in COMPONENTS[1:]]
        minor, patch = self._store.heights(keys)
        if minor <= version.minor:
            return version.replace(patch=max(patch, version.patch))
        ahead = Version(version.major, minor)
        (patch,) = self._store.heights([component_key(product, "patch", ahead)])
        return ahead.replace(patch=patch)

    def below(self, product: Product, version: Version) -> Version | None:
        """The highest final version in the records that is below this one's target."""
        final = Version(version.major, version.minor, version.patch)
        release = self._releases.newest(product, ("", place(final)), final=True)
        return release.version if release else None

    def top(self, product: Product, target: Version, label: str) -> int:
        """The highest number that a pre-release of the target has in the records."""
        top = self._releases.newest(product, places(target=target, label=label), final=False)
        return label_and_number(top.version)[1] if top else 0

    def own(self, series: SeriesKey, token: str) -> int | None:
        """The value that a token was given without a record: before a crash, or by hand.

        None where the series was raised beyond it since, to start from a later version.
        """
        own = self._store.entry(series, token)
        raised = self._store.entry(series, None) if own else None
        return None if own is None or (raised and raised.value > own.value) else own.value

    def newest_of_line(
        self, product: Product, line: Line, latest: Version
    ) -> tuple[Version, Version | None]:
        """Where a line stands, and the version that its series lag behind; `LineNotFound`."""
        if line.covers(latest) and latest != NOTHING:
            return latest, None
        recorded = self._releases.newest(product, places(line), final=True)
        known = recorded.version if recorded else NOTHING
        minor = line.minor
        if minor is None:
            of_major = component_key(product, "minor", Version(line.major))
            (minor,) = self._store.heights([of_major])
        counted = Version(line.major, minor)
        (patch,) = self._store.heights([component_key(product, "patch", counted)])
        counted = counted.replace(patch=patch)
        if not (recorded or patch or (line.minor is None and minor)):
            self._check_line(product, line)
        return max(known, counted), known if known > counted else None

    def _check_line(self, product: Product, line: Line) -> None:
        """`LineNotFound` unless a version of the line was given, if only before it was counted."""
        pre_released = self._releases.newest(product, places(line), final=None)
        component: Component = "minor" if line.minor else "major"
        number = line.minor or line.major
        series = component_key(product, component, Version(line.major))
        rows = self._store.ledger_page(series, number + 1, 1) if number else None
        if not pre_released and not (rows and rows[0].entry.value == number):
            raise LineNotFound(
                f"{product.name!r} has no version {line}.x, so there is no line to go on with. "
                "A line begins with its first version, by bump=major or bump=minor; "
                "GET /v1/releases/NAME lists what is there."
            )

    def raise_all(self, product: Product, version: Version, by: str) -> None:
        """Patch first, major last, so that nobody sees a new major with an old patch."""
        for component in reversed(COMPONENTS):
            if value := part(version, component):  # a component of 0 is no step
                self.raise_to(component_key(product, component, version), value, by)

    def raise_to(self, series: SeriesKey, value: int, by: str) -> None:
        """Let the series stand at *value* at least; `SeriesExhausted` if it cannot."""
        if value > INT64_MAX:
            raise exhausted(series)
        with suppress(ValueWouldFall):  # then somebody has counted on already
            self._store.raise_to(series, value, by)
