"""Threads that read from one server continuously."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import cycle
from types import TracebackType
from typing import Self

from faults.caller import peek
from faults.history import History
from support.http import Client

TIMEOUT_SECONDS = 60


class Reader:
    """Threads that read series from one server and record the results in a history."""

    def __init__(self, url: str, keys: Sequence[str], history: History, threads: int = 4) -> None:
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._read, args=(url, keys[number:] + keys[:number], history))
            for number in range(threads)
        ]

    def _read(self, url: str, keys: Sequence[str], history: History) -> None:
        turns = cycle(keys)
        try:
            with Client(url) as client:
                while not self._stop.is_set():
                    peek(client, next(turns), history)
        except BaseException as error:
            self._error = error

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)
        if self._error is not None and error is None:
            raise self._error
