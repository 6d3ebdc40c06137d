"""Who gives a version is killed between the steps of a version, at each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from semver import Version

from faults.version_crash import NAME, POINTS, crash, domain

# The request that is cut off, and the version that its token is to get in the end.
REQUESTS = {
    "PATCH?bump=patch": "1.2.58",
    "MINOR?bump=minor": "1.3.0",
    "MAJOR?bump=major": "2.0.0",
    "RC?bump=minor&prerelease=rc": "1.3.0-rc.2",
    "FINAL?bump=final": "1.3.0",
}


@pytest.fixture
def begun(store_url: str) -> str:
    """The URL of a store with a name at 1.2.57 that has one pre-release."""
    with domain(store_url) as begun:
        assert begun.adopt("1.2.57") == "1.2.57"
        assert begun.next("FINAL?bump=minor&prerelease=rc") == "1.3.0-rc.1"
    return store_url


@pytest.mark.parametrize("point", ["before the step", "after the step", "after the record"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_the_retry_gets_one_version_and_nobody_else_gets_it(
    begun: str, request_: str, point: str
) -> None:
    crash(begun, point, "next", request_)
    with domain(begun) as after:
        others = [
            after.next(each) for each in ("other?bump=patch", "third?bump=minor&prerelease=rc")
        ]
        version = after.next(request_)
        assert [after.next(request_) for _ in range(2)] == [version] * 2
        assert version not in others
        if point != "before the step":
            assert version == REQUESTS[request_]
        records = after.records()
        assert records[version] == request_.partition("?")[0]
        assert after.newest() == max(Version.parse(each) for each in records if "-" not in each)


@pytest.mark.parametrize("point", ["before the step", "after the step", "after the record"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_a_retry_that_comes_first_skips_nothing(begun: str, request_: str, point: str) -> None:
    crash(begun, point, "next", request_)
    with domain(begun) as after:
        assert after.next(request_) == REQUESTS[request_]


@pytest.mark.parametrize(
    ("query", "skipped", "given"),
    [
        ("bump=patch", "1.2.58", ["1.2.59", "1.2.60"]),
        ("bump=minor", "1.3.0", ["1.4.0", "1.5.0"]),
        ("bump=major", "2.0.0", ["3.0.0", "4.0.0"]),
        ("bump=minor&prerelease=rc", "1.3.0-rc.2", ["1.3.0-rc.3", "1.3.0-rc.4"]),
    ],
)
def test_at_most_one_number_is_skipped_if_nobody_comes_back(
    begun: str, query: str, skipped: str, given: list[str]
) -> None:
    crash(begun, "after the step", "next", f"gone?{query}")
    with domain(begun) as after:
        assert [after.next(f"{token}?{query}") for token in "ab"] == given
        assert skipped not in after.records()


@pytest.mark.parametrize("point", ["after the record", "after the patch", "after the minor"])
def test_an_adoption_that_was_cut_off_is_completed_by_whoever_comes_next(
    begun: str, point: str
) -> None:
    crash(begun, point, "adopt", "2.4.7")
    with domain(begun) as after:
        assert after.next("other?bump=patch") == "2.4.8"
        assert after.next("third?bump=minor") == "2.5.0"
        assert after.adopt("2.4.7") == "value_would_fall"


@pytest.mark.parametrize("point", ["after the record", "after the patch", "after the minor"])
def test_an_adoption_that_was_cut_off_may_be_repeated(begun: str, point: str) -> None:
    crash(begun, point, "adopt", "2.4.7")
    with domain(begun) as after:
        assert [after.adopt("2.4.7") for _ in range(2)] == ["2.4.7"] * 2
        keys = [f"{NAME}-{end}" for end in ("major", "minor-v2", "patch-v2.4")]
        assert [entry.key for entry in after.store.series_page(1, f"{NAME}-", "", 99)] == [
            keys[0],
            f"{NAME}-minor-v1",
            keys[1],
            f"{NAME}-patch-v1.2",
            keys[2],
            f"{NAME}-rc-v1.3.0",
        ]
        assert after.next("other?bump=patch") == "2.4.8"


@pytest.mark.parametrize(
    ("bump", "adopted", "answer", "version"),
    [
        ("patch", "1.2.57", "value_would_fall", "1.2.58"),
        ("patch", "1.2.58", "1.2.58", "1.2.59"),
        ("patch", "1.2.70", "1.2.70", "1.2.71"),
        ("patch", "3.0.0", "3.0.0", "3.0.1"),
        ("minor", "1.3.0", "1.3.0", "1.4.0"),
        ("minor", "1.3.5", "1.3.5", "1.4.0"),
        ("minor", "1.9.5", "1.9.5", "1.10.0"),
        ("minor", "2.0.0", "2.0.0", "2.1.0"),
        ("major", "2.0.0", "2.0.0", "3.0.0"),
        ("major", "2.1.0", "2.1.0", "3.0.0"),
        ("major", "2.0.7", "2.0.7", "3.0.0"),
    ],
)
def test_a_number_from_before_a_crash_is_never_given_below_what_was_adopted_since(
    begun: str, bump: str, adopted: str, answer: str, version: str
) -> None:
    crash(begun, "after the step", "next", f"T?bump={bump}")
    with domain(begun) as after:
        assert after.adopt(adopted) == answer
        assert [after.next(f"T?bump={bump}") for _ in range(2)] == [version] * 2
        assert after.records()[version] == "T"


def test_nor_where_another_number_was_given_on_top_of_it(begun: str) -> None:
    for token in "TU":
        crash(begun, "after the step", "next", f"{token}?bump=patch")
    with domain(begun) as after:
        assert after.adopt("1.2.59") == "1.2.59"
        assert [after.next(token) for token in "TU"] == ["1.2.60", "1.2.61"]


def test_a_promotion_that_was_cut_off_is_not_made_below_what_was_adopted_since(begun: str) -> None:
    crash(begun, "after the step", "next", "FINAL?bump=final")
    with domain(begun) as after:
        assert after.adopt("1.3.5") == "1.3.5"
        assert after.next("FINAL?bump=final") == "already_released"


def test_every_point_is_used() -> None:
    source = Path(__file__).read_text()
    assert all(f'"{point}"' in source for point in POINTS)
