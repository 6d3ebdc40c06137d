"""Many callers of several servers at the same moment."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from faults.history import History
from support.http import Client

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]], *, jitter: float = 0.0) -> list[T]:
    """What the *calls* return, in their order; they begin together, each on its own thread.

    Up to *jitter* seconds apart, so that some begin while others are half done.
    """
    barrier = threading.Barrier(len(calls))

    def call(each: Callable[[], T]) -> T:
        barrier.wait(60)
        time.sleep(random.uniform(0, jitter))
        return each()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


class Crowd:
    """Callers that ask for numbers together, and a history of what they are told."""

    def __init__(self, urls: Sequence[str]) -> None:
        """The callers are spread over the servers at *urls*."""
        self._urls = urls
        self.history = History()

    def ask(self, key: str, lists: Sequence[Sequence[tuple[str, str]]]) -> list[list[int]]:
        """The values of each caller's (token, reuse), which it asks for one after the other."""

        def caller(number: int) -> Callable[[], list[int]]:
            url = self._urls[number % len(self._urls)]
            return lambda: self._ask_in_order(url, key, lists[number])

        return at_once([caller(number) for number in range(len(lists))])

    def put(self, key: str, token: str, reuse: str = "any") -> int:
        """The value that one PUT gives."""
        [[value]] = self.ask(key, [[(token, reuse)]])
        return value

    def _ask_in_order(self, url: str, key: str, asked: Sequence[tuple[str, str]]) -> list[int]:
        values = []
        with Client(url, timeout=60) as client:
            for token, reuse in asked:
                put = self.history.put(key, token, reuse)
                response = client.request("PUT", f"/v1/series/{key}/{token}?reuse={reuse}")
                assert response.status == 200, response
                value = response.json()["value"]
                reused = {"true": True, "false": False}[response.headers["Monotron-Reused"]]
                self.history.answered(put, value, reused)
                values.append(value)
        return values
