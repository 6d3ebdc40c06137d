"""Load: callers that keep several servers and series busy until `finish`."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from faults.caller import MANNER, Caller, Manner
from faults.history import History
from support.member import until

TIMEOUT_SECONDS = 90


class Load:
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
    ) -> None:
        """Callers alternate between the servers at *urls*, or use one each if *pinned*.

        *keys*: the series. Uppercase keys use `reuse=current`, the others `any`.
        *history*: a history that is shared with other callers.
        """
        self.history = history or History()
        self._stop = threading.Event()
        self._callers = []
        for number in range(callers):
            first = number % len(urls)
            turns = [urls[first]] if pinned else [*urls[first:], *urls[:first]]
            chance = random.Random(f"{seed} {number}")
            caller = Caller(f"c{number}", turns, keys, self.history, self._stop, chance, manner)
            self._callers.append(caller)

    @property
    def acknowledged(self) -> int:
        """Return the number of PUTs that returned a value so far."""
        return sum(sum(caller.answers.values()) for caller in self._callers)

    @property
    def interrupted(self) -> int:
        """Return the number of PUTs that lost their connection."""
        return sum(caller.interrupted for caller in self._callers)

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

    def wait_for_answers(self, more: int, seconds: float = TIMEOUT_SECONDS) -> None:
        """Return after *more* further PUTs have returned a value."""
        enough = self.acknowledged + more

        def answered() -> bool:
            self._check()
            return self.acknowledged >= enough

        until(answered, seconds, f"{more} more answers")

    def pause_between_requests(self, seconds: float) -> None:
        """Let each caller pause between its requests from now on."""
        for caller in self._callers:
            caller.pause_seconds = seconds

    def finish(self) -> History:
        """Wait until each caller has its value, and end all callers."""
        self._stop.set()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        for caller in self._callers:
            caller.join(max(0.0, deadline - time.monotonic()))
            if caller.is_alive():
                raise TimeoutError(f"{caller.name} got no value in {TIMEOUT_SECONDS} s")
        self._check()
        return self.history

    def _check(self) -> None:
        for caller in self._callers:
            if caller.error is not None:
                raise caller.error

    def __enter__(self) -> Self:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for caller in self._callers:
            caller.give_up = True
        self._stop.set()
        for caller in self._callers:
            caller.join(TIMEOUT_SECONDS)
