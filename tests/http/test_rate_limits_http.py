"""Rate limits: of an API key, of an account, of failed sign-ins, and of unknown badges.

They are counted in the process, independently of the store. The limits are so small that no test
lasts until the next request is allowed.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import pytest

from support.badges import new_badge
from support.credentials import bearer, new_account, new_grant, new_key
from support.server import ROOT, ROOT_ENV, Client, Response, Server, basic

Problem = Callable[..., dict[str, Any]]

FEW = 3
INVALID = "Bearer wrong"
BEHIND_PROXY = (f"--failures-per-address={FEW}", "--trusted-proxies=127.0.0.2,10.0.0.0/8")
"""Flags of a server with a proxy at 127.0.0.2, which other tests use directly."""
FORGED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip")

Started = Callable[..., Server]


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """Starts in-memory servers, one for each set of flags."""
    servers: dict[Sequence[str], Server] = {}
    with ExitStack() as stack:

        def start(*flags: str) -> Server:
            if flags not in servers:
                server = Server("sqlite://", args=flags, env=ROOT_ENV)
                servers[flags] = stack.enter_context(server)
            return servers[flags]

        yield start
        for server in servers.values():
            assert "Traceback" not in server.log()


def put(client: Client, authorization: str, path: str = "series/k/T", **more: str) -> Response:
    return client.request("PUT", f"/v1/{path}", headers={"Authorization": authorization, **more})


def check_refused(response: Response, problem: Problem) -> None:
    problem(response, 429, "too_many_requests", applied="no")
    assert 1 <= int(response.headers["Retry-After"]) <= 60


class TestApiKey:
    @pytest.fixture
    def server(self, started: Started) -> Server:
        return started(f"--requests-per-key={FEW}")

    @pytest.fixture
    def root(self, server: Server) -> Iterator[Client]:
        with server.client(authorization=ROOT) as root:
            yield root

    def test_a_key_is_limited_after_its_requests_per_minute(
        self, root: Client, client: Client, problem: Problem
    ) -> None:
        key = bearer(new_key(root, new_account(root), "*:series"))
        responses = [put(client, key, f"series/k/{number}") for number in range(FEW)]
        assert [response.status for response in responses] == FEW * [200]
        check_refused(put(client, key, "series/k/more"), problem)

    def test_a_limited_request_changes_nothing(self, root: Client, client: Client) -> None:
        account = new_account(root)
        key = bearer(new_key(root, account, "*:series"))
        while put(client, key).status == 200:
            pass
        assert put(client, key, "series/other/T").status == 429
        path = f"/v1/accounts/{account}/series"
        assert [each["key"] for each in root.request("GET", path).json()["series"]] == ["k"]

    def test_a_key_has_one_limit_for_all_header_formats(self, root: Client, client: Client) -> None:
        key = new_grant(root, new_account(root), "*:series")["api_key"]
        name, secret = key["key"], key["secret"]
        ways = [
            bearer(secret),
            basic(name, secret),
            bearer(f"{name}:{secret}"),
            f"bearer  {secret}",
        ]
        assert [put(client, way).status for way in ways] == [200, 200, 200, 429]

    def test_a_key_does_not_use_the_limit_of_another_key(
        self, root: Client, client: Client
    ) -> None:
        account = new_account(root)
        first, second = (bearer(new_key(root, account, "*:series")) for _ in range(2))
        while put(client, first).status == 200:
            pass
        assert put(client, second).status == 200

    def test_forbidden_requests_are_counted(self, root: Client, client: Client) -> None:
        key = bearer(new_key(root, new_account(root), "read:series"))
        other = new_account(root)
        paths = ["series/k/T", f"accounts/{other}/series/k/T", "series/k/T", "series/k/T"]
        assert [put(client, key, path).status for path in paths] == [403, 403, 403, 429]

    def test_requests_to_public_paths_are_not_counted(self, root: Client, client: Client) -> None:
        key = bearer(new_key(root, new_account(root), "*:series"))
        for _ in range(3 * FEW):
            for path in "/v1", "/livez", "/readyz":
                response = client.request("GET", path, headers={"Authorization": key})
                assert response.status == 200
        assert put(client, key).status == 200

    def test_the_root_key_is_not_limited(self, root: Client) -> None:
        for _ in range(5 * FEW):
            assert root.request("GET", "/v1/series").status == 200


class TestAccount:
    def test_all_keys_of_an_account_share_its_limit(
        self, started: Started, problem: Problem
    ) -> None:
        server = started(f"--requests-per-account={FEW}")
        with server.client(authorization=ROOT) as root, server.client() as client:
            account = new_account(root)
            keys = [bearer(new_key(root, account, "*:series")) for _ in range(FEW + 2)]
            responses = [put(client, key) for key in keys]
            assert [response.status for response in responses] == FEW * [200] + 2 * [429]
            check_refused(responses[-1], problem)
            neighbour = bearer(new_key(root, new_account(root), "*:series"))
            assert put(client, neighbour).status == 200
            assert root.request("PUT", f"/v1/accounts/{account}/series/k/T").status == 200


class TestFailedSignIns:
    @pytest.fixture
    def server(self, started: Started) -> Server:
        return started(f"--failures-per-address={FEW}")

    @pytest.fixture
    def refused(self, client: Client) -> None:
        """The address has exceeded its limit."""
        for _ in range(FEW + 1):
            last = put(client, INVALID)
        assert last.status == 429

    def test_failed_sign_ins_are_limited_per_minute(
        self, started: Started, problem: Problem
    ) -> None:
        with started(*BEHIND_PROXY).client() as client:
            responses = [put(client, f"{INVALID}{number}") for number in range(FEW + 2)]
        assert [response.status for response in responses] == FEW * [401] + 2 * [429]
        check_refused(responses[-1], problem)

    def test_valid_credentials_of_a_limited_address_are_accepted(self) -> None:
        with Server("sqlite://", args=[f"--failures-per-address={FEW}"], env=ROOT_ENV) as server:
            with server.client(authorization=ROOT) as root:
                secret = new_key(root, 1, "*:series")  # never used before
            with server.client() as client:
                assert [put(client, INVALID).status for _ in range(FEW + 1)] == FEW * [401] + [429]
                for _ in range(2):
                    assert put(client, bearer(secret)).status == 200
                    assert put(client, ROOT).status == 200  # it was valid within the last hour
                    assert put(client, INVALID).status == 429

    def test_the_root_key_of_a_limited_address_is_not_compared(self, problem: Problem) -> None:
        flags = [f"--failures-per-address={FEW}"]
        with Server("sqlite://", args=flags, env=ROOT_ENV) as server, server.client() as client:
            assert [put(client, INVALID).status for _ in range(FEW + 1)] == FEW * [401] + [429]
            check_refused(put(client, ROOT), problem)

    @pytest.mark.usefixtures("refused")
    def test_a_limited_address_without_credentials_still_gets_a_challenge(
        self, client: Client
    ) -> None:
        for _ in range(2 * FEW):
            response = client.request("GET", "/v1/series")
            assert response.status == 401
            assert response.headers["WWW-Authenticate"]

    @pytest.mark.usefixtures("refused")
    @pytest.mark.parametrize("header", FORGED)
    def test_a_forged_address_does_not_evade_the_limit(self, header: str, client: Client) -> None:
        for number in range(2 * FEW):
            forged = {header: f"192.0.2.{number}"}
            assert put(client, INVALID, **forged).status == 429

    def test_failed_sign_ins_count_for_the_real_address_only(self, server: Server) -> None:
        named = dict.fromkeys(FORGED, "127.0.0.3")
        statuses = [put_from("127.0.0.2", server, **named) for _ in range(FEW + 1)]
        assert statuses == FEW * [401] + [429]
        assert put_from("127.0.0.3", server) == 401


class TestUnknownBadges:
    @pytest.fixture
    def server(self, started: Started) -> Server:
        """A server with the default limit of 20 per minute."""
        return started(f"--requests-per-account={FEW}")

    def test_unknown_badges_are_limited_and_others_and_sign_ins_are_not(
        self, server: Server, client: Client, problem: Problem
    ) -> None:
        def read(id: str) -> Response:
            return client.request("GET", f"/badge/{id}.svg")

        with server.client(authorization=ROOT) as root:
            id = new_badge(root, "shop")["id"]
            assert [read(32 * "0").status for _ in range(21)] == 20 * [404] + [429]
            problem(read(32 * "0"), 429, "too_many_requests")
            assert 1 <= int(read("no-id").headers["Retry-After"]) <= 60
            assert read(id).status == 200
            assert put(client, INVALID).status == 401
            assert root.request("GET", "/v1/whoami").status == 200


class TestTrustedProxy:
    """Clients behind a proxy, which connects from 127.0.0.2."""

    @pytest.fixture
    def server(self, started: Started) -> Server:
        return started(*BEHIND_PROXY)

    def test_each_client_of_a_trusted_proxy_has_its_own_limit(self, server: Server) -> None:
        for client in "192.0.2.1", "192.0.2.2":
            forwarded = {"X-Forwarded-For": f"{client}, 10.0.0.9", "X-Real-Ip": "192.0.2.3"}
            statuses = [put_from("127.0.0.2", server, **forwarded) for _ in range(FEW + 1)]
            assert statuses == FEW * [401] + [429]

    def test_a_client_cannot_forge_another_address(self, server: Server) -> None:
        for number in range(FEW + 1):
            forged = {"X-Forwarded-For": f"192.0.2.{100 + number}, 192.0.2.4"}
            status = put_from("127.0.0.2", server, **forged)
        assert status == 429
        assert put_from("127.0.0.2", server, **{"X-Forwarded-For": "192.0.2.100"}) == 401

    def test_repeated_headers_are_one_list(self, server: Server) -> None:
        statuses = []
        for number in range(FEW + 1):
            forwarded = (f"192.0.2.{50 + number}", "192.0.2.6")
            headers = "".join(f"X-Forwarded-For: {address}\r\n" for address in forwarded)
            head = f"GET /v1/series HTTP/1.1\r\nHost: x\r\nAuthorization: {INVALID}\r\n{headers}"
            with socket.create_connection(
                ("127.0.0.1", server.port), 10, source_address=("127.0.0.2", 0)
            ) as connection:
                connection.sendall(f"{head}\r\n".encode())
                statuses.append(int(connection.makefile("rb").readline().split()[1]))
        assert statuses == FEW * [401] + [429]

    def test_an_untrusted_client_is_counted_by_its_own_address(self, server: Server) -> None:
        forged = [{"X-Forwarded-For": f"192.0.2.{200 + number}"} for number in range(FEW + 1)]
        statuses = [put_from("127.0.0.4", server, **headers) for headers in forged]
        assert statuses == FEW * [401] + [429]


def put_from(address: str, server: Server, **more: str) -> int:
    """The status of invalid credentials from another address of this machine."""
    connection = HTTPConnection("127.0.0.1", server.port, source_address=(address, 0))
    with closing(connection):
        connection.request("PUT", "/v1/series/k/T", headers={"Authorization": INVALID, **more})
        return connection.getresponse().status
