"""Images of badges: well-formed, accessible, and safe with any label."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from monotron.web.badge_image import FILLS, MAX_SHOWN, badge_svg

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    '<script>alert("x")</script>',
    "</text></svg>",
    "]]>&amp;'\"",
    "{{ title }}{% raw title %}",
    MAX_SHOWN * "\U0001f600",
    "\u05e9\u05dc\u05d5\u05dd",
    "e\u0301\u200d",
]


def image(label: str, message: str = "1.3.0", color: str = "blue") -> ElementTree.Element:
    return ElementTree.fromstring(badge_svg(label, message, color))


def texts(svg: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in svg.iter(f"{SVG}text")]


def luminance(color: str) -> float:
    """The relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2)."""
    digits = color.strip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_an_image_has_a_role_a_name_and_a_title() -> None:
    svg = image("version")
    assert (svg.tag, svg.get("role"), svg.get("aria-label")) == (
        f"{SVG}svg",
        "img",
        "version: 1.3.0",
    )
    title = svg[0]
    assert (title.tag, title.text) == (f"{SVG}title", "version: 1.3.0")
    assert texts(svg) == ["version", "1.3.0"]


def test_an_empty_label_leaves_only_the_message() -> None:
    svg = image("")
    assert texts(svg) == ["1.3.0"]
    assert svg.get("aria-label") == "1.3.0"
    assert int(svg.get("width", "")) < int(image("version").get("width", ""))


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_label_is_shown_as_text(label: str) -> None:
    svg = image(label)
    assert texts(svg) == [label, "1.3.0"]
    assert svg.get("aria-label") == f"{label}: 1.3.0"
    elements = {each.tag.removeprefix(SVG) for each in svg.iter()}
    assert elements == {"svg", "title", "clipPath", "rect", "g", "text"}


def test_marks_of_the_direction_of_text_are_removed() -> None:
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert texts(image(f"{marks}a{marks}b")) == ["ab", "1.3.0"]
    assert texts(image(marks)) == ["1.3.0"]


def test_characters_that_xml_forbids_are_replaced() -> None:
    assert texts(image("a\ufffe\uffff")) == ["a\ufffd\ufffd", "1.3.0"]


def test_a_wider_text_gets_more_space() -> None:
    widths = [
        int(image(label).get("width", "")) for label in ("", "i", "ii", "mm", "m\u754c\u754c")
    ]
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("color", FILLS)
def test_all_texts_have_the_contrast_that_wcag_requires(color: str) -> None:
    svg = image("version", "1.3.0", color)
    (group,) = (each for each in svg.findall(f"{SVG}g") if each.get("fill"))
    fills = [each.get("fill", "") for each in svg.iter(f"{SVG}rect") if each.get("fill")]
    assert FILLS[color] in fills
    for fill in fills:
        dark, light = sorted((luminance(fill), luminance(group.get("fill", ""))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
