"""A load of conversations: sequences of requests and pauses that complete one operation."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Generator
from itertools import count
from typing import TypeAlias

from bench.connections import RESPONSE_TIMEOUT_SECONDS, LoadConnection, LoadGenerator

Conversation: TypeAlias = Generator[bytes | float, bytes, None]
"""Yields a request and receives the complete response, or yields seconds to wait.

It ends when its operation has succeeded.
"""


class ConversationLoad(LoadGenerator):
    """Each connection runs one conversation at a time.

    The time of a conversation is measured from its first request to its end.
    """

    def __init__(
        self, port: int, next_conversation: Callable[[], Conversation], limit: int
    ) -> None:
        super().__init__(port, lambda: b"", limit)
        self.next_conversation = next_conversation
        self._conversations: dict[LoadConnection, Conversation] = {}
        self._pauses: list[tuple[float, int, LoadConnection]] = []
        self._order = count()

    def send_next(self, connection: LoadConnection) -> None:
        now = time.perf_counter()
        if self.remaining <= 0 or now >= self.deadline:
            self.disconnect(connection)
            return
        self.remaining -= 1
        connection.requested_at = now
        conversation = self._conversations[connection] = self.next_conversation()
        self._perform(connection, next(conversation))

    def read(self) -> None:
        while self.connections:
            seconds = RESPONSE_TIMEOUT_SECONDS
            if self._pauses:
                seconds = max(0.0, self._pauses[0][0] - time.perf_counter())
            events = self.epoll.poll(seconds)
            if not events and not self._pauses:
                raise TimeoutError(
                    f"{len(self.connections)} requests got no response in {seconds} s"
                )
            for number, _ in events:
                connection = self.connections[number]
                if response := self.receive(connection):
                    self._resume(connection, response)
            while self._pauses and self._pauses[0][0] <= time.perf_counter():
                _, _, connection = heapq.heappop(self._pauses)
                self._resume(connection, b"")

    def _resume(self, connection: LoadConnection, response: bytes) -> None:
        """Pass the response to the conversation; after a pause, it is empty."""
        if response and response[9:12] != b"200":
            raise RuntimeError(f"unexpected response in a conversation: {response!r}")
        try:
            step = self._conversations[connection].send(response)
        except StopIteration:
            self.times.append(time.perf_counter() - connection.requested_at)
            self.statuses[b"200"] += 1
            self.send_next(connection)
        else:
            self._perform(connection, step)

    def _perform(self, connection: LoadConnection, step: bytes | float) -> None:
        """Send a request, or schedule the end of a pause."""
        if isinstance(step, float):
            until = time.perf_counter() + step
            heapq.heappush(self._pauses, (until, next(self._order), connection))
        else:
            connection.socket.send(step)
