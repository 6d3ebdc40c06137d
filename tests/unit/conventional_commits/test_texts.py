"""Texts of several messages: separators, white space, reasons, size, and random texts."""

import unicodedata
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monotron.errors import BodyTooLarge
from monotron.model.commit_texts import MAX_COMMITS
from monotron.model.component_keys import COMPONENTS
from monotron.model.conventional_commits import (
    MAX_NOTE_LENGTH,
    MAX_NOTES,
    MAX_REASON_LENGTH,
    CommitRules,
    decide,
)
from support.commits import FOOTER, MEBIBYTE, bump, bump_and_reason, decided, log


class TestSeveralMessages:
    def test_the_highest_bump_of_several_messages_decides(self) -> None:
        text = log("fix: a", "feat: b", "chore: c\n\nBREAKING-CHANGE: d", "feat: e")
        assert bump_and_reason(text) == ("major", "BREAKING-CHANGE: d")

    def test_the_first_message_with_the_highest_bump_is_the_reason(self) -> None:
        assert bump_and_reason(log("fix: a", "feat: b", "feat: c")) == ("minor", "feat: b")
        assert bump_and_reason(log("Prose", "fix: b")) == ("patch", "Prose")
        assert bump_and_reason(log("feat!: a\n\n" + FOOTER)) == ("major", "feat!: a")

    def test_a_footer_belongs_to_one_message(self) -> None:
        assert bump_and_reason(log("fix: a\n\nProse", FOOTER)) == ("major", FOOTER)
        assert bump_and_reason(log("fix: a\n\n<!--", "feat: b\n\n-->")) == ("minor", "feat: b")

    def test_only_nul_separates_messages(self) -> None:
        assert bump_and_reason("fix: a\n\nfeat: b\n\nfeat!: c\n") == ("patch", "fix: a")

    def test_empty_messages_do_not_count(self) -> None:
        assert bump_and_reason("\0\0 \n\0\ufeff\0fix: a\0\0") == ("patch", "fix: a")

    @pytest.mark.parametrize("text", ["", " ", "\n", "\r\n\t\0 \0\n", "\ufeff", "\0" * MEBIBYTE])
    def test_a_text_without_messages_has_no_decision(self, text: str) -> None:
        assert bump_and_reason(text) is None


class TestWhiteSpace:
    MESSAGE = f"\n\nfix: a\n\nProse.\n\nRefs: #1\n{FOOTER}\n\nfeat: no header\n"

    @pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", " \n", "\t\r\n"])
    def test_every_line_break_of_git_is_accepted(self, line_break: str) -> None:
        assert bump_and_reason(self.MESSAGE.replace("\n", line_break)) == ("major", FOOTER)

    def test_a_byte_order_mark_is_dropped(self) -> None:
        assert bump_and_reason("\ufefffeat: a\0\n\ufefffix: b") == ("minor", "feat: a")
        assert bump_and_reason("feat: a\ufeffb") == ("minor", "feat: ab")

    def test_white_space_after_a_header_is_not_a_description(self) -> None:
        assert bump_and_reason("feat!:  \n\nProse.") == ("patch", "feat!:")

    def test_white_space_around_a_header_is_dropped(self) -> None:
        assert bump_and_reason(" \n\t\n  feat: a  \n") == ("minor", "feat: a")

    def test_a_blank_line_ends_a_paragraph(self) -> None:
        assert bump("fix: a", "", "Prose.", " \t", FOOTER) == "major"

    @pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
    def test_other_line_separators_do_not_break_a_line(self, character: str) -> None:
        assert bump("fix: a", "", f"Prose{character}{character}{FOOTER}") == "patch"

    def test_a_message_without_its_line_breaks_is_a_header(self) -> None:
        assert bump(f"fix: a{FOOTER}") == "patch"


