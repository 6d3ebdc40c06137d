"""Notes on text that resembles a marker, but was not used."""

import pytest

from monotron.model.conventional_commits import MAX_NOTE_LENGTH, MAX_NOTES, CommitRules
from support.commits import FOOTER, MEBIBYTE, SKIP_DOCS, decided, log


@pytest.mark.parametrize(
    ("message", "what", "line"),
    [
        ("feature: x", "the type feat", "feature: x"),
        ("features(a): x", "the type feat", "features(a): x"),
        ("feats: x", "the type feat", "feats: x"),
        ("Feat x", "the type feat", "Feat x"),
        ("feat x", "the type feat", "feat x"),
        ("Feat:x", "the type feat", "Feat:x"),
        ("feat : x", "the type feat", "feat : x"),
        ("feat(): x", "the type feat", "feat(): x"),
        ("feat (a): x", "the type feat", "feat (a): x"),
        ("feat（a）：x", "the type feat", "feat（a）：x"),
        ("[core] feat: x", "the type feat", "[core] feat: x"),
        ("ABC-1 feat: x", "the type feat", "ABC-1 feat: x"),
        ("* feat: x", "the type feat", "* feat: x"),
        ("feat!:x", "a breaking change", "feat!:x"),
        ("fix! : x", "a breaking change", "fix! : x"),
        ("fix !: x", "a breaking change", "fix !: x"),
        ("fix!!: x", "a breaking change", "fix!!: x"),
        ("[core] fix!: x", "a breaking change", "[core] fix!: x"),
        ("💥 fix: x", "a breaking change", "💥 fix: x"),
        ("✨ fix: x", "the type feat", "✨ fix: x"),
        ("fix: x\n\nNot a BREAKING CHANGE here.", "a breaking change",
         "Not a BREAKING CHANGE here."),
        ("fix: x\n\nBreaking change: y", "a breaking change", "Breaking change: y"),
        ("fix: x\n\n**BREAKING CHANGE:** y", "a breaking change", "**BREAKING CHANGE:** y"),
        ("fix: x\n\n- BREAKING: y", "a breaking change", "- BREAKING: y"),
        ("fix: x\n\nBREAKING_CHANGE: y", "a breaking change", "BREAKING_CHANGE: y"),
        ("fix: x\n\nBREAKING CHANGE：y", "a breaking change", "BREAKING CHANGE：y"),
        (f"fix: x\n\nProse.\n{FOOTER}", "a breaking change", FOOTER),
        ("fix: x\n\nfeat: y", "the type feat", "feat: y"),
        ("fix: x\n\n* feat(a): y", "the type feat", "* feat(a): y"),
        ("fix: x\n\n- chore!: y", "a breaking change", "- chore!: y"),
        ("fix: x\n\nProse [skip release].", "[skip release]", "Prose [skip release]."),
        ("fix: x [skip-release]", "[skip release]", "fix: x [skip-release]"),
        ("fix: x (#1)\n\n* ✨ Add y", "the type feat", "* ✨ Add y"),
    ],
)  # fmt: skip
def test_a_line_that_resembles_a_marker_is_noted(message: str, what: str, line: str) -> None:
    assert decided(message).notes == (f"This line resembles {what}, but was not used: {line}",)


@pytest.mark.parametrize(
    "message",
    [
        "feat: x",
        "fix: x",
        "fix!: feature: x",
        "Update x",
        "Feature flags are documented",
        "Fix x",
        "Fix: x",
        "Docs x",
        "docs: explain feat: messages",
        "fix: x\n\nProse.\n\nRefs: #1",
        "fix: x\n\nBREAKING CHANGE: none",
        "fix: x\n\nBREAKING CHANGE:",
        "fix: x\n\n**BREAKING CHANGES**:\n\nNone.",
        f"fix: x\n\n{FOOTER}\n\nThis BREAKING CHANGE is large.",
        "feat: x\n\nfeat: y",
        "fix: x (#1)\n\n* feat: a",
        "fix: x\n\n```\nfeat: y\n```",
        "fix: x\n\n<!-- BREAKING CHANGE: describe it -->",
        "fixup! feat!: x",
        'Revert "feat!: x"',
        "revert: feat!: x",
        'Reapply "feat: x"',
        "feature: x [skip release]",
        "🐛 fix: x",
        "Wow! Look: x",
        "1.2.3",
        "Merge branch 'feat: x'",
    ],
)
def test_other_text_is_not_noted(message: str) -> None:
    assert decided(message).notes == ()


def test_the_types_of_the_rules_are_noted() -> None:
    assert decided("docs:x", SKIP_DOCS).notes == (
        "This line resembles the type docs, but was not used: docs:x",
    )
    rules = CommitRules(minor_types=frozenset({"feature"}))
    assert decided("feature: x", rules).notes == ()
    assert decided("Feature x", rules).notes == (
        "This line resembles the type feature, but was not used: Feature x",
    )


def test_a_reverted_commit_is_not_noted() -> None:
    assert decided(log('Revert "feature: x"', "feature: x")).notes == ()


def test_a_note_appears_once() -> None:
    assert len(decided(log("feature: x", "fix: y\n\nfeat: z\nfeat: z", "feature: x")).notes) == 2


def test_the_notes_are_ordered_newest_first() -> None:
    notes = decided(log("feature: a", "fix: y\n\nfeat: b\nfeat: c", "feature: d")).notes
    assert [note[-1] for note in notes] == ["a", "b", "c", "d"]


def test_the_number_of_notes_is_bounded() -> None:
    notes = decided(log(*(f"feature: {number}" for number in range(50)))).notes
    assert len(notes) == MAX_NOTES == 10
    assert notes[-1].endswith("feature: 9")


@pytest.mark.parametrize(
    "message", ["feature: " + "x" * MEBIBYTE, "fix: x\n\n" + "x BREAKING CHANGE" * 60_000]
)
def test_a_long_line_is_cut(message: str) -> None:
    (note,) = decided(message).notes
    assert len(note) == MAX_NOTE_LENGTH == 200


def test_a_note_has_no_control_characters() -> None:
    (note,) = decided("feature: a\x1b[31m\tb\u202ec\x85d").notes
    assert note.endswith("feature: a [31m b c d")
