"""Calendar versions: the date determines the leading components, the last one counts from 1."""

from datetime import date
from enum import Enum

from monotron.model.semver import Final, Line


class CalendarFormat(Enum):
    """How a UTC date determines the leading components. They have no leading zeros."""

    YEAR_MONTH = "YYYY.M"
    SHORT_YEAR_MONTH = "YY.M"
    YEAR_DAY = "YYYY.MMDD"
    YEAR = "YYYY"


_EPOCH = date(2000, 1, 1)
"""`YY` is the number of years since 2000: 6 in 2006, and 100 in 2100, so versions increase."""

_MIN_YEAR = 1970
"""The first year of the clock. Lower numbers are years of `YY`."""


def parse_calendar(text: str) -> CalendarFormat:
    """Parse a calendar format. Raises `ValueError` with the expected form if it is invalid."""
    try:
        return CalendarFormat(text)
    except ValueError:
        *others, last = (f"`{each.value}`" for each in CalendarFormat)
        raise ValueError(f"{', '.join(others)} or {last}") from None


def period(format: CalendarFormat, day: date) -> Line:
    """The leading components of the versions of a day in UTC: `2026.11` for `YYYY.M`.

    `YYYY` has only the major version: the minor version counts. A later date never has a lower
    period. `YY` treats a date before 2000, from a wrong clock, as 2000-01-01.
    """
    if format is CalendarFormat.SHORT_YEAR_MONTH:
        day = max(day, _EPOCH)
        return Line(day.year - _EPOCH.year, day.month)
    if format is CalendarFormat.YEAR_MONTH:
        return Line(day.year, day.month)
    if format is CalendarFormat.YEAR_DAY:
        return Line(day.year, 100 * day.month + day.day)
    return Line(day.year)


def period_of(format: CalendarFormat, version: Final) -> Line | None:
    """The period of a version, or None if it cannot be a version of this format."""
    year, middle, last = version
    if (format is CalendarFormat.SHORT_YEAR_MONTH) != (year < _MIN_YEAR):
        return None
    if format is CalendarFormat.YEAR:
        return Line(year) if middle and not last else None
    lowest, highest = (101, 1231) if format is CalendarFormat.YEAR_DAY else (1, 12)
    return Line(year, middle) if last and lowest <= middle <= highest else None


def calendar_version(period: Line, number: int) -> Final:
    """The version of a period with this number: `2026.11.1`, or `2026.1.0` for `YYYY`."""
    if period.minor is None:
        return Final(period.major, number, 0)
    return Final(period.major, period.minor, number)
