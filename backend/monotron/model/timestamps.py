"""Timestamps as text: RFC 3339 in UTC, with seconds."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Format seconds since the epoch: `2026-01-31T12:00:00Z`. Fractions are cut off."""
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def rfc3339_from_ms(milliseconds: int) -> str:
    """Format milliseconds since the epoch: `2026-01-31T12:00:00Z`. Fractions are cut off."""
    return rfc3339(milliseconds // 1000)
