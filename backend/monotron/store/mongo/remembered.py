"""The heads that this process wrote last. Correctness does not depend on them."""

from collections.abc import Iterable, Sequence

from monotron.model.series import SeriesHead, SeriesKey
from monotron.runtime import Runtime
from monotron.store.mongo.series_fields import Change

MAX_REMEMBERED = 65536

CONTENTION_SECONDS = 10.0
"""How long no head is remembered after one was outdated: while several servers write the same
series, a remembered head costs an attempt more often than it saves a read."""


class RememberedHeads:
    """Heads up to a maximum number. Those that were not written for the longest time are dropped.

    An outdated head fails the filter that replaces it, so the transaction is repeated.
    """

    def __init__(self, maximum: int, runtime: Runtime) -> None:
        self._maximum = maximum
        self._heads: dict[SeriesKey, SeriesHead] = {}
        self._lock = runtime.lock()
        self._now = runtime.monotonic
        self._unused_until = 0.0

    def take(self, keys: Iterable[SeriesKey]) -> dict[SeriesKey, SeriesHead]:
        """Forget the heads of these series, and return those that were remembered."""
        with self._lock:
            found = {
                series: head
                for series in keys
                if (head := self._heads.pop(series, None)) is not None
            }
        return found if self._now() >= self._unused_until else {}

    def were_outdated(self) -> None:
        """Return no heads for `CONTENTION_SECONDS`."""
        self._unused_until = self._now() + CONTENTION_SECONDS

    def put(self, changes: Sequence[Change]) -> None:
        """Remember the heads after these changes."""
        with self._lock:
            for change in changes:
                self._heads.pop(change.series, None)
                self._heads[change.series] = change.new
            while len(self._heads) > self._maximum:
                del self._heads[next(iter(self._heads))]
