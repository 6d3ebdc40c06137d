"""Limits on how many requests come in: token buckets, bounded in number."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from monotron.errors import TooManyRequests

MAX_BUCKETS = 100_000


class RateLimiter:
    """So many requests a minute for each name, at once or spread out; 0 is no limit.

    One number a name is kept, the time at which its bucket would be full again (GCRA). Where
    there are too many names, those asked least lately are forgotten.
    """

    def __init__(
        self,
        per_minute: int,
        what: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        most: int = MAX_BUCKETS,
    ) -> None:
        """*what* says in the error whose requests were counted."""
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._per_minute = per_minute
        self._what = what
        self._clock = clock
        self._most = most
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def count(self, name: str) -> None:
        """Count one request. One too many is `TooManyRequests`, and is not counted."""
        if not self._per_minute:
            return
        now = self._clock()
        full_at = max(now, self._full_at.pop(name, now)) + self._interval
        if full_at - now > 60.0 + 1e-6:
            self._full_at[name] = full_at - self._interval
            raise TooManyRequests(
                f"More than {self._per_minute} requests a minute came {self._what}. Send the same "
                "request again after the time in Retry-After.",
                retry_after=max(1, math.ceil(full_at - now - 60.0)),
            )
        self._full_at[name] = full_at
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
