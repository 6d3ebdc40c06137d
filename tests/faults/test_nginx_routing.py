"""nginx with the configuration of docs/operations.md sends all requests of a name to one server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from secrets import randbits
from typing import NamedTuple

import pytest
import trustme

from faults.aftermath import check_aftermath
from faults.caller import Manner
from faults.load import Load
from faults.tier import limit, rounds
from support.member import free_port, until
from support.mongod import ReplicaSet
from support.nginx import Nginx, ProxiedRequest
from support.nginx_site import HASH, NginxSite, address, first_servers, keys_of_each
from support.server import Server

KILLS = rounds(short=1, whole=50)
KEYS_OF_EACH = 3
NAMES = [f"/v1/versions/name-{number}" for number in range(200)]
MIN_OF_EACH = len(NAMES) // 5
"""How many of the names each of two servers has at least: about a half are expected."""

SENT_NAMES = ["shop", "org%2Frepo", "@scope%2Fpackage", "my%20app", "caf%C3%A9", "50%25%3Fa%23b"]
PATHS = [
    "/v1/series/{name}",
    "/v1/series/{name}?format=text",
    "/v1/series/{name}/7d4c379588",
    "/v1/series/{name}/7d4c379588?reuse=any",
    "/v1/entries/{name}?limit=1",
    "/v1/versions/{name}",
    "/v1/versions/{name}?line=1.2",
    "/v1/versions/{name}/e83c516331",
    "/v1/versions/{name}/e83c516331?dotenv_prefix=e83c516331",
    "/v1/releases/{name}",
    "/v1/releases/{name}/1.2.3",
    "/v1/releases/{name}/1.2.3+4",
    "/v1/releases/{name}/1.2.3/withdrawal",
]
ACCOUNT_PATHS = [
    *(path.replace("/v1", "/v1/accounts/1") for path in PATHS),
    "/v1/accounts/1/tokens/{name}/7d4c379588/attrs",
    "/v1/accounts/1/tokens/{name}/7d4c379588/attrs/url",
]
NAMELESS = ["/", "/names/shop", "/v1/series?prefix=shop", "/v1/series/", "/v1/whoami", "/readyz"]


class Routed(NamedTuple):
    """Two servers behind nginx."""

    nginx: Nginx
    site: NginxSite
    servers: list[Server]

    def first_servers(self, paths: list[str]) -> dict[str, str]:
        return first_servers(self.nginx, self.site.url, paths)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def routed(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    folder = tmp_path_factory.mktemp("routed")
    with ExitStack() as stack:
        stores = [f"sqlite:///{folder}/{number}.db" for number in range(2)]
        servers = [stack.enter_context(Server(store)) for store in stores]
        site = NginxSite(authority, folder, *servers)
        yield Routed(stack.enter_context(Nginx(site.text)), site, servers)


@pytest.mark.parametrize("paths", [PATHS, ACCOUNT_PATHS], ids=["own account", "account"])
@pytest.mark.parametrize("name", SENT_NAMES)
def test_all_requests_of_a_name_reach_one_server(
    routed: Routed, name: str, paths: list[str]
) -> None:
    requests = [path.format(name=name) for path in paths]
    assert len(set(routed.first_servers(requests).values())) == 1


@pytest.mark.parametrize("token", ["refs%2Fheads%2Fmain", "a%20b", "%65"])
def test_a_token_that_is_encoded_does_not_move_a_name(routed: Routed, token: str) -> None:
    requests = [f"/v1/series/shop{rest}" for rest in ("", "/7d4c379588", f"/{token}")]
    requests.append(f"/v1/releases/shop/1.2.3%2B{token}/withdrawal")
    assert len(set(routed.first_servers(requests).values())) == 1


def test_different_names_and_accounts_are_spread(routed: Routed) -> None:
    accounts = [f"/v1/accounts/{number}/series/shop" for number in range(1, 201)]
    for paths in (NAMES, accounts):
        of_each = Counter(routed.first_servers(paths).values())
        assert of_each.keys() == set(map(address, routed.servers))
        assert min(of_each.values()) >= MIN_OF_EACH


@pytest.mark.parametrize("path", NAMELESS)
def test_requests_without_a_name_reach_any_server(routed: Routed, path: str) -> None:
    separator = "&" if "?" in path else "?"
    repeated = [f"{path}{separator}x={number}" for number in range(40)]
    assert set(routed.first_servers(repeated).values()) == set(map(address, routed.servers))


def test_a_further_server_moves_only_the_names_that_it_gets(
    routed: Routed, authority: trustme.CA, tmp_path: Path
) -> None:
    before = routed.first_servers(NAMES)
    further = f"127.0.0.1:{free_port()}"  # no server listens, so requests are passed on
    site = NginxSite(authority, tmp_path, *routed.servers)
    last = f"server {address(routed.servers[1])} max_fails=0;"
    site.replace(last, f"{last} server {further} max_fails=0;")
    with Nginx(site.text) as nginx:
        after = first_servers(nginx, site.url, NAMES)
        assert {each.status for each in nginx.requests()} == {404}
        second = {each.path: each.servers[-1] for each in nginx.requests()}
    moved = {path for path in NAMES if after[path] == further}
    assert 0 < len(moved) < len(NAMES) / 2
    assert {path for path in NAMES if after[path] != before[path]} == moved
    assert second == before


def test_without_the_hash_requests_of_a_name_alternate(
    routed: Routed, authority: trustme.CA, tmp_path: Path
) -> None:
    site = NginxSite(authority, tmp_path, *routed.servers)
    site.replace(HASH, "")
    requests = [path.format(name="shop") for path in PATHS]
    with Nginx(site.text) as nginx:
        of_each = Counter(first_servers(nginx, site.url, requests).values())
    assert of_each.keys() == set(map(address, routed.servers))
    assert max(of_each.values()) - min(of_each.values()) <= 1


@pytest.mark.timeout(limit(short=120, whole=1800))
def test_names_of_a_killed_server_move_to_the_other_one_and_back(
    own_set: ReplicaSet, authority: trustme.CA, tmp_path: Path, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    url = own_set.url("routed")
    began = time.monotonic()
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(url)) for _ in range(2)]
        victim, survivor = map(address, servers)
        site = NginxSite(authority, tmp_path, *servers)
        nginx = stack.enter_context(Nginx(site.text))
        moving, staying = keys_of_each(nginx, site.url, servers, KEYS_OF_EACH)
        load = stack.enter_context(
            Load(
                [site.url],
                [*moving, *staying],
                seed=seed,
                manner=Manner(by_gateway=True),
                callers=8,
            )
        )

        def wait_until_answered(keys: list[str], *by: str) -> None:
            """Wait until a new request of each key was sent to these servers, and succeeded."""
            earlier = len(nginx.requests())
            until(
                lambda: answered(nginx.requests(earlier), list(by)) >= set(keys),
                60,
                f"requests of {keys} at {by}",
            )

        for _ in range(KILLS):
            wait_until_answered(moving, victim)
            wait_until_answered(staying, survivor)
            servers[0].kill()
            wait_until_answered(moving, victim, survivor)
            wait_until_answered(staying, survivor)
            servers[0] = stack.enter_context(Server(url, listen=victim))
        wait_until_answered(moving, victim)
        history = load.finish()
        requests = [each for each in nginx.requests() if key_of(each) in {*moving, *staying}]
        check_aftermath(history, [server.url for server in servers])
    passed_on = [each for each in requests if len(each.servers) > 1]
    report(
        f"seed {seed}: a server killed {KILLS} times in {time.monotonic() - began:.0f} s; "
        f"{len(requests)} requests, {len(passed_on)} passed on to the other server; answered "
        f"{dict(Counter(each.status for each in requests))}; {load.refused} refused, "
        f"{history.unknown()} in doubt"
    )
    of_moving = [each for each in requests if key_of(each) in moving]
    of_staying = [each for each in requests if key_of(each) in staying]
    assert {each.servers[0] for each in of_moving} == {victim}
    assert {each.servers[0] for each in of_staying} == {survivor}
    # An election, which a busy machine can cause, is the only reason to pass on the others.
    assert {each.statuses[0] for each in of_staying if len(each.servers) > 1} <= {"503"}
    assert (load.interrupted, load.at_gateway) == (0, 0)


def key_of(request: ProxiedRequest) -> str:
    return request.path.partition("?")[0].split("/")[3]


def answered(requests: list[ProxiedRequest], servers: list[str]) -> set[str]:
    """Return the keys with a successful PUT that was sent to these servers, in this order."""
    return {
        key_of(each)
        for each in requests
        if each.method == "PUT" and each.status == 200 and each.servers == servers
    }
