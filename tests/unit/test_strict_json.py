"""Strict JSON: every document has exactly one meaning."""

import pytest

from monotron.model.strict_json import InvalidJson, parse


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "\xc3\xa9"]}', {"a": [1, 2.5, None, True, "é"]}),
        (b' "x" ', "x"),
        (rb'"\ud83d\ude00"', "😀"),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    ],
)
def test_valid_json_is_parsed(data: bytes, value: object) -> None:
    assert parse(data) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1, "a": 1}', "duplicate member"),
        (b'[{"b": {"a": 1, "a": 2}}]', "duplicate member"),
        (b"NaN", "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (rb'"\ud83d"', "half of a surrogate pair"),
        (rb'{"\udead": 1}', "half of a surrogate pair"),
        (b'"\xff"', "not UTF-8"),
        (b'\xef\xbb\xbf""', "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"", "not valid JSON"),
        (b"1 2", "not valid JSON"),
        (b"'a'", "not valid JSON"),
    ],
)
def test_invalid_or_ambiguous_json_is_rejected_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidJson) as error:
        parse(data)
    assert str(error.value) == reason


def test_a_lone_surrogate_is_accepted_on_request() -> None:
    assert parse(rb'["\ud83d"]', allow_lone_surrogates=True) == ["\ud83d"]
