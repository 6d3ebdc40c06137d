"""Requests a minute: of a key, of an account, and of those who guess.

Buckets are in the process, so any store will do. Limits are small enough for a minute to be long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import pytest

from support.credentials import bearer, new_account, new_grant, new_key
from support.server import ROOT, ROOT_ENV, Client, Response, Server, basic

Problem = Callable[..., dict[str, Any]]

FEW = 3
WRONG = "Bearer wrong"
FORGED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip")

Started = Callable[..., Server]


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    """Servers in memory with these flags, one for each set of flags."""
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


def check_refused(answer: Response, problem: Problem) -> None:
    problem(answer, 429, "too_many_requests", applied="no")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


class TestKey:
    @pytest.fixture
    def server(self, started: Started) -> Server:
        return started(f"--requests-per-key={FEW}")

    @pytest.fixture
    def root(self, server: Server) -> Iterator[Client]:
        with server.client(authorization=ROOT) as root:
            yield root

    def test_is_told_to_wait_after_its_requests_of_a_minute(
        self, root: Client, client: Client, problem: Problem
    ) -> None:
        key = bearer(new_key(root, new_account(root), "*:series"))
        answers = [put(client, key, f"series/k/{number}") for number in range(FEW)]
        assert [answer.status for answer in answers] == FEW * [200]
        check_refused(put(client, key, "series/k/more"), problem)

    def test_changes_nothing_when_it_is_told_to_wait(self, root: Client, client: Client) -> None:
        account = new_account(root)
        key = bearer(new_key(root, account, "*:series"))
        while put(client, key).status == 200:
            pass
        assert put(client, key, "series/other/T").status == 429
        path = f"/v1/accounts/{account}/series"
        assert [each["key"] for each in root.request("GET", path).json()["series"]] == ["k"]

    def test_is_the_same_however_it_is_sent(self, root: Client, client: Client) -> None:
        key = new_grant(root, new_account(root), "*:series")["api_key"]
        name, secret = key["key"], key["secret"]
        ways = [
            bearer(secret),
            basic(name, secret),
            bearer(f"{name}:{secret}"),
            f"bearer  {secret}",
        ]
        assert [put(client, way).status for way in ways] == [200, 200, 200, 429]

    def test_takes_nothing_from_another(self, root: Client, client: Client) -> None:
        account = new_account(root)
        first, second = (bearer(new_key(root, account, "*:series")) for _ in range(2))
        while put(client, first).status == 200:
            pass
        assert put(client, second).status == 200

    def test_is_counted_where_it_is_forbidden_too(self, root: Client, client: Client) -> None:
        key = bearer(new_key(root, new_account(root), "read:series"))
        other = new_account(root)
        paths = ["series/k/T", f"accounts/{other}/series/k/T", "series/k/T", "series/k/T"]
        assert [put(client, key, path).status for path in paths] == [403, 403, 403, 429]

    def test_is_not_counted_where_nothing_is_asked_for(self, root: Client, client: Client) -> None:
        key = bearer(new_key(root, new_account(root), "*:series"))
        for _ in range(3 * FEW):
            for path in "/v1", "/livez", "/readyz":
                answer = client.request("GET", path, headers={"Authorization": key})
                assert answer.status == 200
        assert put(client, key).status == 200

    def test_of_the_operator_has_no_limit(self, root: Client) -> None:
        for _ in range(5 * FEW):
            assert root.request("GET", "/v1/series").status == 200


class TestAccount:
    def test_is_told_to_wait_whichever_of_its_keys_asks(
        self, started: Started, problem: Problem
    ) -> None:
        server = started(f"--requests-per-account={FEW}")
        with server.client(authorization=ROOT) as root, server.client() as client:
            account = new_account(root)
            keys = [bearer(new_key(root, account, "*:series")) for _ in range(FEW + 2)]
            answers = [put(client, key) for key in keys]
            assert [answer.status for answer in answers] == FEW * [200] + 2 * [429]
            check_refused(answers[-1], problem)
            neighbour = bearer(new_key(root, new_account(root), "*:series"))
            assert put(client, neighbour).status == 200
            assert root.request("PUT", f"/v1/accounts/{account}/series/k/T").status == 200


class TestWrongCredentials:
    @pytest.fixture
    def server(self, started: Started) -> Server:
        return started(f"--failures-per-address={FEW}")

    @pytest.fixture
    def refused(self, client: Client) -> None:
        """The address has failed so often that it is told to wait."""
        for _ in range(FEW + 1):
            last = put(client, WRONG)
        assert last.status == 429

    def test_are_told_to_wait_after_so_many_of_a_minute(
        self, started: Started, problem: Problem
    ) -> None:
        with started(f"--failures-per-address={FEW}", "--log-format=json").client() as client:
            answers = [put(client, f"{WRONG}{number}") for number in range(FEW + 2)]
        assert [answer.status for answer in answers] == FEW * [401] + 2 * [429]
        check_refused(answers[-1], problem)

    @pytest.mark.usefixtures("refused")
    def test_do_not_keep_good_ones_of_the_same_address_out(
        self, server: Server, client: Client
    ) -> None:
        assert put(client, ROOT).status == 200
        with server.client(authorization=ROOT) as root:
            secret = new_key(root, 1, "*:series")  # never seen before
        for _ in range(2):
            assert put(client, bearer(secret)).status == 200
            assert put(client, WRONG).status == 429

    @pytest.mark.usefixtures("refused")
    def test_do_not_keep_the_question_for_credentials_back(self, client: Client) -> None:
        for _ in range(2 * FEW):
            answer = client.request("GET", "/v1/series")
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"]

    @pytest.mark.usefixtures("refused")
    @pytest.mark.parametrize("header", FORGED)
    def test_of_a_forged_address_are_of_the_real_one(self, header: str, client: Client) -> None:
        for number in range(2 * FEW):
            forged = {header: f"192.0.2.{number}"}
            assert put(client, WRONG, **forged).status == 429

    def test_of_one_address_do_not_count_for_another_also_if_they_say_so(
        self, server: Server
    ) -> None:
        named = dict.fromkeys(FORGED, "127.0.0.3")
        told = [put_from("127.0.0.2", server, **named) for _ in range(FEW + 1)]
        assert told == FEW * [401] + [429]
        assert put_from("127.0.0.3", server) == 401


def put_from(address: str, server: Server, **more: str) -> int:
    """The status that wrong credentials get which come from another address of this machine."""
    connection = HTTPConnection("127.0.0.1", server.port, source_address=(address, 0))
    with closing(connection):
        connection.request("PUT", "/v1/series/k/T", headers={"Authorization": WRONG, **more})
        return connection.getresponse().status
