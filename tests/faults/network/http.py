"""A proxy between callers and a server: messages are lost, late, duplicated, cut or slow."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from faults.history import History, Put
from faults.network.proxy import Deck, Line, Proxy
from faults.version_load import Known
from faults.version_loads import VersionLoads
from simulation.version_history import Call

RATES = {
    "lost request": 10,
    "lost answer": 15,
    "copy": 7,
    "reset before": 2,
    "reset after": 2,
    "half close": 2,
    "cut answer": 2,
    "slow": 2,
}
"""The faults of a hundred requests. The others pass."""

PASSED = "none"
PUT = re.compile(rb"PUT /v1/series/([^/?]+)/([^/?]+)\?reuse=(\w+) ")
PUT_VERSION = re.compile(rb"PUT /v1/versions/([^/ ]+)/([^/? ]+)\?")
REUSED = re.compile(rb"(?i)\r\nmonotron-reused: true")
SUCCESS = b"HTTP/1.1 200 "
RecordResponse = Callable[[bytes, Any], None]
"""Records the head and the members of a response."""

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class HttpProxy(Proxy):
    """Each request has its own fault. Late copies are recorded in the histories."""

    def __init__(
        self,
        port: int,
        seed: object,
        history: History,
        *,
        latest_copy: float,
        slow_bytes: int,
    ) -> None:
        """A copy arrives up to *latest_copy* seconds after the original request.

        The last bytes of slow messages arrive one per second, up to *slow_bytes*.
        """
        super().__init__(port, seed)
        self.history = history
        self._latest_copy = latest_copy
        cards = [fate for fate, number in RATES.items() for _ in range(number)]
        self._fates = Deck(self.chance, cards + [PASSED] * (100 - len(cards)))
        self._copies: list[asyncio.Task[None]] = []
        self.slow_bytes = slow_bytes
        self.versions: VersionLoads | None = None
        """The callers of versions, whose requests are copied as well."""

    async def serve(self, client: Line) -> None:
        conversation = _Conversation(self, client)
        try:
            while True:
                await conversation.handle_next()
        finally:
            conversation.close()

    def fate(self) -> str:
        fate = self._fates.draw()
        self.done[fate] += 1
        return fate

    def copy(self, request: bytes) -> None:
        """Send the same bytes again later, on another connection."""
        self._copies.append(self.spawn(self._send_again(request)))

    async def _send_again(self, request: bytes) -> None:
        await asyncio.sleep(self.chance.uniform(0, self._latest_copy))
        await self.passing()
        record_response = self._record_copy(request)
        if record_response is None:
            return
        server = await self.connect()
        try:
            await server.send(request)
            answer = await read_message(server.reader)
        finally:
            server.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        record_response(head, json.loads(body))

    def _record_copy(self, request: bytes) -> RecordResponse | None:
        """Record a copy. Return a function that records its response.

        Return None for other requests than those that assign a value or version: they are not
        copied.
        """
        if asked := PUT.match(request):
            key, token, reuse = (word.decode() for word in asked.groups())
            return partial(self._record_value, self.history.put(key, token, reuse))
        asked = PUT_VERSION.match(request)
        if asked is None or self.versions is None:
            return None
        copy = self.versions.record_copy(*(word.decode() for word in asked.groups()))
        return copy and partial(self._record_version, *copy)

    def _record_value(self, put: Put, head: bytes, members: Any) -> None:
        if head.startswith(SUCCESS):
            self.history.answered(put, members["value"], REUSED.search(head) is not None)
            self.done["copy answered"] += 1

    def _record_version(self, known: Known, call: Call, head: bytes, members: Any) -> None:
        known.record_response(call, int(head.split()[1]), members)
        self.done["version copy answered"] += head.startswith(SUCCESS)

    def settle(self) -> None:
        """Return when all copies were answered. Raises the error of a copy."""

        async def copies() -> None:
            await asyncio.gather(*self._copies)

        self.run(copies(), self._latest_copy + 30)


class _Conversation:
    """The connection of a client, and its connection to the server."""

    def __init__(self, proxy: HttpProxy, client: Line) -> None:
        self._proxy = proxy
        self._client = client
        self._server: Line | None = None
        self._fates: dict[str, Callable[[bytes], Awaitable[None]]] = {
            PASSED: self._pass_on,
            "lost request": self._lose_request,
            "lost answer": self._lose_answer,
            "copy": self._copy,
            "reset before": self._reset_before,
            "reset after": self._reset_after,
            "half close": self._half_close,
            "cut answer": self._cut_answer,
            "slow": self._slow,
        }

    async def handle_next(self) -> None:
        """Handle the next request."""
        request = await read_message(self._client.reader)
        await self._fates[self._proxy.fate()](request)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _ask(self, request: bytes) -> bytes:
        await self._send(request)
        return await read_message(self._to_server.reader)

    async def _send(self, request: bytes) -> None:
        await self._proxy.passing()
        if self._server is None:
            self._server = await self._proxy.connect()
        await self._server.send(request)

    async def _answer(self, answer: bytes) -> None:
        await self._proxy.passing()
        await self._client.send(answer)

    @property
    def _to_server(self) -> Line:
        assert self._server is not None
        return self._server

    async def _pass_on(self, request: bytes) -> None:
        await self._answer(await self._ask(request))

    async def _lose_request(self, request: bytes) -> None:
        raise ConnectionAbortedError

    async def _lose_answer(self, request: bytes) -> None:
        await self._ask(request)
        raise ConnectionAbortedError

    async def _copy(self, request: bytes) -> None:
        self._proxy.copy(request)
        await self._pass_on(request)

    async def _reset_before(self, request: bytes) -> None:
        """Half of the request arrives."""
        await self._send(request[: len(request) // 2])
        self._reset_both()

    async def _reset_after(self, request: bytes) -> None:
        """The request arrives, and no one waits for the response."""
        await self._send(request)
        self._reset_both()

    def _reset_both(self) -> None:
        self._to_server.reset()
        self._client.reset()
        raise ConnectionAbortedError

    async def _half_close(self, request: bytes) -> None:
        """The server sees the end of the input, which it may treat as a disconnect."""
        await self._send(request)
        self._to_server.send_no_more()
        await self._answer(await self._to_server.reader.read())
        raise ConnectionAbortedError

    async def _cut_answer(self, request: bytes) -> None:
        answer = await self._ask(request)
        await self._answer(answer[: self._proxy.chance.randrange(1, len(answer))])
        raise ConnectionAbortedError

    async def _slow(self, request: bytes) -> None:
        """One byte a second."""
        last = self._proxy.chance.randint(1, self._proxy.slow_bytes)
        await self._send(request[:-last])
        for byte in request[-last:]:
            await asyncio.sleep(1)
            await self._send(bytes([byte]))
        answer = await read_message(self._to_server.reader)
        await self._answer(answer[:-1])
        await asyncio.sleep(1)
        await self._answer(answer[-1:])


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """Return a whole request or response. Raises EOFError if it is missing or cut."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    return head + await reader.readexactly(int(length[1]) if length else 0)
