"""How often a store repeated a call, or a part of it, without the caller noticing."""

import threading
from collections import Counter
from typing import Literal, TypeAlias, get_args

RetryReason: TypeAlias = Literal["conflict", "commit", "connection", "other"]
"""`conflict`: another transaction changed the same documents. `commit`: the result of a commit was
unknown, and it was sent again. `connection`: it broke, or the replica set had no primary."""

RETRY_REASONS: tuple[RetryReason, ...] = get_args(RetryReason)


class RetryCounts:
    """Counts retries by reason. Threads may share it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, reason: RetryReason) -> None:
        """Count one."""
        with self._lock:
            self._counts[reason] += 1

    def read(self) -> Counter[str]:
        """Return a copy."""
        with self._lock:
            return self._counts.copy()
