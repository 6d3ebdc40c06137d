"""The bump that commit messages require by Conventional Commits 1.0.0, and misleading messages."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monotron.model.conventional_commits import MAX_REASON_LENGTH, BumpDecision, Level, decide

MEBIBYTE = 1 << 20

FOOTER = "BREAKING CHANGE: x is gone"


def bump(*lines: str) -> Level:
    """The bump of one message, passed line by line."""
    decision = decide("\n".join(lines))
    assert decision is not None
    return decision.bump


def log(*messages: str) -> str:
    """The output of `git log --format=%B%x00`."""
    return "".join(f"{message}\n\0\n" for message in messages)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("feat: x", "minor"),
        ("feat(api): x", "minor"),
        ("feat(a b/c, d-e): x", "minor"),
        ("Feat: x", "minor"),
        ("FEAT(API): x", "minor"),
        ("feat:  x", "minor"),
        ("feat: x: y", "minor"),
        ("feat: é", "minor"),
        ("fix: x", "patch"),
        ("chore(deps): x", "patch"),
        ("build-ci_2: x", "patch"),
        ("feat!: x", "major"),
        ("feat(api)!: x", "major"),
        ("fix!: x", "major"),
        ("CHORE!: x", "major"),
        ("功能!: x", "major"),
        ("feature: x", "patch"),
        ("feats: x", "patch"),
        ("a feat: x", "patch"),
        ("feat : x", "patch"),
        ("feat(api) : x", "patch"),
        ("feat (api): x", "patch"),
        ("feat:x", "patch"),
        ("feat!:x", "patch"),
        ("feat:", "patch"),
        ("feat!:", "patch"),
        ("feat!: ", "patch"),
        ("feat", "patch"),
        ("feat!", "patch"),
        ("feat!!: x", "patch"),
        ("feat! : x", "patch"),
        ("feat !: x", "patch"),
        ("!: x", "patch"),
        (": x", "patch"),
        ("feat(): x", "patch"),
        ("feat()!: x", "patch"),
        ("feat(a)(b): x", "patch"),
        ("feat(a(b)): x", "patch"),
        ("feat(a: x", "patch"),
        ("feat!(a): x", "patch"),
        ("feat(a!): x", "minor"),
        ("feat: x!: y", "minor"),
        ("✨ feat!: x", "patch"),
        ("[core] feat!: x", "patch"),
        ("ABC-1 feat!: x", "patch"),
        ("* feat!: x", "patch"),
        ("> feat!: x", "patch"),
        ("# feat!: x", "patch"),
        ("Update the readme", "patch"),
        ("1.2.3", "patch"),
    ],
)
def test_a_header_requires_a_bump(header: str, expected: Level) -> None:
    assert decide(header) == BumpDecision(expected, header.strip())


@pytest.mark.parametrize(
    "header",
    [
        "revert: feat!: x",
        'Revert "feat!: x"',
        'Revert "Revert "feat!: x""',
        'Reapply "feat!: x"',
        "revert feat!: x",
        "fixup! feat!: x",
        "squash! feat: x",
        "amend! feat(api)!: x",
        "fixup! fixup! feat: x",
        "Merge branch 'feat!: x'",
        "Merge pull request #12 from a/feat-b",
        "Merge remote-tracking branch 'origin/feat'",
        "Merge tag 'v1.2.3' into main",
    ],
)
def test_a_header_that_quotes_another_is_a_patch(header: str) -> None:
    assert decide(f"{header}\n\nThis reverts commit 7d4c379588.") == BumpDecision("patch", header)


def test_a_revert_can_be_a_breaking_change_itself() -> None:
    assert bump("revert!: feat: x") == "major"
    assert bump('Revert "feat: x"', "", "This reverts commit 7d4c379588.", "", FOOTER) == "major"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (["", FOOTER], FOOTER),
        (["", "BREAKING-CHANGE: x is gone"], "BREAKING-CHANGE: x is gone"),
        ([FOOTER], FOOTER),
        (["", "Prose.", "", FOOTER], FOOTER),
        (["", "", "", FOOTER, ""], FOOTER),
        (["", FOOTER, "and so is y"], FOOTER),
        (["", FOOTER, "", "More on x.", "", "More yet.", "", "Refs: #1"], FOOTER),
        (["", FOOTER, "", "Prose after it."], FOOTER),
        (["", "Refs: #1", FOOTER], FOOTER),
        (["", "Closes #1", FOOTER], FOOTER),
        (["", "Reviewed-by: Z", "  and others", FOOTER], FOOTER),
        (["", "Reviewed-by: Z", "and others", FOOTER, "Refs: #1"], FOOTER),
        (["", "BREAKING CHANGE: none", FOOTER], FOOTER),
        (["", "BREAKING CHANGE:", "x is gone"], FOOTER),
        (["", "BREAKING CHANGE:", "", "x is gone"], FOOTER),
        (["", "BREAKING CHANGE:", "", "- x is gone"], "BREAKING CHANGE: - x is gone"),
        (["", "BREAKING CHANGE: no longer takes x"], "BREAKING CHANGE: no longer takes x"),
        (["", "BREAKING CHANGE: none of x stays"], "BREAKING CHANGE: none of x stays"),
        (["", "BREAKING CHANGE: <!-- what? --> y"], "BREAKING CHANGE:  y"),
        (["", "## Breaking changes", FOOTER], FOOTER),
        (["", "<!-- What breaks? -->", FOOTER], FOOTER),
        (["", "```", "code", "```", FOOTER], FOOTER),
        (["", "Escape <!-- in templates.", "", FOOTER], FOOTER),
        (["", "```", "never closed", "", FOOTER], FOOTER),
        (["", "````", "```", "````", "", FOOTER], FOOTER),
        (["", "```inline```", "", FOOTER, "", "```"], FOOTER),
        (["", "<!--", "```", "-->", "", FOOTER, "", "```"], FOOTER),
        (["", "Prose.", " <!-- What breaks? -->", FOOTER], FOOTER),
        (["", "BREAKING CHANGE:", "  x is gone"], FOOTER),
        (["", "<details> is an element.", "", FOOTER], FOOTER),
    ],
)
def test_a_breaking_change_footer_is_major(body: list[str], reason: str) -> None:
    assert decide("\n".join(["chore: y", *body])) == BumpDecision("major", reason)


@pytest.mark.parametrize(
    "body",
    [
        ["", "This is not a BREAKING CHANGE: no one used it."],
        ["", "A footer's token is", "BREAKING CHANGE: as the specification says."],
        ["", "Prose.", FOOTER],
        ["", "Prose.", "Refs: #1", FOOTER],
        ["", "  " + FOOTER],
        ["", "    " + FOOTER],
        ["", "\t" + FOOTER],
        ["", "> " + FOOTER],
        ["", "* " + FOOTER],
        ["", "- " + FOOTER],
        ["", "1. " + FOOTER],
        ["", "# " + FOOTER],
        ["", "`BREAKING CHANGE: x`"],
        ["", "**BREAKING CHANGE:** x"],
        ["", "Breaking change: x"],
        ["", "breaking change: x"],
        ["", "BREAKING CHANGES: x"],
        ["", "BREAKING_CHANGE: x"],
        ["", "BREAKING  CHANGE: x"],
        ["", "BREAKING CHANGE x"],
        ["", "BREAKING CHANGE #1"],
        ["", "BREAKING CHANGE:x"],
        ["", "BREAKING CHANGE : x"],
        ["", "BREAKING CHANGE:/BREAKING-CHANGE: footers count."],
        ["", "feat!: y"],
        ["", "feat: y"],
        ["", "* feat!: y"],
        ["", "```", FOOTER, "```"],
        ["", "```", "", FOOTER, "", "```"],
        ["", "```text", "", FOOTER, "```"],
        ["", "~~~", "", FOOTER, "~~~"],
        ["", "~~~ `a`", "", FOOTER, "~~~"],
        ["", "````", "```", "", FOOTER, "```", "````"],
        ["", "   ```", "", FOOTER, "   ```"],
        ["", "```", "```x", "", FOOTER, "```"],
        ["", "```", "never closed", "", "<!--", "", FOOTER, "-->", "", "```x"],
        ["", "<!-- a -->", "Escape <!-- too.", "", "```", "", FOOTER, "```"],
        ["", "<!--", "", FOOTER, "", "-->"],
        ["", "<!-- " + FOOTER + " -->"],
        ["", "Prose <!-- and", "", FOOTER, "", "-->"],
        ["", "<!--", "```", "-->", "", "<!--", "", FOOTER, "-->"],
        ["", "```", "<!--", "```", "", "<!--", "", FOOTER, "-->"],
        ["", "<details>", "<summary>Release notes</summary>", "", FOOTER, "", "</details>"],
    ],
)
def test_similar_text_in_a_body_is_not_a_breaking_change(body: list[str]) -> None:
    assert decide("\n".join(["fix: y", *body])) == BumpDecision("patch", "fix: y")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        " <!-- What breaks? -->",
        " <!-- What\n\nbreaks? -->",
        "\n<!-- What breaks? -->",
        "\n\nCloses #1",
        "\n\nRefs: #1",
        "\n\nRefs:",
        "\nRefs:\nReviewers:",
        "\n\nBREAKING CHANGE:",
        "\n\n## Checklist\n\nProse.",
        "\n\n---------\n\nCo-authored-by: A <a@example.com>",
        "\n\n- [ ] yes\n- [x] no",
        "\n\n(cherry picked from commit 7d4c379588)",
        "\n\nSee merge request a/b!12",
        " none",
        " None.",
        " NONE",
        " n/a",
        " N/A.",
        " no",
        " No.",
        " -",
        " —",
        " ...",
        " _none_",
        " **No**",
        " (none)",
        " none <!-- or what breaks -->",
        "\n\nNone",
        "\n- none",
    ],
)
def test_an_unfilled_template_is_not_a_breaking_change(value: str) -> None:
    assert decide(f"fix: y\n\nProse.\n\nBREAKING CHANGE:{value}") == BumpDecision("patch", "fix: y")


def test_a_footer_without_a_header_is_major() -> None:
    assert decide(FOOTER) == BumpDecision("major", FOOTER)
    assert bump("BREAKING-CHANGE: x") == "major"
    assert bump("BREAKING CHANGE: none") == "patch"
    assert bump("BREAKING CHANGE", "", "x") == "patch"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("Merge pull request #12 from a/feat-b", ""),
        ("Merge branch 'x' into 'main'", "See merge request a/b!12"),
        ("Merge branch 'x'", "Closes #1"),
        ("Merge remote-tracking branch 'origin/x'", ""),
        ("Merged in feature/x (pull request #3)", "Approved-by: Z"),
    ],
)
class TestMergeWithTitleInBody:
    @pytest.mark.parametrize(
        ("title", "expected"),
        [("feat: t", "minor"), ("fix(a)!: t", "major"), ("fix: t", "patch"), ("Feat: t", "minor")],
    )
    def test_the_title_of_a_merge_decides(
        self, first: str, last: str, title: str, expected: Level
    ) -> None:
        assert decide(f"{first}\n\n{title}\n\nProse.\n\n{last}") == BumpDecision(expected, title)

    def test_a_merge_without_a_conventional_title_is_a_patch(self, first: str, last: str) -> None:
        message = f"{first}\n\nAdd t\n\nfeat: not the title\n\n{last}"
        assert decide(message) == BumpDecision("patch", first)

    def test_a_merge_can_have_footers(self, first: str, last: str) -> None:
        assert decide(f"{first}\n\nfeat: t\n\n{FOOTER}\n{last}") == BumpDecision("major", FOOTER)
        assert decide(f"{first}\n\n{FOOTER}\n{last}") == BumpDecision("major", FOOTER)

    @pytest.mark.parametrize("token", ["Signed-off-by", "Co-Authored-By"])
    def test_a_trailer_is_not_the_title_of_a_merge(self, first: str, last: str, token: str) -> None:
        message = f"{first}\n\n{token}: Z <z@example.com>\n{last}"
        assert decide(message) == BumpDecision("patch", first)


@pytest.mark.parametrize(
    ("message", "expected", "reason"),
    [
        ("Merged PR 12: feat: t", "minor", "feat: t"),
        ("Merged PR 12: feat!: t\n\nRelated work items: #1", "major", "feat!: t"),
        ("Merged PR 12: Add t", "patch", "Add t"),
        ("Pull request #12: feat: t\n\nMerge in A/B from x to main", "minor", "feat: t"),
        ("Merge pull request 'feat: it's t' (#12) from a/b into main", "minor", "feat: it's t"),
        ("Merge pull request 'WIP: feat!: t' (#12) from x into main", "patch", "WIP: feat!: t"),
        ("Merge branch 'x'\n\n* x:\n  feat!: t\n\n# Conflicts:\n#\ty", "patch", "Merge branch 'x'"),
        ('Revert "x"\n\nfeat: t', "patch", 'Revert "x"'),
    ],
)
def test_a_merge_of_another_forge_has_its_title_in_the_header(
    message: str, expected: Level, reason: str
) -> None:
    assert decide(message) == BumpDecision(expected, reason)


class TestSquash:
    def test_a_squash_is_at_least_the_highest_of_its_commits(self) -> None:
        message = "fix: t (#1)\n\n* chore: a\n\n* feat!: b\n\nProse.\n\n* feat: c"
        assert decide(message) == BumpDecision("major", "feat!: b")

    def test_a_squash_is_at_least_its_own_header(self) -> None:
        assert decide("feat!: t (#1)\n\n* feat: a\n\n* fix: b") == BumpDecision(
            "major", "feat!: t (#1)"
        )

    def test_a_squash_can_list_commits_without_blank_lines(self) -> None:
        assert decide("Add t (#1)\n\n* fix: a\n* feat(b): c") == BumpDecision("minor", "feat(b): c")

    def test_a_squash_can_have_a_footer_in_a_commit(self) -> None:
        message = f"fix: t (#1)\n\n* fix: a\n\nProse.\n\n{FOOTER}\n\n* fix: b"
        assert decide(message) == BumpDecision("major", FOOTER)
        assert decide(f"fix: t (#1)\n\n* fix: a\n{FOOTER}") == BumpDecision("major", FOOTER)

    def test_a_squash_can_have_a_commit_that_is_a_footer(self) -> None:
        assert decide(f"fix: t (#1)\n\n* {FOOTER}") == BumpDecision("major", FOOTER)

    def test_the_next_commit_of_a_squash_ends_an_empty_footer(self) -> None:
        assert (
            bump("fix: t (#1)", "", "* fix: a", "", "BREAKING CHANGE:", "", "* fix: b") == "patch"
        )

    @pytest.mark.parametrize(
        "line",
        [
            "  * feat!: a",
            "- feat!: a",
            "*feat!: a",
            "*  feat!: a",
            "* Feat!: a",
            "* feat!:a",
            "* feat!:",
            "* fixup! feat!: a",
            '* Revert "feat!: a"',
            "* Merge branch 'feat!: a'",
            "* BREAKING CHANGE: none",
            "* BREAKING CHANGES: a",
            "```\n* feat!: a\n```",
            "<!--\n* feat!: a\n-->",
            "<details>\n\n* feat!: a\n\n</details>",
        ],
    )
    def test_another_list_is_not_a_list_of_squashed_commits(self, line: str) -> None:
        assert decide(f"fix: t (#1)\n\n{line}\n") == BumpDecision("patch", "fix: t (#1)")

    @pytest.mark.parametrize(
        "header",
        ["docs: t", "docs: t (#1) again", "docs: t (1)", "docs: t(#1)", 'Revert "feat: t (#1)"'],
    )
    def test_a_squash_has_a_request_number(self, header: str) -> None:
        message = f"{header}\n\n* feat: is a type we document\n* {FOOTER}"
        assert decide(message) == BumpDecision("patch", header)

    def test_a_squash_on_gitlab_has_a_last_line(self) -> None:
        message = "Merge branch 'x' into 'main'\n\nfix: t\n\n* feat: a\n\nSee merge request a/b!12"
        assert decide(message) == BumpDecision("minor", "feat: a")

    def test_a_squash_on_bitbucket_has_a_first_line(self) -> None:
        message = "Merged in x (pull request #3)\n\nfix: t\n\n* feat: a\n\n* fix: b"
        assert decide(message) == BumpDecision("minor", "feat: a")


class TestSquashByGit:
    BLOCK = "commit 7d4c379588\nAuthor: A <a@example.com>\nDate:   Mon Nov 23 18:19:00 2026\n\n"
    HEADING = "Squashed commit of the following:\n\n"

    def squash(self, *commits: str) -> str:
        """The message that `git merge --squash` proposes."""
        indented = (commit.replace("\n", "\n    ") for commit in commits)
        return self.HEADING + "\n\n".join(f"{self.BLOCK}    {commit}" for commit in indented)

    def test_a_squash_by_git_is_the_highest_of_its_commits(self) -> None:
        assert decide(self.squash("fix: a", "feat: b", "feat: c")) == BumpDecision(
            "minor", "feat: b"
        )
        assert decide(self.squash("fix: a\n\nProse.", "fix!: b")) == BumpDecision(
            "major", "fix!: b"
        )
        assert bump(self.squash("fix: a", "Merge branch 'feat!: b'")) == "patch"

    def test_a_squash_by_git_can_have_footers_in_its_commits(self) -> None:
        squash = self.squash(f"fix: a\n\nProse.\n\n{FOOTER}\n\nMore.", "fix: b")
        assert decide(squash) == BumpDecision("major", FOOTER)

    def test_a_squash_by_git_ignores_the_prose_of_its_commits(self) -> None:
        squash = self.squash(f"fix: a\n\nProse\n{FOOTER}\n\n    {FOOTER}\n\nfeat: b")
        assert bump(squash) == "patch"

    def test_a_squash_by_git_can_have_its_own_header_and_footers(self) -> None:
        squash = self.squash("fix: a", "fix: b")
        assert decide(f"feat: own\n\n{squash}") == BumpDecision("minor", "feat: own")
        assert decide(f"fix: own\n\n{squash}\n\n{FOOTER}") == BumpDecision("major", FOOTER)
        assert decide(f"fix: own\n\n{squash}\n\nProse.\n\n{FOOTER}") == BumpDecision(
            "major", FOOTER
        )
        assert bump(f"fix: own\n\n{squash}\n\nProse.\n{FOOTER}") == "patch"

    def test_a_squash_within_a_squash_is_not_opened(self) -> None:
        assert bump(self.squash(self.squash("feat!: a"))) == "patch"

    @pytest.mark.parametrize(
        "text",
        [
            HEADING.strip(),
            HEADING + "feat!: a",
            HEADING + "    feat!: a",
            HEADING + BLOCK.strip(),
            HEADING + BLOCK,
            HEADING + "commit \n\n    feat!: a",
            "docs: t\n\n> " + HEADING + BLOCK + "    feat!: a",
            BLOCK + "    feat!: a",
        ],
    )
    def test_a_squash_by_git_has_a_heading_and_commits(self, text: str) -> None:
        assert bump(text) == "patch"


class TestSeveralMessages:
    def test_the_highest_bump_of_several_messages_decides(self) -> None:
        text = log("fix: a", "feat: b", "chore: c\n\nBREAKING-CHANGE: d", "feat: e")
        assert decide(text) == BumpDecision("major", "BREAKING-CHANGE: d")

    def test_the_first_message_with_the_highest_bump_is_the_reason(self) -> None:
        assert decide(log("fix: a", "feat: b", "feat: c")) == BumpDecision("minor", "feat: b")
        assert decide(log("Prose", "fix: b")) == BumpDecision("patch", "Prose")
        assert decide(log("feat!: a\n\n" + FOOTER)) == BumpDecision("major", "feat!: a")

    def test_a_footer_belongs_to_one_message(self) -> None:
        assert decide(log("fix: a\n\nProse", FOOTER)) == BumpDecision("major", FOOTER)
        assert decide(log("fix: a\n\n<!--", "feat: b\n\n-->")) == BumpDecision("minor", "feat: b")

    def test_only_nul_separates_messages(self) -> None:
        assert decide("fix: a\n\nfeat: b\n\nfeat!: c\n") == BumpDecision("patch", "fix: a")

    def test_empty_messages_do_not_count(self) -> None:
        assert decide("\0\0 \n\0\ufeff\0fix: a\0\0") == BumpDecision("patch", "fix: a")

    @pytest.mark.parametrize("text", ["", " ", "\n", "\r\n\t\0 \0\n", "\ufeff", "\0" * MEBIBYTE])
    def test_a_text_without_messages_has_no_decision(self, text: str) -> None:
        assert decide(text) is None


class TestWhiteSpace:
    MESSAGE = f"\n\nfix: a\n\nProse.\n\nRefs: #1\n{FOOTER}\n\nfeat: no header\n"

    @pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", " \n", "\t\r\n"])
    def test_every_line_break_of_git_is_accepted(self, line_break: str) -> None:
        assert decide(self.MESSAGE.replace("\n", line_break)) == BumpDecision("major", FOOTER)

    def test_a_byte_order_mark_is_dropped(self) -> None:
        assert decide("\ufefffeat: a\0\n\ufefffix: b") == BumpDecision("minor", "feat: a")
        assert decide("feat: a\ufeffb") == BumpDecision("minor", "feat: ab")

    def test_white_space_after_a_header_is_not_a_description(self) -> None:
        assert decide("feat!:  \n\nProse.") == BumpDecision("patch", "feat!:")

    def test_white_space_around_a_header_is_dropped(self) -> None:
        assert decide(" \n\t\n  feat: a  \n") == BumpDecision("minor", "feat: a")

    def test_a_blank_line_ends_a_paragraph(self) -> None:
        assert bump("fix: a", "", "Prose.", " \t", FOOTER) == "major"

    @pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
    def test_other_line_separators_do_not_break_a_line(self, character: str) -> None:
        assert bump("fix: a", "", f"Prose{character}{character}{FOOTER}") == "patch"

    def test_a_message_without_its_line_breaks_is_a_header(self) -> None:
        assert bump(f"fix: a{FOOTER}") == "patch"


class TestReason:
    def test_a_reason_is_cut_at_its_maximum_length(self) -> None:
        assert decide("feat: " + "🚀" * 500) == BumpDecision("minor", "feat: " + "🚀" * 194)
        assert decide("fix: a\n\nBREAKING CHANGE: " + "x" * MEBIBYTE) == BumpDecision(
            "major", "BREAKING CHANGE: " + "x" * 183
        )

    def test_a_cut_reason_does_not_end_in_a_space(self) -> None:
        assert decide("x" * 199 + " y") == BumpDecision("patch", "x" * 199)

    def test_control_characters_in_a_reason_become_spaces(self) -> None:
        assert decide("feat: a\tb\x1b[31mc\x9b\x7fd\u2028e") == BumpDecision(
            "minor", "feat: a b [31mc d e"
        )

    def test_a_tab_in_an_invalid_header_becomes_a_space(self) -> None:
        assert decide("feat:\tx") == BumpDecision("patch", "feat: x")

    def test_a_reason_of_control_characters_is_empty(self) -> None:
        assert decide("\x01\x02") == BumpDecision("patch", "")


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
        ("", " (#1", ""),
        ("x (#", "1", ""),
        ("Merge pull request '", "' (#1", ""),
        ("Squashed commit of the following:\n", "\ncommit a\n\n    a\n", ""),
        ("Squashed commit of the following:\n", "\ncommit a", ""),
        ("", "Squashed commit of the following:\n\ncommit a\n\n    ", ""),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_mebibyte_of_repeated_text_is_decided_in_time(before: str, unit: str, after: str) -> None:
    decision = decide(before + unit * (MEBIBYTE // len(unit)) + after)
    assert decision is not None
    assert decision.bump == "patch"


PIECES = st.sampled_from(
    [
        *["feat", "fix", "!", ": x", "(a)", "BREAKING CHANGE:", " none", " x", "Refs: #1"],
        *["\n", "\n\n", "\r\n", "\0", "    ", "* feat: x", " (#1)", "Merge branch 'x'", "\x1b"],
        *["```", "<!--", "-->", "<details>", "</details>"],
        *["Squashed commit of the following:\n", "commit 7d4c37\n"],
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=20).map("".join))
LEVELS: list[Level] = ["patch", "minor", "major"]


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_every_text_with_a_message_has_a_bump(text: str) -> None:
    decision = decide(text)
    if decision is None:
        assert not text.replace("\0", "").replace("\ufeff", "").strip()
    else:
        assert decision.bump in LEVELS
        assert len(decision.reason) <= MAX_REASON_LENGTH
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in decision.reason)


@settings(max_examples=75, deadline=None)
@given(TEXTS)
def test_an_additional_chore_never_lowers_the_bump(text: str) -> None:
    alone = decide(text) or BumpDecision("patch", "")
    for more in (decide(text + "\0chore: x"), decide("chore: x\0" + text)):
        assert more is not None
        assert more.bump == alone.bump


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=3))
def test_the_order_of_messages_does_not_change_the_bump(texts: list[str]) -> None:
    decisions = [decide("\0".join(order)) for order in permutations(texts)]
    assert len({decision and decision.bump for decision in decisions}) == 1
