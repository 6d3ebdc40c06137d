"""A cache that is bounded in entries and in time, for everything that `auth` remembers."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """Maps keys to values, at most *max_entries* of them. Drops the least recently stored first.

    Expired ones are dropped, too, unless one that was stored before them has not expired.
    """

    def __init__(
        self, max_entries: int, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_entries = max_entries
        self._monotonic = monotonic
        self._entries: OrderedDict[Key, tuple[Value, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return self.get(key) is not None

    def get(self, key: Key) -> Value | None:
        """The value of *key*; None if it is not stored or has expired."""
        entry = self._entries.get(key)
        if entry is None or self._monotonic() >= entry[1]:
            return None
        return entry[0]

    def put(self, key: Key, value: Value, *, seconds: float = math.inf) -> None:
        """Store a value, for at most *seconds*."""
        now = self._monotonic()
        self._entries[key] = (value, now + seconds)
        self._entries.move_to_end(key)
        while self._entries:
            _, expires_at = next(iter(self._entries.values()))
            if len(self._entries) <= self._max_entries and now < expires_at:
                break
            self._entries.popitem(last=False)

    def discard(self, predicate: Callable[[Value], bool]) -> None:
        """Remove the values for which *predicate* is true."""
        for key in [key for key, (value, _) in self._entries.items() if predicate(value)]:
            del self._entries[key]

    def remove(self, key: Key) -> None:
        """Remove the value of *key*, if it is stored."""
        self._entries.pop(key, None)
