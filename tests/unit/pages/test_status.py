"""Sizes and durations as texts."""

from __future__ import annotations

from math import inf

import pytest

from monotron.metrics.traffic import Quantile, Traffic
from monotron.web.pages.status import duration_text, quantile_text, size_text, traffic_facts


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (5 << 40, "5.0 TiB"),
        (5 << 50, "5,120.0 TiB"),
    ],
)
def test_a_size_has_a_unit(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (3600, "1 hour 0 minutes"),
        (86400 * 3 + 3600 + 60, "3 days 1 hour"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("quantile", "text"),
    [
        (Quantile(0.00378, 0.0025, 0.005), "about 3.8 ms (2.5 ms to 5 ms)"),
        (Quantile(0.0004, 0, 0.001), "about 0.4 ms (0 ms to 1 ms)"),
        (Quantile(0.7562, 0.5, 1), "about 760 ms (500 ms to 1 s)"),
        (Quantile(6.123, 5, 10), "about 6.1 s (5 s to 10 s)"),
        (Quantile(10, 10, inf), "more than 10 s"),
    ],
)
def test_a_quantile_is_shown_with_its_range(quantile: Quantile, text: str) -> None:
    assert quantile_text(quantile) == text


def test_traffic_is_shown_per_minute() -> None:
    quantile = Quantile(0.002, 0.001, 0.0025)
    facts = traffic_facts(Traffic(301.5, 12_345, quantile, quantile))
    assert [(fact.label, fact.text) for fact in facts[:2]] == [
        ("Requests in the last 5 minutes", "12,345"),
        ("Requests per minute", "2,456.7"),
    ]


def test_traffic_without_requests_is_stated() -> None:
    (fact,) = traffic_facts(Traffic(30, 0, None, None))
    assert (fact.label, fact.text) == ("Requests in the last minute", "No requests")
