"""Concurrent callers of several servers."""

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


def concurrently(calls: Sequence[Callable[[], T]], *, jitter: float = 0.0) -> list[T]:
    """Run the *calls* concurrently, each on its own thread. Return their results in order.

    They start up to *jitter* seconds apart, so that some start while others are running.
    """
    barrier = threading.Barrier(len(calls))

    def call(each: Callable[[], T]) -> T:
        barrier.wait(60)
        time.sleep(random.uniform(0, jitter))
        return each()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


class Crowd:
    """Concurrent callers, and the history of their requests."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Distribute the callers over the servers at *urls*."""
        self._urls = urls
        self.history = History()

    def ask(self, key: str, lists: Sequence[Sequence[tuple[str, str]]]) -> list[list[int]]:
        """Have each caller request its (token, reuse) pairs in order. Return their values."""

        def caller(number: int) -> Callable[[], list[int]]:
            url = self._urls[number % len(self._urls)]
            return lambda: self._ask_in_order(url, key, lists[number])

        return concurrently([caller(number) for number in range(len(lists))])

    def put(self, key: str, token: str, reuse: str = "any") -> int:
        """Send one PUT, and return its value."""
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
