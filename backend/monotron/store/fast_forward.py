"""Fast-forward after a restore: which series are raised, and by how much.

Afterwards, no value and no version that was assigned since the backup is assigned again.

A series that assigned at most N values since the backup is raised by N. Versions need more: a
major or minor version that was created since has component series of its own, and the backup does
not contain them. Therefore component series are raised by N + 1, so that the next major or minor
version is a number that was never used. Component series that a known line would create are raised
as well.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from monotron.model.component_keys import component_key
from monotron.model.semver import ZERO_VERSION, Final, Line, VersionName, parse_line
from monotron.model.series import INT64_MAX, SeriesKey

_COMPONENT = re.compile(r"(?s:(.+))-(?:minor-v([0-9]+)|patch-v([0-9]+\.[0-9]+))")

MAX_NAMED_SERIES = 100
"""The maximum number of exhausted series that the result of a fast-forward names."""

Values = Callable[[SeriesKey], Iterable[int]]
"""Returns all values in the ledger of a series."""


class FastForwarded(NamedTuple):
    """The result of a fast-forward."""

    raised: int
    """The number of series that were raised, including new component series."""
    exhausted: tuple[SeriesKey, ...]
    """The first `MAX_NAMED_SERIES` series that have reached the last possible value."""


class KnownLines:
    """The names that have versions, and their known lines."""

    def __init__(self) -> None:
        self._lines: dict[VersionName, set[Line]] = {}

    def add_release(self, account: int, name: str, major: int, minor: int) -> None:
        """Add the line of a recorded version."""
        self._lines.setdefault(VersionName(account, name), set()).add(Line(major, minor))

    def add_series(self, account: int, key: str) -> None:
        """Add the line of a minor or patch series.

        Other keys are ignored. A key that ends with `-major` can belong to any series.
        """
        match = _COMPONENT.fullmatch(key)
        if match:
            name, minor, patch = match.groups()
            try:
                line = parse_line(minor or patch)
            except ValueError:
                return  # the number is not one that Monotron assigns
            self._lines.setdefault(VersionName(account, name), set()).add(line)

    def series(self, values: Values) -> Iterator[SeriesKey]:
        """The component series of all names, including those that a known line would create.

        A line is known once one of its versions is recorded, or its number was assigned.
        """
        for name, lines in self._lines.items():
            of_major = component_key(name, "major", ZERO_VERSION)
            yield of_major
            for major in {line.major for line in lines} | set(values(of_major)):
                of_minor = component_key(name, "minor", Final(major, 0, 0))
                yield of_minor
                minors = {line.minor for line in lines if line.major == major}
                for minor in minors | {0} | set(values(of_minor)):
                    if minor is not None:
                        yield component_key(name, "patch", Final(major, minor, 0))


def saturating_add(value: int, amount: int) -> int:
    """*value* plus *amount*, limited to the last possible value."""
    return min(value + amount, INT64_MAX)
