"""Parsing of names, versions, labels, build metadata and lines."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from semver import Version

from monotron.errors import InvalidName, InvalidVersion
from monotron.model.semver import (
    Line,
    parse_final,
    parse_label,
    parse_line,
    parse_metadata,
    parse_name,
    parse_version,
)
from monotron.model.series import INT64_MAX

MANY_DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.4.2", Version(1, 4, 2)),
        ("v1.4.2", Version(1, 4, 2)),
        ("V1.4.2", Version(1, 4, 2)),
        ("1.4.2+build.5", Version(1, 4, 2)),
        ("v1.4.2+sha.1", Version(1, 4, 2)),
        ("1.4.2-rc.1", Version(1, 4, 2, "rc.1")),
        ("v1.4.2-x-y.z+other", Version(1, 4, 2, "x-y.z")),
        (f"{INT64_MAX}.0.{INT64_MAX}", Version(INT64_MAX, 0, INT64_MAX)),
    ],
)
def test_a_version_can_have_a_v_and_metadata(text: str, version: Version) -> None:
    assert parse_version(text) == version
    assert parse_version(text).build is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "v", "1", "1.4", "1.4.2.0", "1.4.x", "x", "latest", "1.4.2-", "1.4.2+", "1.4.2+a..b"),
        *("1.4.2+a_b", "1.4.2-rc..1", "1.4.2-rc.01", "1.4.2-r_c", "01.4.2", "1.04.2", "1.4.02"),
        *("-1.4.2", "1.-4.2", "vv1.4.2", "=1.4.2", "release-1.4.2", "1e3.0.0", "1. 4.2", " 1.4.2"),
        *("1.4.2 ", "1.4.2\n", "1.4.2\0", "\uff11.4.2", "\u0661.4.2", "\U0001f98a"),
        *(f"{INT64_MAX + 1}.0.0", f"0.{INT64_MAX + 1}.0", f"0.0.{INT64_MAX + 1}"),
        *(MANY_DIGITS, f"{MANY_DIGITS}.0.0", f"1.0.0-rc.{MANY_DIGITS}", f"1.0.0+{MANY_DIGITS}"),
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_an_invalid_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidVersion) as refused:
        parse_version(text)
    assert len(refused.value.detail) < 300


def test_a_prerelease_is_not_a_final_version() -> None:
    assert parse_final("v1.4.2+x") == (1, 4, 2)
    with pytest.raises(InvalidVersion, match=r"1\.4\.2-rc\.1"):
        parse_final("v1.4.2-rc.1")


@pytest.mark.parametrize(
    "label",
    [
        *("a", "Z", "rc", "RC", "rc1", "1rc", "1a2", "0x", "alpha", "x" * 40, "9" * 39 + "z"),
        *("feature-login", "pr-12", "12-pr", "-rc", "rc-", "-", "--", "-1", "0-1", "9" * 39 + "-"),
    ],
)
def test_a_label_has_letters_digits_and_hyphens_but_not_only_digits(label: str) -> None:
    assert parse_label(label) == label


@pytest.mark.parametrize(
    "metadata",
    ["sha.7d4c379", "7d4c379", "001", "0", "-", "a-b.c--d", "A.b.3", "x" * 100, "1.2.3"],
    ids=lambda metadata: metadata[:20],
)
def test_metadata_has_parts_separated_by_dots(metadata: str) -> None:
    assert parse_metadata(metadata) == metadata


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0", Line(0)),
        ("1", Line(1)),
        ("1.2", Line(1, 2)),
        ("0.0", Line(0, 0)),
        (f"{INT64_MAX}.{INT64_MAX}", Line(INT64_MAX, INT64_MAX)),
    ],
)
def test_a_line_is_a_major_version_with_an_optional_minor_version(text: str, line: Line) -> None:
    assert parse_line(text) == line
    assert str(line) == text


NOT_LABELS = ["1", "0", "01", "123", "rc.1", "rc_1", "rc ", " rc", "rc\n", "r+c", "r/c", "$rc"]
NOT_LABELS += ["", "\u00e9", "\uff11a", "\U0001f98a", "0" * 20, "0" * 40, "x" * 41, "-" * 41]
NOT_METADATA = [".", "a..b", ".a", "a.", "a_b", "a b", "a+b", "a/b", "a:b", "a\n", "$a", "\u00e9"]
NOT_METADATA += ["", "\u0661", "x" * 101]
NOT_LINES = ["v1", "v1.2", "1.2.3", "01", "1.02", "00", "1.", ".1", "1..2", "x", "1.x", "-1", "+1"]
NOT_LINES += ["", "1e0", "1_0", " 1", "1 ", "1.2\n", "\u0661", "\uff11.2", f"{INT64_MAX + 1}"]
NOT_LINES += [f"1.{INT64_MAX + 1}", MANY_DIGITS]


@pytest.mark.parametrize(
    ("parse", "texts"),
    [(parse_label, NOT_LABELS), (parse_metadata, NOT_METADATA), (parse_line, NOT_LINES)],
    ids=["label", "metadata", "line"],
)
def test_an_invalid_parameter_is_refused(parse: Callable[[str], object], texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"such as|for example"):
            parse(text)


def test_a_name_has_up_to_200_characters() -> None:
    for character in "x\u00e9\U0001f98a":
        assert parse_name(quote(character * 200)) == character * 200
        with pytest.raises(InvalidName, match="201 characters"):
            parse_name(quote(character * 201))


def test_a_version_has_up_to_256_characters_with_its_v() -> None:
    for start in ("1.0.0-", "v1.0.0-"):
        longest = start.ljust(256, "a")
        assert str(parse_version(longest)) == longest.removeprefix("v")
        with pytest.raises(InvalidVersion, match="has 257 characters"):
            parse_version(f"{longest}a")
