"""One caller cannot use the whole server: concurrent requests, and limits of CI jobs."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from monotron.auth import concurrency
from monotron.auth.principal import Principal
from monotron.model import conventional_commits
from monotron.model.commit_rules import CommitRules
from monotron.model.series import Allocation, Entry
from monotron.web.app import MAX_ANONYMOUS_BODY_BYTES
from support.claims import github
from support.credentials import bearer
from support.in_process import InProcess, serving
from support.keyless import IDS, keyless
from support.server import ROOT, ROOT_ENV

HOST = "Host: 127.0.0.1\r\n"
ONE_AT_A_TIME = {**ROOT_ENV, "MONOTRON_CONCURRENT_REQUESTS_PER_KEY": "1"}
LARGE = 70_000
MAX_HELD_SECONDS = 20


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


class Request:
    """A request on its own connection. The rest of it can be sent later."""

    def __init__(self, port: int, authorization: str, start: str, headers: str = "") -> None:
        self._port = port
        self._text = f"{start} HTTP/1.1\r\n{HOST}Authorization: {authorization}\r\n{headers}\r\n"

    async def send(self) -> Request:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._text.encode())
        return self

    async def response(self) -> tuple[int, Any]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readuntil(b"\n")
        self._writer.close()
        return int(head.split(b" ")[1]), json.loads(body)

    def disconnect(self) -> None:
        self._writer.close()


async def new_key(server: InProcess) -> str:
    """The Authorization header of a new API key."""
    body = '["*:series"]'
    headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    request = Request(server.port, ROOT, "POST /v1/accounts/1/grants", headers)
    request._text += body
    _, grant = await (await request.send()).response()
    return bearer(grant["api_key"]["secret"])


class HeldSeries:
    """Writes of series wait until `release` is called."""

    def __init__(self, server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self._held: list[asyncio.Future[Allocation]] = []
        monkeypatch.setattr(server.services.series, "next", self._next)

    def _next(
        self, series: Any, token: str, *_: object, initial: int
    ) -> asyncio.Future[Allocation]:
        held: asyncio.Future[Allocation] = asyncio.get_running_loop().create_future()
        self._held.append(held)
        self.started.put_nowait(token)
        return held

    def release(self) -> None:
        """Answer the oldest request."""
        self._held.pop(0).set_result(Allocation(Entry(1, "k", "T", 1), reused=False))


class HeldMessages:
    """Commit messages are parsed until `release` is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._released = threading.Event()
        monkeypatch.setattr(conventional_commits, "decide", self._decide)

    def _decide(self, text: str, rules: CommitRules) -> conventional_commits.CommitDecision:
        self._loop.call_soon_threadsafe(self.started.put_nowait, text)
        assert self._released.wait(MAX_HELD_SECONDS)
        return conventional_commits.CommitDecision("minor", text)

    def release(self) -> None:
        self._released.set()


def test_requests_of_one_key_wait_and_those_of_another_key_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with serving(env=ONE_AT_A_TIME) as server:
            first_key, second_key = await new_key(server), await new_key(server)
            held = HeldSeries(server, monkeypatch)
            first = await Request(server.port, first_key, "PUT /v1/series/k/first").send()
            assert await held.started.get() == "first"
            second = await Request(server.port, first_key, "PUT /v1/series/k/second").send()
            other = await Request(server.port, second_key, "PUT /v1/series/k/other").send()
            assert await held.started.get() == "other"
            held.release()
            assert (await first.response())[0] == 200
            assert await held.started.get() == "second"
            for each in (other, second):
                held.release()
                assert (await each.response())[0] == 200

    run(scenario())


def test_a_request_that_waits_too_long_is_refused_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with serving(env=ONE_AT_A_TIME) as server:
            key = await new_key(server)
            held = HeldSeries(server, monkeypatch)
            first = await Request(server.port, key, "PUT /v1/series/k/first").send()
            assert await held.started.get() == "first"
            monkeypatch.setattr(concurrency, "WAIT_SECONDS", 0.01)
            for _ in range(3):
                refused = await Request(server.port, key, "PUT /v1/series/k/refused").send()
                status, document = await refused.response()
                assert (status, document["code"]) == (429, "too_many_requests")
                assert document["applied"] == "no"
            held.release()
            assert (await first.response())[0] == 200
            last = await Request(server.port, key, "PUT /v1/series/k/last").send()
            assert await held.started.get() == "last"
            held.release()
            assert (await last.response())[0] == 200

    run(scenario())


@pytest.mark.parametrize(
    "path", ["PUT /v1/series/k/%0a", "GET /v1/accounts/9/series", "PATCH /v1/series/k"]
)
def test_a_rejected_request_leaves_its_place_to_others(path: str) -> None:
    async def scenario() -> None:
        async with serving(env=ONE_AT_A_TIME) as server:
            key = await new_key(server)
            for _ in range(3):
                status, _ = await (await Request(server.port, key, path).send()).response()
                assert status in (400, 403, 405)
            last = await Request(server.port, key, "PUT /v1/series/k/T").send()
            assert (await last.response())[0] == 200

    run(scenario())


