"""Load: callers that keep several servers and series busy until `finish`."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence

from faults.caller import MANNER, Caller, Manner
from faults.callers import Callers, Connect
from faults.history import History
from support.http import Client


class Load(Callers[Caller]):
    """Threads that request values until `finish`, and record all operations."""

    def __init__(
        self,
        urls: Sequence[str],
        keys: Sequence[str],
        *,
        callers: int = 16,
        pinned: bool = False,
        seed: int = 0,
        manner: Manner = MANNER,
        history: History | None = None,
        connect: Connect = Client,
    ) -> None:
        """Callers alternate between the servers at *urls*, or use one each if *pinned*.

        *keys*: the series. Uppercase keys use `reuse=current`, the others `any`.
        *history*: a history that is shared with other callers. *connect*: with which credentials
        they connect.
        """
        self.history = history or History()
        stop = threading.Event()
        threads: list[Caller] = []
        for number in range(callers):
            first = number % len(urls)
            turns = [urls[first]] if pinned else [*urls[first:], *urls[:first]]
            chance = random.Random(f"{seed} {number}")
            threads.append(
                Caller(f"c{number}", turns, keys, self.history, stop, chance, manner, connect)
            )
        super().__init__(threads, stop)

    @property
    def refused(self) -> int:
        """Return the number of PUTs that are known to have had no effect."""
        return sum(caller.refused for caller in self._callers)

    @property
    def at_gateway(self) -> int:
        """Return the number of requests that a proxy answered itself."""
        return sum(caller.at_gateway for caller in self._callers)

    @property
    def errors(self) -> Counter[tuple[str, str]]:
        """Return the number of errors by code and `applied`."""
        return sum((Counter(caller.errors) for caller in self._callers), Counter())

    def answers_of(self, url: str) -> int:
        """Return the number of PUTs to which the server at *url* returned a value so far."""
        return sum(caller.answers[url] for caller in self._callers if url in caller.answers)

    def pause_between_requests(self, seconds: float) -> None:
        """Let each caller pause between its requests from now on."""
        for caller in self._callers:
            caller.pause_seconds = seconds

    def finish(self) -> History:
        """Wait until each caller has its value, and end all callers."""
        self.end()
        return self.history
