"""Load: callers who keep several servers and series busy until they are told to finish."""

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

PATIENCE_SECONDS = 90


class Load:
    """Threads that ask servers for numbers until told to finish, and write down what happened."""

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
        """Callers alternate between the servers at *urls*; *pinned*, each stays with one.

        *keys*: of the series, those in capitals for `reuse=current`, the others for `any`.
        *history* is for those who ask beside them, if there are any.
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
        """How many PUTs were answered with a number so far."""
        return sum(sum(caller.answers.values()) for caller in self._callers)

    @property
    def interrupted(self) -> int:
        """How many PUTs lost their connection while they were under way."""
        return sum(caller.interrupted for caller in self._callers)

    @property
    def refused(self) -> int:
        """How many PUTs were told, or found, that they had no effect."""
        return sum(caller.refused for caller in self._callers)

    @property
    def at_gateway(self) -> int:
        """How many requests a proxy had no answer to."""
        return sum(caller.at_gateway for caller in self._callers)

    @property
    def told(self) -> Counter[tuple[str, str]]:
        """How many PUTs were answered with which error: its code, and whether it was applied."""
        return sum((Counter(caller.told) for caller in self._callers), Counter())

    def answers_of(self, url: str) -> int:
        """How many PUTs the server at *url* answered with a number so far."""
        return sum(caller.answers[url] for caller in self._callers if url in caller.answers)

    def wait_for_answers(self, more: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Return once *more* PUTs were answered than when asked."""
        enough = self.acknowledged + more

        def answered() -> bool:
            self._check()
            return self.acknowledged >= enough

        until(answered, seconds, f"{more} more answers")

    def finish(self) -> History:
        """Let each caller have the number it is asking for, and end."""
        self._stop.set()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for caller in self._callers:
            caller.join(max(0.0, deadline - time.monotonic()))
            if caller.is_alive():
                raise TimeoutError(f"{caller.name} had no answer in {PATIENCE_SECONDS} s")
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
            caller.join(PATIENCE_SECONDS)
