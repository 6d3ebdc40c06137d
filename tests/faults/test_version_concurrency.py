"""Versions with concurrent callers: one server on SQLite, two on MongoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import pytest
from semver import Version

from faults.crowd import at_once
from faults.tier import rounds
from support.server import Client, Response, Server

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", params=["sqlite", "mongod"])
def urls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """All servers that a store can have: one for a file, two for a database."""
    if request.param == "sqlite":
        stores = [f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"]
    else:
        stores = [request.getfixturevalue("replica_set").url("versions")] * 2
    servers: list[Server] = []
    try:
        servers += [Server(store) for store in stores]
        yield [server.url for server in servers]
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def name(request: pytest.FixtureRequest, urls: list[str]) -> str:
    """The name of the test, at version 1.2.57."""
    name: str = request.node.originalname
    assert adopt(urls[0], name, "1.2.57").status == 200
    return name


def ask(url: str, method: str, path: str, body: str | None = None) -> Response:
    with Client(url, timeout=60) as client:
        return client.request(method, f"/v1/{path}", body, JSON)


def adopt(url: str, name: str, version: str) -> Response:
    return ask(url, "PUT", f"versions/{name}", json.dumps({"version": version}))


def together(
    urls: Sequence[str], name: str, requests: Sequence[str], *, jitter: float = 0.0
) -> list[Response]:
    """Send requests (a token and a query) concurrently, to the servers in turn."""

    def caller(number: int, request: str) -> Callable[[], Response]:
        url = urls[number % len(urls)]
        return lambda: ask(url, "PUT", f"versions/{name}/{request}")

    calls = [caller(number, request) for number, request in enumerate(requests)]
    return at_once(calls, jitter=jitter)


def versions(answers: Sequence[Response]) -> list[Version]:
    assert [answer.status for answer in answers] == [200] * len(answers), answers
    return [Version.parse(answer.json()["version"]) for answer in answers]


def released(url: str, name: str) -> dict[Version, str | None]:
    page = ask(url, "GET", f"releases/{name}?limit=1000").json()
    assert page["next"] is None
    return {Version.parse(each["version"]): each["token"] for each in page["releases"]}


def without_gap(numbers: Sequence[int], first: int) -> bool:
    return sorted(numbers) == list(range(first, first + len(numbers)))


def test_64_callers_with_mixed_bumps_get_64_versions(urls: list[str], name: str) -> None:
    """Each component continues without a gap, or starts again below a bumped one."""
    bumps = (["patch"] * 5 + ["minor"] * 2 + ["major"]) * 8
    answers = together(urls, name, [f"t{n}?bump={bump}" for n, bump in enumerate(bumps)])
    given = versions(answers)
    assert len(set(given)) == 64
    assert {each: f"t{n}" for n, each in enumerate(given)} == {
        version: token for version, token in released(urls[0], name).items() if token
    }
    for version, bump in zip(given, bumps, strict=True):
        assert bump == "patch" or version.patch == 0
        assert bump != "major" or version.minor == 0
    majors = [version.major for version, bump in zip(given, bumps, strict=True) if bump == "major"]
    assert without_gap(majors, 2)
    minors = sorted(v[:2] for v, bump in zip(given, bumps, strict=True) if bump == "minor")
    for major, group in groupby(minors, key=lambda pair: pair[0]):
        assert without_gap([minor for _, minor in group], 3 if major == 1 else 1)
        assert major in (1, *majors)
    patches = sorted(v[:3] for v, bump in zip(given, bumps, strict=True) if bump == "patch")
    for line, group in groupby(patches, key=lambda triple: triple[:2]):
        assert without_gap([patch for *_, patch in group], 58 if line == (1, 2) else 1)
        assert Version(*line) in given or line == (1, 2)


def test_a_token_of_16_callers_gets_one_version_while_others_bump(
    urls: list[str], name: str
) -> None:
    others = [f"t{n}?bump={('patch', 'minor', 'major')[n % 3]}" for n in range(16)]
    requests = [each for other in others for each in ("same?bump=minor", other)]
    given = versions(together(urls, name, requests))
    assert len(set(given[::2])) == 1
    assert len(set(given)) == 17
    assert sum(token == "same" for token in released(urls[0], name).values()) == 1


def test_a_token_with_three_concurrent_bumps_gets_one_version(urls: list[str], name: str) -> None:
    answers = together(
        urls, name, [f"same?bump={each}" for each in ("major", "minor", "patch")] * 5
    )
    assert len({answer.json()["version"] for answer in answers}) == 1
    for answer in answers:
        assert answer.status == 200 or answer.json()["code"] == "token_taken"
    assert sum(answer.status == 200 for answer in answers) == 5
    tokens = [token for token in released(urls[0], name).values() if token]
    assert tokens == ["same"]


JITTER = 0.03
"""Seconds: several times the duration of a request, so that requests overlap in any state."""


@pytest.mark.parametrize("turn", range(rounds(short=3, whole=40)))
def test_one_token_with_an_initial_version_gets_one_version(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    given = versions(together(urls, name, ["same?initial=1.4.2"] * 8, jitter=JITTER))
    assert given == [Version(1, 4, 3)] * 8


@pytest.mark.parametrize("turn", range(rounds(short=3, whole=40)))
def test_concurrent_tokens_with_the_same_initial_version_start_from_it(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    requests = [f"t{number}?initial=1.4.2" for number in range(8)]
    given = versions(together(urls, name, requests, jitter=JITTER))
    assert sorted(given) == [Version(1, 4, patch) for patch in range(3, 11)]


@pytest.mark.parametrize("turn", range(rounds(short=2, whole=20)))
def test_a_token_promotes_once_in_concurrent_requests(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    adopt(urls[0], name, "1.2.57")
    versions([ask(urls[0], "PUT", f"versions/{name}/other?bump=minor&prerelease=rc")])
    given = versions(together(urls, name, ["same?bump=final"] * 8, jitter=JITTER))
    assert given == [Version(1, 3)] * 8


@pytest.mark.parametrize("turn", range(rounds(short=2, whole=20)))
def test_an_adoption_concurrent_with_its_own_version_skips_no_version(
    urls: list[str], name: str, turn: int
) -> None:
    """The first one gets 1.2.58: the token gets it, or the next version."""
    name = f"{name}-{turn}"
    adopt(urls[0], name, "1.2.57")
    calls = [
        lambda: adopt(urls[-1], name, "1.2.58"),
        lambda: ask(urls[0], "PUT", f"versions/{name}/T"),
    ]
    adopted, given = at_once(calls, jitter=JITTER / 3)
    assert adopted.status == 200 or adopted.json()["code"] == "value_would_fall"
    assert versions([given])[0] in (Version(1, 2, 58), Version(1, 2, 59))
    assert (
        versions([ask(urls[0], "PUT", f"versions/{name}/U")])[0]
        == versions([given])[0].bump_patch()
    )


@pytest.mark.parametrize("turn", range(rounds(short=1, whole=10)))
def test_an_adoption_among_bumps_shows_no_old_patch_under_a_new_major(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    adopt(urls[0], name, "1.2.57")
    bumps = ["patch", "minor"] * 8
    calls: list[Callable[[], Response]] = [
        lambda n=n, bump=bump: ask(urls[n % len(urls)], "PUT", f"versions/{name}/t{n}?bump={bump}")  # type: ignore[misc]
        for n, bump in enumerate(bumps)
    ]
    adopted, *answers = at_once([lambda: adopt(urls[-1], name, "2.3.4"), *calls])
    assert adopted.status == 200
    for version in versions(answers):
        assert version < Version(2) or version > Version(2, 3, 4)
    newest = max(*versions(answers), Version(2, 3, 4))
    assert versions(together(urls, name, ["next"])) == [newest.bump_patch()]


def test_pre_releases_are_counted_per_target_among_releases(urls: list[str], name: str) -> None:
    requests = [f"rc{n}?bump=minor&prerelease=rc" for n in range(12)]
    requests[4:4] = ["first?bump=minor"]
    requests[9:9] = ["second?bump=minor"]
    given = versions(together(urls, name, requests))
    assert len(set(given)) == 14
    finals = {str(version) for version in given if version.prerelease is None}
    assert finals == {"1.3.0", "1.4.0"}
    assert {str(each.finalize_version()) for each in given} <= {"1.3.0", "1.4.0", "1.5.0"}
    again = versions(together(urls, name, requests))
    assert again == given


def test_a_series_restarted_among_requests_repeats_no_version(urls: list[str], name: str) -> None:
    def restart() -> list[Response]:
        series = f"series/{name}-patch-v1.2?restart=true"
        return [ask(urls[-1], "DELETE", series) for _ in range(10)]

    def caller(number: int) -> Callable[[], list[Response]]:
        url = urls[number % len(urls)]
        return lambda: [ask(url, "PUT", f"versions/{name}/{number}-{each}") for each in range(5)]

    restarts, *answers = at_once([restart, *(caller(number) for number in range(8))])
    assert {answer.status for answer in restarts} == {200}
    given = [version for each in answers for version in versions(each)]
    assert len(set(given)) == 40
    assert min(given) > Version(1, 2, 57)
    assert set(given) == {v for v, token in released(urls[0], name).items() if token}
