"""Timestamps as text: RFC 3339 in UTC, with seconds."""

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(seconds: float) -> str:
    """Format seconds since the epoch: `2026-01-31T12:00:00Z`. Fractions are cut off."""
    return _rfc3339(int(seconds))


def rfc3339_from_ms(milliseconds: int) -> str:
    """Format milliseconds since the epoch: `2026-01-31T12:00:00Z`. Fractions are cut off."""
    return _rfc3339(milliseconds // 1000)


@lru_cache(maxsize=1024)
def _rfc3339(seconds: int) -> str:
    """Cached, because most releases and entries in responses are of the current second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
