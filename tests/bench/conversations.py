"""A load of conversations: several requests and pauses each, for what one request cannot do."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Generator
from itertools import count
from typing import TypeAlias

from bench.connections import SILENCE_SECONDS, Connection, Load

Conversation: TypeAlias = Generator[bytes | float, bytes, None]
"""Yields a request and is sent the whole answer, or yields seconds to wait. Its end is success."""


class Conversations(Load):
    """Each connection has a conversation; its time is from the first request to the end."""

    def __init__(self, port: int, next_talk: Callable[[], Conversation], count_: int) -> None:
        super().__init__(port, lambda: b"", count_)
        self.next_talk = next_talk
        self._talks: dict[Connection, Conversation] = {}
        self._pauses: list[tuple[float, int, Connection]] = []
        self._order = count()

    def ask(self, connection: Connection) -> None:
        now = time.perf_counter()
        if self.left <= 0 or now >= self.deadline:
            self.hang_up(connection)
            return
        self.left -= 1
        connection.asked_at = now
        talk = self._talks[connection] = self.next_talk()
        self._say(connection, next(talk))

    def read(self) -> None:
        while self.waiting:
            seconds = SILENCE_SECONDS
            if self._pauses:
                seconds = max(0.0, self._pauses[0][0] - time.perf_counter())
            events = self.epoll.poll(seconds)
            if not events and not self._pauses:
                raise TimeoutError(f"{len(self.waiting)} got no answer in {seconds} s")
            for number, _ in events:
                connection = self.waiting[number]
                if answer := self.receive(connection):
                    self._go_on(connection, answer)
            while self._pauses and self._pauses[0][0] <= time.perf_counter():
                _, _, connection = heapq.heappop(self._pauses)
                self._go_on(connection, b"")

    def _go_on(self, connection: Connection, answer: bytes) -> None:
        if answer and answer[9:12] != b"200":
            raise RuntimeError(f"an answer that no conversation goes on after: {answer!r}")
        try:
            said = self._talks[connection].send(answer)
        except StopIteration:
            self.times.append(time.perf_counter() - connection.asked_at)
            self.statuses[b"200"] += 1
            self.ask(connection)
        else:
            self._say(connection, said)

    def _say(self, connection: Connection, said: bytes | float) -> None:
        if isinstance(said, float):
            until = time.perf_counter() + said
            heapq.heappush(self._pauses, (until, next(self._order), connection))
        else:
            connection.socket.send(said)
