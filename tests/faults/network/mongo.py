"""A proxy between a server and MongoDB: messages are late, cut, lost, or never answered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from faults.network.proxy import Deck, Line, Proxy
from faults.tier import rounds
from support.mongod import ReplicaSet

OURS = b"monotron\0"
"""The application name, which is in the first message of a connection of Monotron."""

UNHARMED = "none"
FATES = ["cut request", "cut answer", "lost answer", "black hole"]

LATENCY_SECONDS = 0.002
BLACK_HOLE_SECONDS = rounds(short=1, whole=8)
MAX_MESSAGES = rounds(short=40, whole=400)
"""The number of messages before a fault."""


class MongoProxy(Proxy):
    """A proxy of one member. Faults are injected into connections of Monotron only."""

    injecting = False

    def __init__(self, port: int, seed: object) -> None:
        super().__init__(port, seed)
        self.fates = Deck(self.chance, [UNHARMED, *FATES])

    def begin(self, seed: object) -> None:
        """Start injecting faults, as the seed determines."""
        self.chance.seed(f"{self._to_port} {seed}")
        self.injecting = True

    def end(self) -> None:
        """Stop injecting faults."""
        self.injecting = False

    async def serve(self, client: Line) -> None:
        first = await read_message(client.reader)
        server = await self.connect()
        fate = _Fate(self, client, server) if OURS in first else None
        try:
            await server.send(first)
            pumps = [
                self.spawn(self._pump(client, server, fate, asked=True)),
                self.spawn(self._pump(server, client, fate, asked=False)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            server.close()

    async def _pump(self, one: Line, other: Line, fate: _Fate | None, *, asked: bool) -> None:
        while True:
            message = await read_message(one.reader)
            await self.passing()
            if fate is not None and self.injecting:
                longer = 20 if self.chance.random() < 0.02 else 1
                await asyncio.sleep(longer * self.chance.uniform(0, LATENCY_SECONDS))
                await fate.meet(message, other, asked=asked)
            await other.send(message)


class _Fate:
    """The fault of one connection, after some messages."""

    def __init__(self, proxy: MongoProxy, client: Line, server: Line) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._fate = proxy.fates.draw()
        self._left = proxy.chance.randrange(3, MAX_MESSAGES)
        self._lose_next_answer = False
        self._in_black_hole = False

    async def meet(self, message: bytes, to: Line, *, asked: bool) -> None:
        """Return if the message passes. Raises ConnectionAbortedError if the connection ends."""
        self._left -= 1
        if self._in_black_hole:
            await asyncio.Event().wait()
        if self._lose_next_answer and not asked:
            self._proxy.done["lost answer"] += 1
            self._reset()
        if self._left > 0:
            return
        if self._fate == "lost answer":
            self._lose_next_answer = True
        elif self._fate == ("cut request" if asked else "cut answer"):
            self._proxy.done[self._fate] += 1
            await to.send(message[: len(message) // 2])
            self._reset()
        elif self._fate == "black hole":
            self._proxy.done["black hole"] += 1
            self._in_black_hole = True
            await asyncio.sleep(self._proxy.chance.uniform(0.1, BLACK_HOLE_SECONDS))
            self._reset()

    def _reset(self) -> None:
        self._client.reset()
        self._server.reset()
        raise ConnectionAbortedError


class ProxiedSet(ReplicaSet):
    """A replica set whose members are reached only through proxies, also by each other."""

    def __init__(
        self, directory: Path | None, members: int, replica_set: str | None, **more: Any
    ) -> None:
        super().__init__(directory, members, replica_set, **more)
        self.proxies: list[MongoProxy] = []

    def launch(self) -> None:
        super().launch()
        for number, member in enumerate(self.members):
            proxy = MongoProxy(member.port, number)
            self.proxies.append(proxy)
            member.address = proxy.address

    def stop(self) -> None:
        for proxy in self.proxies:
            proxy.close()
        super().stop()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """Return a message of MongoDB's wire protocol. Raises EOFError if it is missing or cut."""
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "little") - 4)
