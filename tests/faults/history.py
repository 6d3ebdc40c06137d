"""What clients asked and were told, on one clock, for `faults.checker` to judge.

An operation whose outcome is unknown (a broken connection, an error with `applied: unknown`) never
returns: it may be applied at any time after its call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class Put:
    """One PUT of a token: one attempt, not a token's whole story."""

    key: str
    token: str
    reuse: str
    called: float
    returned: float = inf
    value: int | None = None
    reused: bool = False
    refused: bool = False
    """Whether it was told, or is plain, that nothing was applied."""

    @property
    def unknown(self) -> bool:
        return self.value is None and not self.refused


@dataclass(slots=True)
class Peek:
    """One read of where a series stands; value 0 and no token: there is no such series."""

    key: str
    called: float
    returned: float = inf
    token: str | None = None
    value: int = 0


class History:
    """Takes notes from many threads at once. Each operation is finished by who began it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.puts: list[Put] = []
        self.peeks: list[Peek] = []

    def put(self, key: str, token: str, reuse: str) -> Put:
        """Note that the PUT is about to be sent; its outcome is unknown until told."""
        put = Put(key, token, reuse, self._clock())
        self.puts.append(put)
        return put

    def answered(self, put: Put, value: int, reused: bool) -> None:
        """Note the answer that has just come."""
        put.reused = reused
        put.returned = self._clock()
        put.value = value

    def refused(self, put: Put) -> None:
        """Note that it was not applied, and never will be."""
        put.returned = self._clock()
        put.refused = True

    def repeated(self, put: Put) -> None:
        """Note that somebody between repeated this PUT: what it sent first is in doubt for ever."""
        self.puts.append(Put(put.key, put.token, put.reuse, put.called))

    def peek(self, key: str) -> Peek:
        """Note that the read is about to be sent. One that is never answered counts for nothing."""
        peek = Peek(key, self._clock())
        self.peeks.append(peek)
        return peek

    def seen(self, peek: Peek, token: str | None, value: int) -> None:
        """Note what the read has just answered."""
        peek.token, peek.value = token, value
        peek.returned = self._clock()

    def series(self) -> list[str]:
        """The series that were asked for a number."""
        return sorted({put.key for put in self.puts})

    def acknowledged(self) -> dict[tuple[str, str], int]:
        """The value that each (key, token) was last answered."""
        return {(put.key, put.token): put.value for put in self.puts if put.value is not None}

    def unresolved(self) -> set[tuple[str, str]]:
        """The (key, token) whose caller was never told a value."""
        return {(put.key, put.token) for put in self.puts} - self.acknowledged().keys()

    def unknown(self) -> int:
        """How many attempts ended in doubt."""
        return sum(put.unknown for put in self.puts)

    def retried(self) -> int:
        """How many answers came to a token that an attempt in doubt had asked for before."""
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
        """How many tokens were counted by an attempt in doubt, as their first answer told."""
        first: dict[tuple[str, str], Put] = {}
        for put in self.puts:
            if put.value is not None:
                before = first.setdefault((put.key, put.token), put)
                if put.called < before.called:
                    first[put.key, put.token] = put
        return sum(put.reused for put in first.values())
