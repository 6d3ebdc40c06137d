"""Versions with many concurrent callers: one server on SQLite, two on MongoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import pytest
from semver import Version

from faults.crowd import concurrently
from faults.tier import rounds
from support.server import Client, Response, Server

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", params=["sqlite", "mongod"])
def urls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """The servers of a store: one for a file, two for a database."""
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
    """The name of the test, at 1.2.57."""
    name: str = request.node.originalname
    assert adopt(urls[0], name, "1.2.57").status == 200
    return name


def send(url: str, method: str, path: str, body: str | None = None) -> Response:
    with Client(url, timeout=60) as client:
        return client.request(method, f"/v1/{path}", body, JSON)


def adopt(url: str, name: str, version: str) -> Response:
    return send(url, "PUT", f"versions/{name}", json.dumps({"version": version}))


def together(
    urls: Sequence[str], name: str, requests: Sequence[str], *, jitter: float = 0.0
) -> list[Response]:
    """The responses to concurrent requests (token and query), sent to the servers in turn."""

    def caller(number: int, request: str) -> Callable[[], Response]:
        url = urls[number % len(urls)]
        return lambda: send(url, "PUT", f"versions/{name}/{request}")

    calls = [caller(number, request) for number, request in enumerate(requests)]
    return concurrently(calls, jitter=jitter)


def versions_of(responses: Sequence[Response]) -> list[Version]:
    assert [response.status for response in responses] == [200] * len(responses), responses
    return [Version.parse(response.json()["version"]) for response in responses]


def tokens_by_version(url: str, name: str) -> dict[Version, str | None]:
    page = send(url, "GET", f"releases/{name}?limit=1000").json()
    assert page["next"] is None
    return {Version.parse(each["version"]): each["token"] for each in page["releases"]}


def are_consecutive(numbers: Sequence[int], first: int) -> bool:
    return sorted(numbers) == list(range(first, first + len(numbers)))


def test_64_callers_with_mixed_bumps_get_64_versions(urls: list[str], name: str) -> None:
    """Each component is consecutive, and starts at 1 below a larger bumped component."""
    bumps = (["patch"] * 5 + ["minor"] * 2 + ["major"]) * 8
    responses = together(urls, name, [f"t{n}?bump={bump}" for n, bump in enumerate(bumps)])
    assigned = versions_of(responses)
    assert len(set(assigned)) == 64
    assert {each: f"t{n}" for n, each in enumerate(assigned)} == {
        version: token for version, token in tokens_by_version(urls[0], name).items() if token
    }
    for version, bump in zip(assigned, bumps, strict=True):
        assert bump == "patch" or version.patch == 0
        assert bump != "major" or version.minor == 0
    majors = [
        version.major for version, bump in zip(assigned, bumps, strict=True) if bump == "major"
    ]
    assert are_consecutive(majors, 2)
    minors = sorted(v[:2] for v, bump in zip(assigned, bumps, strict=True) if bump == "minor")
    for major, group in groupby(minors, key=lambda pair: pair[0]):
        assert are_consecutive([minor for _, minor in group], 3 if major == 1 else 1)
        assert major in (1, *majors)
    patches = sorted(v[:3] for v, bump in zip(assigned, bumps, strict=True) if bump == "patch")
    for line, group in groupby(patches, key=lambda triple: triple[:2]):
        assert are_consecutive([patch for *_, patch in group], 58 if line == (1, 2) else 1)
        assert Version(*line) in assigned or line == (1, 2)


def test_16_requests_of_one_token_get_one_version_among_other_bumps(
    urls: list[str], name: str
) -> None:
    others = [f"t{n}?bump={('patch', 'minor', 'major')[n % 3]}" for n in range(16)]
    requests = [each for other in others for each in ("same?bump=minor", other)]
    assigned = versions_of(together(urls, name, requests))
    assert len(set(assigned[::2])) == 1
    assert len(set(assigned)) == 17
    assert sum(token == "same" for token in tokens_by_version(urls[0], name).values()) == 1


def test_three_concurrent_bumps_of_one_token_assign_one_version(urls: list[str], name: str) -> None:
    responses = together(
        urls, name, [f"same?bump={each}" for each in ("major", "minor", "patch")] * 5
    )
    assert len({response.json()["version"] for response in responses}) == 1
    for response in responses:
        assert response.status == 200 or response.json()["code"] == "token_taken"
    assert sum(response.status == 200 for response in responses) == 5
    tokens = [token for token in tokens_by_version(urls[0], name).values() if token]
    assert tokens == ["same"]


JITTER_SECONDS = 0.03
"""Seconds. Several times the duration of a request, so that requests overlap in any state."""


@pytest.mark.parametrize("turn", range(rounds(short=3, whole=40)))
def test_one_token_with_an_initial_version_gets_one_version(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    assigned = versions_of(together(urls, name, ["same?initial=1.4.2"] * 8, jitter=JITTER_SECONDS))
    assert assigned == [Version(1, 4, 3)] * 8


@pytest.mark.parametrize("turn", range(rounds(short=3, whole=40)))
def test_concurrent_requests_with_one_initial_version_start_from_it(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    requests = [f"t{number}?initial=1.4.2" for number in range(8)]
    assigned = versions_of(together(urls, name, requests, jitter=JITTER_SECONDS))
    assert sorted(assigned) == [Version(1, 4, patch) for patch in range(3, 11)]


@pytest.mark.parametrize("turn", range(rounds(short=2, whole=20)))
def test_concurrent_promotions_of_one_token_promote_once(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    adopt(urls[0], name, "1.2.57")
    versions_of([send(urls[0], "PUT", f"versions/{name}/other?bump=minor&prerelease=rc")])
    assigned = versions_of(together(urls, name, ["same?bump=final"] * 8, jitter=JITTER_SECONDS))
    assert assigned == [Version(1, 3)] * 8


@pytest.mark.parametrize("turn", range(rounds(short=2, whole=20)))
def test_an_adoption_concurrent_with_a_bump_skips_no_version(
    urls: list[str], name: str, turn: int
) -> None:
    """The first request gets 1.2.58. The token gets 1.2.58 or 1.2.59."""
    name = f"{name}-{turn}"
    adopt(urls[0], name, "1.2.57")
    calls = [
        lambda: adopt(urls[-1], name, "1.2.58"),
        lambda: send(urls[0], "PUT", f"versions/{name}/T"),
    ]
    adopted, response = concurrently(calls, jitter=JITTER_SECONDS / 3)
    assert adopted.status == 200 or adopted.json()["code"] == "value_would_fall"
    assert versions_of([response])[0] in (Version(1, 2, 58), Version(1, 2, 59))
    assert (
        versions_of([send(urls[0], "PUT", f"versions/{name}/U")])[0]
        == versions_of([response])[0].bump_patch()
    )


@pytest.mark.parametrize("turn", range(rounds(short=1, whole=10)))
def test_an_adoption_among_bumps_never_combines_a_new_major_with_an_old_patch(
    urls: list[str], name: str, turn: int
) -> None:
    name = f"{name}-{turn}"
    adopt(urls[0], name, "1.2.57")
    bumps = ["patch", "minor"] * 8
    calls: list[Callable[[], Response]] = [
        lambda n=n, bump=bump: send(urls[n % len(urls)], "PUT", f"versions/{name}/t{n}?bump={bump}")  # type: ignore[misc]
        for n, bump in enumerate(bumps)
    ]
    adopted, *responses = concurrently([lambda: adopt(urls[-1], name, "2.3.4"), *calls])
    assert adopted.status == 200
    for version in versions_of(responses):
        assert version < Version(2) or version > Version(2, 3, 4)
    latest = max(*versions_of(responses), Version(2, 3, 4))
    assert versions_of(together(urls, name, ["next"])) == [latest.bump_patch()]


def test_prereleases_and_releases_of_one_target_get_different_versions(
    urls: list[str], name: str
) -> None:
    requests = [f"rc{n}?bump=minor&prerelease=rc" for n in range(12)]
    requests[4:4] = ["first?bump=minor"]
    requests[9:9] = ["second?bump=minor"]
    assigned = versions_of(together(urls, name, requests))
    assert len(set(assigned)) == 14
    finals = {str(version) for version in assigned if version.prerelease is None}
    assert finals == {"1.3.0", "1.4.0"}
    assert {str(each.finalize_version()) for each in assigned} <= {"1.3.0", "1.4.0", "1.5.0"}
    again = versions_of(together(urls, name, requests))
    assert again == assigned


def test_a_restarted_series_never_repeats_a_version_under_load(urls: list[str], name: str) -> None:
    def restart() -> list[Response]:
        series = f"series/{name}-patch-v1.2?restart=true"
        return [send(urls[-1], "DELETE", series) for _ in range(10)]

    def caller(number: int) -> Callable[[], list[Response]]:
        url = urls[number % len(urls)]
        return lambda: [send(url, "PUT", f"versions/{name}/{number}-{each}") for each in range(5)]

    restarts, *responses = concurrently([restart, *(caller(number) for number in range(8))])
    assert {response.status for response in restarts} == {200}
    assigned = [version for each in responses for version in versions_of(each)]
    assert len(set(assigned)) == 40
    assert min(assigned) > Version(1, 2, 57)
    assert set(assigned) == {v for v, token in tokens_by_version(urls[0], name).items() if token}
