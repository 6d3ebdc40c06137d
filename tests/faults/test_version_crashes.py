"""A process is killed at each step of a decision about a version."""

from __future__ import annotations

from itertools import count

import pytest

from faults.tier import WHOLE
from faults.version_crash import killed_before, versions_of

REQUESTS = {
    "a patch": "bump=patch",
    "a minor": "bump=minor",
    "a major": "bump=major",
    "a pre-release": "bump=minor&prerelease=rc",
    "a promotion": "bump=final",
    "a line": "bump=patch&line=1.2",
    "an adoption": "adopt=2.{number}.7",
}
STRIDES = {"sqlite": 1, "mongod": 1 if WHOLE else 4}
"""How many steps later the next kill is. An abandoned transaction of MongoDB takes a second."""

MIN_STEPS = {"sqlite": 10, "mongod": 9}
"""The steps of the shortest request. A batch on MongoDB is one transaction of nine commands."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("store_url", "name"),
    [(store, name) for store in STRIDES for name in REQUESTS],
    indirect=["store_url"],
)
def test_a_kill_leaves_a_complete_version_or_nothing(store_url: str, name: str) -> None:
    """The repeated request gets the version that it would have got, so none is skipped."""
    engine = "sqlite" if store_url.startswith("sqlite:") else "mongod"
    stride = STRIDES[engine]
    first = list(REQUESTS).index(name) % stride
    with versions_of(store_url) as versions:
        assert versions.decide("", "adopt=1.2.57") == "1.2.57"
    kills = 0
    for step in count(first, stride):
        token, query = f"t{step}", REQUESTS[name].format(number=step)
        with versions_of(store_url) as versions:
            versions.decide(f"{token}.rc", "bump=minor&prerelease=rc")
            before = versions.stored()
            if name == "an adoption":
                expected, token = query.removeprefix("adopt="), ""
            else:
                expected = versions.decide(token, query, dry_run=True)
        was_killed = killed_before(step, store_url, token, query)
        with versions_of(store_url) as versions:
            left = versions.stored()
            assert [versions.decide(token, query) for _ in range(2)] == [expected] * 2
            after = versions.stored()
            assert after.tokens == before.tokens | {expected: token or None}
            assert left in (before, after)
            assert versions.findings() == []
        if not was_killed:
            assert left == after
            break
        kills += 1
    assert kills >= MIN_STEPS[engine] // stride
