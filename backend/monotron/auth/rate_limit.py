"""Rate limits: a bounded number of token buckets, one for each API key, account or address."""

import math
import time
from collections.abc import Callable

from monotron.auth.bounded_cache import BoundedCache
from monotron.errors import TooManyRequests

MAX_BUCKETS = 100_000
"""Names whose requests are counted at the same time."""

PERIOD_SECONDS = 60.0
_ROUNDING_SECONDS = 1e-6
"""The tolerance for rounding errors of the clock."""


class RateLimiter:
    """Allows *per_minute* requests per name, together or spread over the minute; 0 is unlimited.

    Stores one number per name, the time at which its bucket is full again (GCRA). If there are
    too many names, those with the oldest requests are forgotten.
    """

    def __init__(
        self,
        per_minute: int,
        subject: str,
        *,
        limit: str = "key",
        clock: Callable[[], float] = time.monotonic,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        """*subject* completes "Too many …" in the error: "requests for this account". *limit* is
        the name of the limit in metrics."""
        self._per_minute = per_minute
        self._interval_seconds = PERIOD_SECONDS / per_minute if per_minute else 0.0
        self._subject = subject
        self._limit = limit
        self._clock = clock
        self._full_at: BoundedCache[str, float] = BoundedCache(max_buckets, monotonic=clock)

    def is_exceeded(self, name: str) -> bool:
        """Whether `count` would raise TooManyRequests now."""
        now = self._clock()
        return self._wait_seconds(max(now, self._full_at.get(name) or now), now) > _ROUNDING_SECONDS

    def count(self, name: str) -> None:
        """Count one request. Raises TooManyRequests above the limit, without counting it."""
        if not self._per_minute:
            return
        now = self._clock()
        full_at = max(now, self._full_at.get(name) or now)
        wait_seconds = self._wait_seconds(full_at, now)
        if wait_seconds > _ROUNDING_SECONDS:
            self._full_at.put(name, full_at)
            retry_after = max(1, math.ceil(wait_seconds))
            raise TooManyRequests(
                f"Too many {self._subject} (limit: {self._per_minute} per minute). Retry in "
                f"{retry_after} s.",
                retry_after=retry_after,
                limit=self._limit,
            )
        self._full_at.put(name, full_at + self._interval_seconds)

    def _wait_seconds(self, full_at: float, now: float) -> float:
        """How long a request must wait whose bucket is full at *full_at*."""
        return full_at + self._interval_seconds - now - PERIOD_SECONDS


def share_of_account(requests_per_key: int, requests_per_account: int) -> int:
    """The limit of one principal: at most half of the limit of its account. 0 is unlimited."""
    if not requests_per_account:
        return requests_per_key
    half = max(1, requests_per_account // 2)
    return min(requests_per_key, half) if requests_per_key else half
