"""The component series of the model: what each of them was assigned or advanced to."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

Number = tuple[int, int, int]
ZERO: Number = (0, 0, 0)
COMPONENTS = ("major", "minor", "patch")


@dataclass
class _Generation:
    start: int = 0
    """The value that it continues after."""
    entries: list[tuple[int, bool]] = field(default_factory=list)
    """Each value, and whether the series was advanced to it."""

    @property
    def value(self) -> int:
        return self.entries[-1][0] if self.entries else self.start

    def advance(self, value: int) -> None:
        if value > self.value:
            if self.start and not self.entries:
                self.entries.append((self.start, True))
            self.entries.append((value, True))


class SeriesModel:
    """A series for each component and its larger components."""

    def __init__(self) -> None:
        self._series: dict[tuple[int, ...], _Generation] = {}

    def copy(self) -> SeriesModel:
        return deepcopy(self)

    def head(self, number: Number, part: int) -> int:
        """The value of the series that counts a component of versions like this one."""
        return self._of(number, part).value

    def assign(self, number: Number, part: int) -> None:
        """Assign the component of the version to a token."""
        series = self._of(number, part)
        series.advance(number[part] - 1)
        series.entries.append((number[part], False))

    def advance(self, number: Number) -> None:
        """Advance the series to a version that was adopted, or assigned exactly."""
        for part in range(3):
            self._of(number, part).advance(number[part])

    def withdraw(self, number: Number, finals: Sequence[Number]) -> None:
        """Return to the values before the advance to a version that was withdrawn.

        *finals*: the remaining versions. A component that they contain is kept.
        """
        for part in range(3):
            series = self._of(number, part)
            is_last = series.entries[-1:] == [(number[part], True)]
            others = [each for each in finals if each[: part + 1] == number[: part + 1]]
            if is_last and (part == 2 or not others):
                before = series.entries[-2][0] if len(series.entries) > 1 else 0
                self._series[number[:part]] = _Generation(before)

    def _of(self, number: Number, part: int) -> _Generation:
        return self._series.setdefault(number[:part], _Generation())
