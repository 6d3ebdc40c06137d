"""What must be raised after a restore, so that nothing given since the backup is given again.

That a series gave at most so many values since raises it by as many. Versions need more: a major or
minor that was given since has series of its own, of which the backup knows nothing. So the series
of components are raised by one more: what begins below a number that never was given is new. And
those that a name does not have yet, but that its lines would begin, are raised as well.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from semver import Version

from monotron.model.component_keys import component_key
from monotron.model.semver import ZERO_VERSION, Line, VersionName, parse_line
from monotron.model.series import INT64_MAX, SeriesKey

_COMPONENT = re.compile(r"(?s:(.+))-(?:minor-v([0-9]+)|patch-v([0-9]+\.[0-9]+))")

TOLD_AT_THE_END = 100
"""Series that a bump names, of those that stand at the last value."""

Values = Callable[[SeriesKey], Iterable[int]]
"""All values that stand in the ledger of a series."""


class FastForwarded(NamedTuple):
    """What a bump did."""

    raised: int
    """How many series, those included that a name did not have yet."""
    at_the_end: tuple[SeriesKey, ...]
    """The first of those that stand at the last value now: they give nothing any more."""


class KnownLines:
    """The names that have versions, and the lines that are known of them."""

    def __init__(self) -> None:
        self._lines: dict[VersionName, set[Line]] = {}

    def add_release(self, account: int, name: str, major: int, minor: int) -> None:
        self._lines.setdefault(VersionName(account, name), set()).add(Line(major, minor))

    def add_series(self, account: int, key: str) -> None:
        """Of minors and patches. A key that ends in `-major` alone may be anybody's word."""
        match = _COMPONENT.fullmatch(key)
        if match:
            name, minor, patch = match.groups()
            try:
                line = parse_line(minor or patch)
            except ValueError:
                return  # no number that was given here
            self._lines.setdefault(VersionName(account, name), set()).add(line)

    def series(self, values: Values) -> Iterator[SeriesKey]:
        """The series that count versions of theirs, or would once somebody asks for their line.

        A line can be asked for once a version of it is recorded, or its number was counted.
        """
        for product, lines in self._lines.items():
            of_major = component_key(product, "major", ZERO_VERSION)
            yield of_major
            for major in {line.major for line in lines} | set(values(of_major)):
                of_minor = component_key(product, "minor", Version(major))
                yield of_minor
                minors = {line.minor for line in lines if line.major == major}
                for minor in minors | {0} | set(values(of_minor)):
                    if minor is not None:
                        yield component_key(product, "patch", Version(major, minor))


def raised(value: int, by_how_much: int) -> int:
    """The value to raise to, at most the last one."""
    return min(value + by_how_much, INT64_MAX)
