"""A process is killed at each point of assigning or adopting a version."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from semver import Version

from faults.tier import WHOLE
from faults.version_crash import NAME, POINTS, crash, versions_of

# The interrupted request, and the version that its token gets in the end.
REQUESTS = {
    "PATCH?bump=patch": "1.2.58",
    "MINOR?bump=minor": "1.3.0",
    "MAJOR?bump=major": "2.0.0",
    "RC?bump=minor&prerelease=rc": "1.3.0-rc.2",
    "FINAL?bump=final": "1.3.0",
}


def on_both(*cases: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Return all cases on SQLite, and on MongoDB all in the long tier, otherwise every third."""
    on_mongodb = cases if WHOLE else cases[::3]
    return [("sqlite", *case) for case in cases] + [("mongod", *case) for case in on_mongodb]


@pytest.fixture
def started(store_url: str) -> str:
    """The URL of a store with a name at 1.2.57 that has one pre-release."""
    with versions_of(store_url) as versions:
        assert versions.adopt("1.2.57") == "1.2.57"
        assert versions.next("FINAL?bump=minor&prerelease=rc") == "1.3.0-rc.1"
    return store_url


@pytest.mark.parametrize(
    ("store_url", "request_", "point"),
    on_both(
        *product(REQUESTS, ["before the allocation", "after the allocation", "after the record"])
    ),
    indirect=["store_url"],
)
def test_a_retry_gets_one_version_that_no_other_token_gets(
    started: str, request_: str, point: str
) -> None:
    crash(started, point, "next", request_)
    with versions_of(started) as versions:
        others = [
            versions.next(each) for each in ("other?bump=patch", "third?bump=minor&prerelease=rc")
        ]
        version = versions.next(request_)
        assert [versions.next(request_) for _ in range(2)] == [version] * 2
        assert version not in others
        if point != "before the allocation":
            assert version == REQUESTS[request_]
        records = versions.records()
        assert records[version] == request_.partition("?")[0]
        assert versions.latest() == max(Version.parse(each) for each in records if "-" not in each)


@pytest.mark.parametrize(
    ("store_url", "request_", "point"),
    on_both(
        *product(REQUESTS, ["before the allocation", "after the allocation", "after the record"])
    ),
    indirect=["store_url"],
)
def test_an_immediate_retry_skips_no_version(started: str, request_: str, point: str) -> None:
    crash(started, point, "next", request_)
    with versions_of(started) as versions:
        assert versions.next(request_) == REQUESTS[request_]


@pytest.mark.parametrize(
    ("store_url", "query", "skipped", "assigned"),
    on_both(
        ("bump=patch", "1.2.58", ["1.2.59", "1.2.60"]),
        ("bump=minor", "1.3.0", ["1.4.0", "1.5.0"]),
        ("bump=major", "2.0.0", ["3.0.0", "4.0.0"]),
        ("bump=minor&prerelease=rc", "1.3.0-rc.2", ["1.3.0-rc.3", "1.3.0-rc.4"]),
    ),
    indirect=["store_url"],
)
def test_at_most_one_version_is_skipped_without_a_retry(
    started: str, query: str, skipped: str, assigned: list[str]
) -> None:
    crash(started, "after the allocation", "next", f"gone?{query}")
    with versions_of(started) as versions:
        assert [versions.next(f"{token}?{query}") for token in "ab"] == assigned
        assert skipped not in versions.records()


@pytest.mark.parametrize(
    ("store_url", "point"),
    on_both(("after the record",), ("after the patch",), ("after the minor",)),
    indirect=["store_url"],
)
def test_the_next_request_completes_an_interrupted_adoption(started: str, point: str) -> None:
    crash(started, point, "adopt", "2.4.7")
    with versions_of(started) as versions:
        assert versions.next("other?bump=patch") == "2.4.8"
        assert versions.next("third?bump=minor") == "2.5.0"
        assert versions.adopt("2.4.7") == "value_would_fall"


@pytest.mark.parametrize(
    ("store_url", "point"),
    on_both(("after the record",), ("after the patch",), ("after the minor",)),
    indirect=["store_url"],
)
def test_an_interrupted_adoption_can_be_repeated(started: str, point: str) -> None:
    crash(started, point, "adopt", "2.4.7")
    with versions_of(started) as versions:
        assert [versions.adopt("2.4.7") for _ in range(2)] == ["2.4.7"] * 2
        keys = [f"{NAME}-{end}" for end in ("major", "minor-v2", "patch-v2.4")]
        assert [entry.key for entry in versions.store.series_page(1, f"{NAME}-", "", 99)] == [
            keys[0],
            f"{NAME}-minor-v1",
            keys[1],
            f"{NAME}-patch-v1.2",
            keys[2],
            f"{NAME}-rc-v1.3.0",
        ]
        assert versions.next("other?bump=patch") == "2.4.8"


@pytest.mark.parametrize(
    ("store_url", "bump", "adopted", "response", "version"),
    on_both(
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
    ),
    indirect=["store_url"],
)
def test_a_value_from_before_a_crash_is_not_used_below_a_later_adoption(
    started: str, bump: str, adopted: str, response: str, version: str
) -> None:
    crash(started, "after the allocation", "next", f"T?bump={bump}")
    with versions_of(started) as versions:
        assert versions.adopt(adopted) == response
        assert [versions.next(f"T?bump={bump}") for _ in range(2)] == [version] * 2
        assert versions.records()[version] == "T"


def test_two_values_from_before_a_crash_are_not_used_below_a_later_adoption(started: str) -> None:
    for token in "TU":
        crash(started, "after the allocation", "next", f"{token}?bump=patch")
    with versions_of(started) as versions:
        assert versions.adopt("1.2.59") == "1.2.59"
        assert [versions.next(token) for token in "TU"] == ["1.2.60", "1.2.61"]


def test_an_interrupted_promotion_is_refused_below_a_later_adoption(started: str) -> None:
    crash(started, "after the allocation", "next", "FINAL?bump=final")
    with versions_of(started) as versions:
        assert versions.adopt("1.3.5") == "1.3.5"
        assert versions.next("FINAL?bump=final") == "already_released"


def test_every_crash_point_is_used() -> None:
    source = Path(__file__).read_text()
    assert all(f'"{point}"' in source for point in POINTS)