class TestReason:
    def test_a_reason_is_cut_at_its_maximum_length(self) -> None:
        assert bump_and_reason("feat: " + "🚀" * 500) == ("minor", "feat: " + "🚀" * 194)
        assert bump_and_reason("fix: a\n\nBREAKING CHANGE: " + "x" * MEBIBYTE) == (
            "major",
            "BREAKING CHANGE: " + "x" * 183,
        )

    def test_a_cut_reason_does_not_end_in_a_space(self) -> None:
        assert bump_and_reason("x" * 199 + " y") == ("patch", "x" * 199)

    def test_control_characters_in_a_reason_become_spaces(self) -> None:
        assert bump_and_reason("feat: a\tb\x1b[31mc\x9b\x7fd\u2028e") == (
            "minor",
            "feat: a b [31mc d e",
        )

    def test_a_tab_in_an_invalid_header_becomes_a_space(self) -> None:
        assert bump_and_reason("feat:\tx") == ("patch", "feat: x")

    def test_a_reason_of_control_characters_is_empty(self) -> None:
        assert bump_and_reason("\x01\x02") == ("patch", "")


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        ("", "a", ""),
        ("", "é", ""),
        ("", "a\0", ""),
        ("", "feat(", ""),
        ("feat(", "a", ": x"),
        ("feat", "-", ""),
        ("Merge branch 'x'\n\na", "-by", ""),
        ("x", "\r", "x"),
        ("x", "\n", "x"),
        ("x\n", " ", "x"),
        ("x\n\n", "<!--", ""),
        ("x\n\n", "<!---->", ""),
        ("x\n\n", "-->", ""),
        ("x\n\n", "<details", ""),
        ("x\n\n", "```\n", ""),
        ("x\n\n", "```x\n", ""),
        ("x\n\n", "~", "`"),
        ("x\n\n", "`", "x`"),
        ("\n".join(["x", *("`" * run + " x" for run in range(720, 2, -1))]), "\nx", ""),
        ("x\n\n", "BREAKING CHANGE:\n", ""),
        ("x\n\n", "BREAKING CHANGE:\n\n\n\n", ""),
        ("x\n\nBREAKING CHANGE:\n", "\n", "Refs: #1"),
        ("x\n\n", "BREAKING CHANGE: none\n\n", ""),
        ("x\n\nx\n", FOOTER + "\n", ""),
        ("x\n\nBREAKING\n", "a", ""),
        ("x\n\nBREAKING\n", "a: b\n", ""),
        ("x\n\nBREAKING\n", "#", ""),
        ("x\n\nBREAKING\n", "-", "x"),
        ("x\n\nBREAKING CHANGE: ", "(", ""),
        ("x (#1)\n\n", "* a: b\n", ""),
        ("x (#1)\n\n", "* a(", ""),
        ("x (#1)\n", "\n* ", ""),
        ("x)\n", "\n", "x"),
        ("x ", ") ", "x"),
        ("x ", ")\n", "x"),
        ("x", "revert(", "x"),
        ("", " (#1", ""),
        ("x (#", "1", ""),
        ("Merge pull request '", "' (#1", ""),
        ("Squashed commit of the following:\n", "\ncommit a\n\n    a\n", ""),
        ("Squashed commit of the following:\n", "\ncommit a", ""),
        ("", "Squashed commit of the following:\n\ncommit a\n\n    ", ""),
        ("", 'Revert "', ""),
        ("", 'Revert "x"\0', ""),
        ("", "revert: x\0", ""),
        ("", 'Reapply "', '"'),
        ("", "[ABC-1] ", ""),
        ("", "[ABC-1", ""),
        ("", "A", "-1: x"),
        ("ABC-", "1", ": x"),
        ("", "#1 ", "x"),
        ("", "🐛", "x"),
        ("", "🐛 ", "x"),
        ("", ":a:", "x"),
        ("", ":a", "x"),
        ("fix", "!", ": x"),
        ("fix", "(", ": x"),
        ("x", " (a/b!1", ""),
        ("x (", "a/", "!1)"),
        ("", "feature: x\0", ""),
        ("", "feature: x ", ""),
        ("", "Feat ", ""),
        ("x\n\n", "feature: x\n", ""),
        ("x\n\n", "BREAKING CHANGE ", ""),
        ("x\n\n", "x BREAKING CHANGE\n", ""),
        ("x\n\n", "BREAKING", " CHANGE"),
        ("x\n\n", "BREAKING ", ""),
        ("x\n\n", "Release-As: 1.0.0\n", ""),
        ("x\n\nx\n", "Release-As: 1.0.0\n", ""),
        ("x\n\n", "[no release] ", ""),
        ("x\n\n[skip", " ", "release]"),
        ("x\n\n", "** ", "breaking"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_mebibyte_of_repeated_text_is_decided_in_time(before: str, unit: str, after: str) -> None:
    count = MEBIBYTE // len(unit)
    if "\0" in unit or "* " in unit or "\ncommit " in unit:
        count = min(count, MAX_COMMITS - 2)
    decision = decide(before + unit * count + after)
    assert decision is not None
    assert decision.bump == "patch"


@pytest.mark.parametrize(
    "pattern",
    [
        "{:x}",
        "fix: {:x}",
        "a{:x}: b",
        "#{:x} fix: a",
        "🐛 {:x}",
        "fix!x {:x}",
        "feature: {:x}",
        'Revert "{:x}"',
        "revert: {:x}",
        "{:x}\nProse",
        "{:x}\n[",
        "{:x} (#1)\n* a: b",
        "{:x}\n<!-- -->",
        "{:x}\n```\nfeat: x\n```",
        'Revert "x"\n\n{:x}',
    ],
)
def test_many_different_messages_are_decided_in_time(pattern: str) -> None:
    count = MAX_COMMITS // (1 + pattern.count("\n* "))
    messages = [pattern.format(number) for number in range(count)]
    decision = decided("\0".join(messages))
    assert decision.bump == "patch"
    assert decision.reason == pattern.format(0).split("\n")[0]
    assert decision.messages == len(messages)


@pytest.mark.parametrize(
    ("before", "unit"),
    [
        ("", "a\0"),
        ("a (#1)\n", "\n* fix: a"),
        ("Squashed commit of the following:\n", "\ncommit 7d4c379\nDate: x\n\n    a\n"),
    ],
)
def test_a_text_of_too_many_commits_is_refused(before: str, unit: str) -> None:
    count = MAX_COMMITS - bool(before)
    assert decided(before + unit * count).bump == "patch"
    with pytest.raises(BodyTooLarge):
        decide(before + unit * (count + 1))


def test_a_list_that_contains_no_commits_is_not_limited() -> None:
    assert decided("a (#1)\n" + "\n* note" * 2 * MAX_COMMITS).bump == "patch"


PIECES = st.sampled_from(
    [
        *["feat", "fix", "!", ": x", "(a)", "BREAKING CHANGE:", " none", " x", "Refs: #1"],
        *["\n", "\n\n", "\r\n", "\0", "    ", "* feat: x", " (#1)", "Merge branch 'x'", "\x1b"],
        *["```", "<!--", "-->", "<details>", "</details>"],
        *["Squashed commit of the following:\n", "commit 7d4c37\n"],
        *["✨", "💥", ":boom:", "ABC-1: ", "[ABC-1]", "#1 ", "：", "(!1)", "Release-As: 1.0.0"],
        *["BREAKING:", "BREAKING CHANGES", "**", "[skip release]", "feature: x", "docs: x"],
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=20).map("".join))
REVERTS = st.sampled_from(['Revert "', 'Reapply "', "revert: ", '"', " (#1)", "feat: x", "x", "\0"])
ALL_TEXTS = st.one_of(TEXTS, st.lists(st.one_of(PIECES, REVERTS), max_size=20).map("".join))
RULES = st.builds(
    CommitRules,
    skip_types=st.frozensets(st.sampled_from(["docs", "fix", "revert"])),
    minor_types=st.frozensets(st.sampled_from(["feat", "Feature", "x"])),
    strict=st.booleans(),
)


def is_printable_line(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)


@settings(max_examples=300)
@given(ALL_TEXTS, RULES)
def test_every_text_with_a_message_has_a_decision(text: str, rules: CommitRules) -> None:
    decision = decide(text, rules)
    if decision is None:
        assert not text.replace("\0", "").replace("\ufeff", "").strip()
    else:
        assert decision.bump in (*COMPONENTS, None)
        assert len(decision.reason) <= MAX_REASON_LENGTH
        assert len(decision.notes) <= MAX_NOTES
        assert all(len(note) <= MAX_NOTE_LENGTH for note in decision.notes)
        assert all(map(is_printable_line, (decision.reason, *decision.notes)))
        assert decision.messages >= 1


@settings(max_examples=150)
@given(ALL_TEXTS, RULES)
def test_an_additional_breaking_change_always_requests_a_major(
    text: str, rules: CommitRules
) -> None:
    first = decided("feat!: new\0" + text, rules)
    assert (first.bump, first.reason) == ("major", "feat!: new")
    assert decided(text + "\0feat!: new", rules).bump == "major"


@settings(max_examples=300)
@given(st.lists(st.lists(st.one_of(PIECES, REVERTS), max_size=6).map("".join), max_size=6), RULES)
def test_a_body_of_prose_does_not_change_the_decision(parts: list[str], rules: CommitRules) -> None:
    """Messages of one line are not always parsed completely."""
    headers = [" ".join(part.replace("\0", "").split()) for part in parts]
    text = "\0".join(headers)
    assert decide("\0".join(header and f"{header}\n\nProse." for header in headers), rules) == (
        decide(text, rules)
    )


@settings(max_examples=75)
@given(TEXTS)
def test_an_additional_chore_never_lowers_the_bump(text: str) -> None:
    alone = decide(text)
    bump_alone = (alone and alone.bump) or "patch"
    assert decided(text + "\0chore: x").bump == bump_alone
    assert decided("chore: x\0" + text).bump == bump_alone


@settings(max_examples=50)
@given(st.lists(TEXTS, min_size=2, max_size=3))
def test_the_order_of_messages_does_not_change_the_bump(texts: list[str]) -> None:
    decisions = [decide("\0".join(order)) for order in permutations(texts)]
    assert len({decision and decision.bump for decision in decisions}) == 1
