"""Calendar versions: formats, and the period of a date."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monotron.model.calendar_versions import (
    CalendarFormat,
    calendar_version,
    parse_calendar,
    period,
    period_of,
)
from monotron.model.semver import ZERO_VERSION, parse_final

FORMATS = ["YYYY.M", "YY.M", "YYYY.MMDD", "YYYY"]

# date, then the first version of each format
EXAMPLES = [
    "2026-11-28   2026.11.1   26.11.1   2026.1128.1   2026.1.0",
    "2026-11-01   2026.11.1   26.11.1   2026.1101.1   2026.1.0",
    "2026-01-03   2026.1.1    26.1.1    2026.103.1    2026.1.0",
    "2026-10-10   2026.10.1   26.10.1   2026.1010.1   2026.1.0",
    # the year changes
    "2026-12-31   2026.12.1   26.12.1   2026.1231.1   2026.1.0",
    "2027-01-01   2027.1.1    27.1.1    2027.101.1    2027.1.0",
    # leap days, and a century without one
    "2024-02-29   2024.2.1    24.2.1    2024.229.1    2024.1.0",
    "2000-02-29   2000.2.1    0.2.1     2000.229.1    2000.1.0",
    "2100-02-28   2100.2.1    100.2.1   2100.228.1    2100.1.0",
    "2100-03-01   2100.3.1    100.3.1   2100.301.1    2100.1.0",
    # YY counts from 2000
    "2000-01-01   2000.1.1    0.1.1     2000.101.1    2000.1.0",
    "2009-09-09   2009.9.1    9.9.1     2009.909.1    2009.1.0",
    "2099-12-31   2099.12.1   99.12.1   2099.1231.1   2099.1.0",
    "2100-01-01   2100.1.1    100.1.1   2100.101.1    2100.1.0",
    "1999-12-31   1999.12.1   0.1.1     1999.1231.1   1999.1.0",
    "1970-01-01   1970.1.1    0.1.1     1970.101.1    1970.1.0",
    "9999-12-31   9999.12.1   7999.12.1 9999.1231.1   9999.1.0",
]

formats = st.sampled_from(CalendarFormat)
days = st.dates(date(2000, 1, 1), date(3969, 12, 31))
"""Days whose year is distinguishable in `YY` and `YYYY`."""


class TestFormats:
    @pytest.mark.parametrize("text", FORMATS)
    def test_a_format_is_parsed(self, text: str) -> None:
        assert parse_calendar(text).value == text

    def test_other_formats_do_not_exist(self) -> None:
        assert [each.value for each in CalendarFormat] == FORMATS

    @pytest.mark.parametrize(
        "text",
        [
            *("", " ", "Y", "YY", "YYY", "M", "MMDD", "YYYY.", ".M", "YYYY.M.D", "YYYY.M.MICRO"),
            *("YYYY.MM", "YYYY.0M", "YY.0M", "YY.MM", "0Y.0M", "YY.MMDD", "YYYY.DDMM", "YYYY.WW"),
            *("yyyy.m", "Yyyy.M", "YYYY-M", "YYYY/M", "YYYYM", "YYYYMMDD", "YYYY,M", "YYYY..M"),
            *(" YYYY.M", "YYYY.M ", "YYYY.M\n", "\uff39YYY.M", "2026.11", "%Y.%m", "auto"),
            "YYYY.M" * 1000,
        ],
        ids=lambda text: ascii(text)[:16],
    )
    def test_an_invalid_format_is_refused_and_the_valid_ones_are_named(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"^`YYYY\.M`, `YY\.M`, `YYYY\.MMDD` or `YYYY`$"):
            parse_calendar(text)


class TestPeriods:
    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split()[0])
    def test_the_first_version_of_a_period_has_the_components_of_the_date(
        self, example: str
    ) -> None:
        day, *versions = example.split()
        firsts = [
            str(calendar_version(period(parse_calendar(text), date.fromisoformat(day)), 1))
            for text in FORMATS
        ]
        assert firsts == versions

    @pytest.mark.parametrize(
        ("text", "leading"),
        [
            ("YYYY.M", (2026, 11)),
            ("YY.M", (26, 11)),
            ("YYYY.MMDD", (2026, 1128)),
            ("YYYY", (2026, None)),
        ],
    )
    def test_a_period_consists_of_the_leading_components(
        self, text: str, leading: tuple[int, int | None]
    ) -> None:
        assert period(parse_calendar(text), date(2026, 11, 28)) == leading

    @given(format=formats, day=st.dates(), number=st.integers(1, 10**18))
    def test_every_version_is_a_final_semantic_version_of_its_period(
        self, format: CalendarFormat, day: date, number: int
    ) -> None:
        line = period(format, day)
        version = calendar_version(line, number)
        assert parse_final(str(version)) == version
        assert line.covers(version)
        assert version > ZERO_VERSION

    @given(format=formats, day=days, number=st.integers(1, 10**18))
    def test_a_version_has_a_period_in_its_own_format_only(
        self, format: CalendarFormat, day: date, number: int
    ) -> None:
        version = calendar_version(period(format, day), number)
        for each in CalendarFormat:
            assert period_of(each, version) == (period(each, day) if each is format else None)

    @pytest.mark.parametrize(
        "version", ["1.13.57", "2026.0.1", "2026.13.1", "2026.1232.1", "2026.100.1", "0.0.0"]
    )
    def test_another_version_has_no_period(self, version: str) -> None:
        found = [period_of(each, parse_final(version)) for each in CalendarFormat]
        assert found == [None] * 4

    @given(format=formats, days=st.lists(st.dates(), min_size=2, max_size=2), data=st.data())
    def test_a_later_period_has_higher_versions(
        self, format: CalendarFormat, days: list[date], data: st.DataObject
    ) -> None:
        earlier, later = (period(format, day) for day in sorted(days))
        numbers = st.integers(1, 10**6)
        last, first = data.draw(numbers), data.draw(numbers)
        if earlier != later:
            assert calendar_version(earlier, last) < calendar_version(later, first)

    @given(format=formats, day=st.dates(), number=st.integers(1, 10**18))
    def test_versions_of_a_period_increase(
        self, format: CalendarFormat, day: date, number: int
    ) -> None:
        line = period(format, day)
        assert calendar_version(line, number) < calendar_version(line, number + 1)