@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "interrupted"])
def test_a_large_body_takes_a_place_before_it_arrives(is_sent: bool) -> None:
    """Otherwise, one caller could occupy the memory with bodies that wait."""

    async def scenario() -> None:
        async with serving(env=ONE_AT_A_TIME) as server:
            key = await new_key(server)
            headers = f"Expect: 100-continue\r\nContent-Length: {LARGE}\r\n"
            path = "PUT /v1/versions/app/T?bump=auto"
            large = await Request(server.port, key, path, headers).send()
            assert await large._reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 (Continue)\r\n\r\n"
            small = await Request(server.port, key, "PUT /v1/series/k/T").send()
            waiting = asyncio.ensure_future(small.response())
            other = await Request(server.port, await new_key(server), "PUT /v1/series/k/T").send()
            assert (await other.response())[0] == 200
            assert not waiting.done()
            if is_sent:
                large._writer.write(b"feat: a" + (LARGE - 7) * b"\n")
                status, release = await large.response()
                assert (status, release["version"]) == (200, "0.1.0")
            else:
                large.disconnect()
            assert (await waiting)[0] == 200
            assert server.services.lifecycle.in_flight == 0

    run(scenario())


def test_the_root_key_has_no_limit_of_concurrent_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with serving(env=ONE_AT_A_TIME) as server:
            held = HeldSeries(server, monkeypatch)
            requests = [
                await Request(server.port, ROOT, f"PUT /v1/series/k/{number}").send()
                for number in range(20)
            ]
            for _ in requests:
                await held.started.get()
            for each in requests:
                held.release()
                assert (await each.response())[0] == 200

    run(scenario())


def test_all_runs_of_a_repository_share_one_limit(tmp_path: Path) -> None:
    with keyless("github", tmp_path, MONOTRON_REQUESTS_PER_KEY="3") as monotron:
        for options in (IDS["github"], ("--repository-id=778", *IDS["github"][1:])):
            monotron.operator.prints(
                *("trust", "github", "acme/shop", "--branch=main", *options),
                f"--issuer={monotron.issuer.url}",
            )

        def put(run_id: int, **claims: str) -> int:
            token = monotron.token({**github(), "run_id": str(run_id), **claims})
            with monotron.server.client(authorization=bearer(token)) as job:
                return job.request("PUT", f"/v1/series/gh:acme:shop/{run_id}").status

        assert [put(number) for number in range(5)] == [200, 200, 200, 429, 429]
        assert put(9, repository_id="778", repository="acme/other") == 200


def test_one_key_cannot_use_up_the_limit_of_its_account() -> None:
    async def scenario() -> None:
        async with serving(env={**ROOT_ENV, "MONOTRON_REQUESTS_PER_ACCOUNT": "6"}) as server:
            first, second = await new_key(server), await new_key(server)

            async def put(key: str) -> int:
                request = await Request(server.port, key, "PUT /v1/series/k/T").send()
                return (await request.response())[0]

            assert [await put(first) for _ in range(5)] == [200, 200, 200, 429, 429]
            assert [await put(second) for _ in range(4)] == [200, 200, 200, 429]

    run(scenario())


def test_commit_messages_of_one_key_do_not_delay_other_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        held = HeldMessages(monkeypatch)
        async with serving(env=ROOT_ENV) as server:
            busy, other, third = [await new_key(server) for _ in range(3)]

            async def send(key: str, token: str) -> Request:
                path = f"PUT /v1/versions/{token}/{token}?bump=auto"
                request = Request(server.port, key, path, f"Content-Length: {len(token)}\r\n")
                request._text += token
                return await request.send()

            requests = [await send(busy, "b1")]
            assert await held.started.get() == "b1"
            requests += [await send(busy, f"b{number}") for number in range(2, 6)]
            requests.append(await send(other, "o1"))
            assert await held.started.get() == "o1"
            small = await Request(server.port, third, "PUT /v1/series/k/T").send()
            assert (await small.response())[0] == 200
            assert held.started.empty()
            held.release()
            assert [(await each.response())[0] for each in requests] == [200] * 6

    run(scenario())


def test_large_bodies_of_one_key_are_read_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    length = MAX_ANONYMOUS_BODY_BYTES + 1

    async def scenario() -> None:
        async with serving(env=ROOT_ENV) as server:
            busy, other = await new_key(server), await new_key(server)
            admitted: asyncio.Queue[str] = asyncio.Queue()
            admit = server.services.access_control.admit

            def note(principal: Principal) -> Any:
                admitted.put_nowait(principal.name)
                return admit(principal)

            monkeypatch.setattr(server.services.access_control, "admit", note)

            async def send(key: str, token: str, body: str) -> Request:
                path = f"PUT /v1/versions/shop/{token}?bump=auto"
                request = Request(server.port, key, path, f"Content-Length: {length}\r\n")
                request._text += body
                await request.send()
                await admitted.get()
                return request

            unfinished = await send(busy, "first", "fix: a")
            waiting = await send(busy, "second", "fix: a".ljust(length))
            assert (await (await send(other, "third", "fix: a".ljust(length))).response())[0] == 200
            unfinished._writer.write(b" " * (length - len("fix: a")))
            versions = [(await each.response())[1]["version"] for each in (unfinished, waiting)]
            assert versions == ["0.0.2", "0.0.3"]

    run(scenario())


def test_a_large_body_that_is_cut_off_lets_the_next_one_pass() -> None:
    length = MAX_ANONYMOUS_BODY_BYTES + 1

    async def scenario() -> None:
        async with serving(env=ROOT_ENV) as server:
            key = await new_key(server)
            headers = f"Content-Length: {length}\r\n"
            path = "PUT /v1/versions/shop/a?bump=auto"
            (await Request(server.port, key, path, headers).send()).disconnect()
            request = Request(server.port, key, path, headers)
            request._text += "fix: a".ljust(length)
            assert (await (await request.send()).response())[0] == 200

    run(scenario())
