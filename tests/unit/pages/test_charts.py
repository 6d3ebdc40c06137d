"""Charts: positions, and the text that states the same."""

from __future__ import annotations

from monotron.model.semver import Final, Release, VersionName, Withdrawal
from monotron.model.series import Entry, LedgerEntry
from monotron.web.pages.charts import HEIGHT, WIDTH, Chart, ledger_chart, release_chart

DAY_MS = 86_400_000
NAME = VersionName(1, "shop")


def release(version: str, day: int | None, **more: object) -> Release:
    target = Final(*map(int, version.split(".")))
    time = None if day is None else day * DAY_MS
    return Release(NAME, "T", target, created_at=time)._replace(**more)


def entry(value: int, day: int) -> LedgerEntry:
    return LedgerEntry(Entry(1, "k", "T", value), day * DAY_MS, None)


def chart_of(*releases: Release) -> Chart:
    chart = release_chart(releases)
    assert chart is not None
    return chart


def test_a_release_is_at_its_time_and_as_high_as_its_component() -> None:
    chart = chart_of(release("1.1.1", 4), release("1.1.0", 1), release("1.0.0", 0))
    assert [stem.x for stem in chart.stems] == [0, WIDTH // 4, WIDTH]
    major, minor, patch = (stem.y for stem in chart.stems)
    assert 0 == major < minor < patch < HEIGHT
    assert (chart.start, chart.end) == (0, 4 * DAY_MS)


def test_the_text_counts_the_releases_of_each_kind() -> None:
    withdrawal = Withdrawal(0, "root", "wrong")
    chart = chart_of(
        release("2.0.0", 31, label="rc", number=1),
        release("1.0.2", 20, withdrawn=withdrawal),
        release("1.0.1", 10),
        release("1.0.0", 0),
    )
    assert chart.text == (
        "1 major version, 2 patch versions, 1 pre-release from 1970-01-01 to 1970-02-01. "
        "1 of these withdrawn."
    )
    assert [stem.kind for stem in chart.stems] == ["final", "final", "taken-back", "pre"]


def test_the_stems_of_a_kind_are_one_path_of_lines_and_one_of_points() -> None:
    chart = chart_of(
        release("1.1.0", 4), release("1.1.0", 2, label="rc", number=1), release("1.0.0", 0)
    )
    first, pre_release, last = (stem.y for stem in chart.stems)
    assert chart.stem_paths == [
        ("final", f"M0 80V{first}M1000 80V{last}", f"M0 {first}h.01M1000 {last}h.01"),
        ("pre", f"M500 80V{pre_release}", f"M500 {pre_release}h.01"),
    ]


def test_releases_of_one_moment_are_in_the_middle() -> None:
    chart = chart_of(release("1.0.1", 3), release("1.0.0", 3))
    assert {stem.x for stem in chart.stems} == {WIDTH // 2}
    assert chart.text.endswith("on 1970-01-04.")


def test_releases_without_a_time_are_omitted() -> None:
    assert release_chart([release("1.0.1", 3), release("1.0.0", None)]) is None


def test_values_form_a_rising_line() -> None:
    chart = ledger_chart([entry(40, 8), entry(20, 4), entry(10, 0)])
    assert chart is not None
    points = [tuple(map(int, point.split(","))) for point in chart.curve.split(" ")]
    assert points[0] == (0, HEIGHT)
    assert points[-1] == (WIDTH, 0)
    assert points[0][1] > points[1][1] > points[2][1]
    assert chart.text == "Values 10 to 40 were assigned from 1970-01-01 to 1970-01-09."


def test_one_value_has_no_chart() -> None:
    assert ledger_chart([entry(1, 0)]) is None
