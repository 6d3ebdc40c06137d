"""Tickets, emoji and other text around the type of a header."""

import pytest

from monotron.model.component_keys import Component
from support.commits import SKIP_DOCS, bump, bump_and_reason

DECORATIONS = [
    "ABC-123: ",
    "ABC-123:",
    "[ABC-123] ",
    "[ABC-123]: ",
    "[ABC-123]",
    "ABC-123 | ",
    "A1_B-7: ",
    "#12 ",
    "#12: ",
    "[#12] ",
    "(#12) ",
    "✨ ",
    "✨",
    "⚡️ ",
    "👩‍💻 ",
    "🇩🇪 ",
    ":art: ",
    ":children_crossing:",
    ":+1: ",
    "[ABC-1] [ABC-2] ",
    "ABC-123: 🐛 ",
    ":bug: ABC-123 | ",
    "🐛 #12 ",
]


@pytest.mark.parametrize("decoration", DECORATIONS)
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("feat: x", "minor"),
        ("FEAT(a): x", "minor"),
        ("fix!: x", "major"),
        ("fix: x", "patch"),
        ("docs: feat: x", "patch"),
        ("BREAKING CHANGE: x", "patch"),
    ],
)
def test_a_ticket_or_an_emoji_can_precede_the_type(
    decoration: str, header: str, expected: Component
) -> None:
    if header.startswith("BREAKING") and "✨" in decoration:
        expected = "minor"  # gitmoji without a type
    assert bump_and_reason(decoration + header) == (expected, decoration + header)


@pytest.mark.parametrize("decoration", DECORATIONS)
def test_a_skipped_type_can_have_a_decoration(decoration: str) -> None:
    decision = bump_and_reason(decoration + "docs: x", SKIP_DOCS)
    assert decision is not None
    assert decision[0] is None


@pytest.mark.parametrize(
    "header",
    [
        "ABC-123 feat!: x",
        "abc-123: feat!: x",
        "[abc-123] feat!: x",
        "[core] feat!: x",
        "[WIP] feat!: x",
        "(core) feat!: x",
        "ABC: feat!: x",
        "ABC-: feat!: x",
        "ABC-1a: feat!: x",
        "123: feat!: x",
        "# feat!: x",
        "#a feat!: x",
        "é feat!: x",
        "- feat!: x",
        ":: feat!: x",
        ":a b: feat!: x",
        "Add ✨",
        "Add ✨ and 💥",
        "✨",
        "💥",
        ":boom:",
        "ABC-123: x",
        "#12",
    ],
)
def test_other_text_before_the_type_is_not_a_decoration(header: str) -> None:
    assert bump_and_reason(header) == ("patch", header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("feat：x", "minor"),
        ("feat： x", "minor"),
        ("feat(购物车)：增加优惠券", "minor"),
        ("fix!：x", "major"),
        ("feat：", "patch"),
        ("feat ：x", "patch"),
        ("feat；x", "patch"),
    ],
)
def test_the_colon_can_be_full_width(header: str, expected: Component) -> None:
    assert bump_and_reason(header) == (expected, header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("feat!(a): x", "major"),
        ("fix!(a b): x", "major"),
        ("feat!(a):x", "patch"),
        ("feat!(): x", "patch"),
        ("feat!(a)!: x", "patch"),
        ("feat(a)!(b): x", "patch"),
    ],
)
def test_the_exclamation_mark_can_precede_the_scope(header: str, expected: Component) -> None:
    assert bump_and_reason(header) == (expected, header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("✨ Add x", "minor"),
        ("✨Add x", "minor"),
        ("✨️ Add x", "minor"),
        (":sparkles: Add x", "minor"),
        ("ABC-123: ✨ add x", "minor"),
        ("🚧 ✨ Add x", "minor"),
        ("💥 Remove x", "major"),
        (":boom: Remove x", "major"),
        ("✨💥 Replace x", "major"),
        ("🐛 Fix x", "patch"),
        (":bug: Fix x", "patch"),
        ("⚡️ Speed up x", "patch"),
        ("✨ fix: x", "patch"),
        ("💥 fix: x", "patch"),
        ("💥 fix!: x", "major"),
        ("✨ docs(a): x", "patch"),
    ],
)
def test_a_gitmoji_counts_without_a_type(header: str, expected: Component) -> None:
    assert bump_and_reason(header) == (expected, header)


@pytest.mark.parametrize("title", ["✨ t", "ABC-1: feat: t", "feat：t", ":sparkles: t"])
def test_the_title_of_a_merge_can_have_a_decoration(title: str) -> None:
    assert bump_and_reason(f"Merge pull request #12 from a/b\n\n{title}") == ("minor", title)
    assert bump("Merge branch 'x'", "", "  " + title) == "patch"
