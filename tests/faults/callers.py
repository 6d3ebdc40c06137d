"""Threads that make requests until they are stopped."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from support.http import Client
from support.member import until

TIMEOUT_SECONDS = 90

Connect = Callable[[str, float], Client]
"""Returns a client of the server at a URL, with this timeout in seconds."""


class CallerThread(ABC, threading.Thread):
    """A caller. The error that ends it is kept."""

    def __init__(self, name: str, clients: Iterable[Client], stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._own_clients = clients
        self._stopped = stop
        self.interrupted = 0
        """The number of requests that lost their connection."""
        self.give_up = False
        """Whether it ends without a response to its current request."""
        self.error: BaseException | None = None

    @property
    @abstractmethod
    def acknowledged(self) -> int:
        """The number of requests that have assigned or returned something so far."""

    @abstractmethod
    def work(self) -> None:
        """Make requests until stopped."""

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self.error = error
        finally:
            for client in self._own_clients:
                client.close()


AnyCaller = TypeVar("AnyCaller", bound=CallerThread)


class Callers(Generic[AnyCaller]):
    """Callers that run in the context, until `end`."""

    def __init__(self, callers: Sequence[AnyCaller], stop: threading.Event) -> None:
        self._callers = callers
        self._stop = stop

    @property
    def acknowledged(self) -> int:
        return sum(caller.acknowledged for caller in self._callers)

    @property
    def interrupted(self) -> int:
        """Return the number of requests that lost their connection."""
        return sum(caller.interrupted for caller in self._callers)

    def wait_for_answers(self, more: int, seconds: float = TIMEOUT_SECONDS) -> None:
        """Return after *more* further requests were acknowledged."""
        enough = self.acknowledged + more

        def answered() -> bool:
            self._check()
            return self.acknowledged >= enough

        until(answered, seconds, f"{more} more answers")

    def stop(self) -> None:
        """Let each caller end after the response to its request."""
        self._stop.set()

    def end(self) -> None:
        """Wait until each caller has the response to its request, and end all callers."""
        self.stop()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        for caller in self._callers:
            caller.join(max(0.0, deadline - time.monotonic()))
            if caller.is_alive():
                raise TimeoutError(f"{caller.name} got no response in {TIMEOUT_SECONDS} s")
        self._check()

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
