"""The requests and responses of clients on one clock, for `faults.checker`.

An operation with an unknown outcome (a broken connection, an error with `applied: unknown`) never
returns: it may be applied at any time after its call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class Put:
    """One attempt of a PUT of a token."""

    key: str
    token: str
    reuse: str
    called: float
    returned: float = inf
    value: int | None = None
    reused: bool = False
    refused: bool = False
    """Whether it is known that nothing was applied."""

    @property
    def unknown(self) -> bool:
        return self.value is None and not self.refused


@dataclass(slots=True)
class Peek:
    """One read of a series. Value 0 without a token: the series does not exist."""

    key: str
    called: float
    returned: float = inf
    token: str | None = None
    value: int = 0


class History:
    """Records operations of many threads. The thread that starts an operation finishes it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.puts: list[Put] = []
        self.peeks: list[Peek] = []

    def put(self, key: str, token: str, reuse: str) -> Put:
        """Record a PUT before it is sent. Its outcome is unknown until `answered` or `refused`."""
        put = Put(key, token, reuse, self._clock())
        self.puts.append(put)
        return put

    def answered(self, put: Put, value: int, reused: bool) -> None:
        """Record the response."""
        put.reused = reused
        put.returned = self._clock()
        put.value = value

    def refused(self, put: Put) -> None:
        """Record that it was not applied and never will be."""
        put.returned = self._clock()
        put.refused = True

    def repeated(self, put: Put) -> None:
        """Record that a proxy repeated this PUT: its first attempt stays unknown."""
        self.puts.append(Put(put.key, put.token, put.reuse, put.called))

    def peek(self, key: str) -> Peek:
        """Record a read before it is sent. A read without a response is ignored."""
        peek = Peek(key, self._clock())
        self.peeks.append(peek)
        return peek

    def seen(self, peek: Peek, token: str | None, value: int) -> None:
        """Record the response of the read."""
        peek.token, peek.value = token, value
        peek.returned = self._clock()

    def series(self) -> list[str]:
        """Return the keys of all series with a PUT."""
        return sorted({put.key for put in self.puts})

    def acknowledged(self) -> dict[tuple[str, str], int]:
        """Return the last value of each (key, token)."""
        return {(put.key, put.token): put.value for put in self.puts if put.value is not None}

    def unresolved(self) -> set[tuple[str, str]]:
        """Return each (key, token) that never got a value."""
        return {(put.key, put.token) for put in self.puts} - self.acknowledged().keys()

    def unknown(self) -> int:
        """Return the number of attempts with an unknown outcome."""
        return sum(put.unknown for put in self.puts)

    def retried(self) -> int:
        """Return the number of values that followed an attempt with an unknown outcome."""
        in_doubt: set[tuple[str, str]] = set()
        retried = 0
        for put in sorted(self.puts, key=lambda put: put.called):
            name = (put.key, put.token)
            if put.unknown:
                in_doubt.add(name)
            elif name in in_doubt and put.value is not None:
                in_doubt.remove(name)
                retried += 1
        return retried

    def counted_in_doubt(self) -> int:
        """Return the number of tokens whose first response was already a reused value."""
        first: dict[tuple[str, str], Put] = {}
        for put in self.puts:
            if put.value is not None:
                before = first.setdefault((put.key, put.token), put)
                if put.called < before.called:
                    first[put.key, put.token] = put
        return sum(put.reused for put in first.values())
