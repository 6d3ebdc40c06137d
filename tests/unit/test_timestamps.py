"""Timestamps as text."""

from monotron.model.timestamps import rfc3339, rfc3339_from_ms


def test_a_timestamp_is_written_in_utc_with_seconds() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_fractions_of_a_second_are_cut_off() -> None:
    assert rfc3339(1_700_000_000.999) == "2023-11-14T22:13:20Z"
    assert rfc3339_from_ms(1_700_000_000_999) == "2023-11-14T22:13:20Z"
