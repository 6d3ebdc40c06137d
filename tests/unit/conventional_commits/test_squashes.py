"""Commits that the message of a squash merge lists."""

import pytest

from monotron.model.component_keys import Component
from support.commits import FOOTER, bump, bump_and_reason


class TestSquash:
    def test_a_squash_is_at_least_the_highest_of_its_commits(self) -> None:
        message = "fix: t (#1)\n\n* chore: a\n\n* feat!: b\n\nProse.\n\n* feat: c"
        assert bump_and_reason(message) == ("major", "feat!: b")

    def test_a_squash_is_at_least_its_own_header(self) -> None:
        assert bump_and_reason("feat!: t (#1)\n\n* feat: a\n\n* fix: b") == (
            "major",
            "feat!: t (#1)",
        )

    def test_a_squash_can_list_commits_without_blank_lines(self) -> None:
        assert bump_and_reason("Add t (#1)\n\n* fix: a\n* feat(b): c") == ("minor", "feat(b): c")

    def test_a_squash_can_have_a_footer_in_a_commit(self) -> None:
        message = f"fix: t (#1)\n\n* fix: a\n\nProse.\n\n{FOOTER}\n\n* fix: b"
        assert bump_and_reason(message) == ("major", FOOTER)
        assert bump_and_reason(f"fix: t (#1)\n\n* fix: a\n{FOOTER}") == ("major", FOOTER)

    def test_a_squash_can_have_a_commit_that_is_a_footer(self) -> None:
        assert bump_and_reason(f"fix: t (#1)\n\n* {FOOTER}") == ("major", FOOTER)

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
            "```\n* feat!: a\n```",
            "<!--\n* feat!: a\n-->",
            "<details>\n\n* feat!: a\n\n</details>",
        ],
    )
    def test_another_list_is_not_a_list_of_squashed_commits(self, line: str) -> None:
        assert bump_and_reason(f"fix: t (#1)\n\n{line}\n") == ("patch", "fix: t (#1)")

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("* ABC-12: feat: a", "minor"),
            ("* [ABC-12] feat!: a", "major"),
            ("* ✨ feat: a", "minor"),
            ("* :boom: fix!: a", "major"),
            ("* feat!(b): a", "major"),
            ("* feat：a", "minor"),
            ("* BREAKING CHANGES: a", "major"),
        ],
    )
    def test_a_listed_commit_can_have_text_around_its_type(
        self, line: str, expected: Component
    ) -> None:
        assert bump_and_reason(f"fix: t (#1)\n\n{line}") == (expected, line[2:])

    @pytest.mark.parametrize("line", ["* ✨ Add a", "* :boom: Remove a", "* 💥 **Breaking:** none"])
    def test_a_list_of_prose_with_emoji_does_not_list_commits(self, line: str) -> None:
        assert bump_and_reason(f"fix: t (#1)\n\n{line}") == ("patch", "fix: t (#1)")

    @pytest.mark.parametrize(
        "number", ["(#12)", "(!12)", "(group/project!12)", "(a/b.c/d-e!12)", "(pull request #12)"]
    )
    def test_a_squash_title_can_end_with_the_number_of_its_request(self, number: str) -> None:
        assert bump(f"fix: t {number}", "", "* feat: a") == "minor"

    @pytest.mark.parametrize(
        "number", ["!12", "(12)", "(!)", "(!12", "(!12) x", "(project !12)", "(/!12)", "(a//b!12)"]
    )
    def test_another_ending_is_not_the_number_of_a_request(self, number: str) -> None:
        assert bump(f"fix: t {number}", "", "* feat: a") == "patch"

    @pytest.mark.parametrize(
        "header",
        ["docs: t", "docs: t (#1) again", "docs: t (1)", "docs: t(#1)", 'Revert "feat: t (#1)"'],
    )
    def test_a_squash_has_a_request_number(self, header: str) -> None:
        message = f"{header}\n\n* feat: is a type we document\n* {FOOTER}"
        assert bump_and_reason(message) == ("patch", header)

    def test_a_squash_on_gitlab_has_a_last_line(self) -> None:
        message = "Merge branch 'x' into 'main'\n\nfix: t\n\n* feat: a\n\nSee merge request a/b!12"
        assert bump_and_reason(message) == ("minor", "feat: a")

    def test_a_squash_on_bitbucket_has_a_first_line(self) -> None:
        message = "Merged in x (pull request #3)\n\nfix: t\n\n* feat: a\n\n* fix: b"
        assert bump_and_reason(message) == ("minor", "feat: a")


class TestSquashByGit:
    BLOCK = "commit 7d4c379588\nAuthor: A <a@example.com>\nDate:   Mon Nov 23 18:19:00 2026\n\n"
    HEADING = "Squashed commit of the following:\n\n"

    def squash(self, *commits: str) -> str:
        """The message that `git merge --squash` proposes."""
        indented = (commit.replace("\n", "\n    ") for commit in commits)
        return self.HEADING + "\n\n".join(f"{self.BLOCK}    {commit}" for commit in indented)

    def test_a_squash_by_git_is_the_highest_of_its_commits(self) -> None:
        assert bump_and_reason(self.squash("fix: a", "feat: b", "feat: c")) == ("minor", "feat: b")
        assert bump_and_reason(self.squash("fix: a\n\nProse.", "fix!: b")) == ("major", "fix!: b")
        assert bump(self.squash("fix: a", "Merge branch 'feat!: b'")) == "patch"

    def test_a_squash_by_git_can_have_footers_in_its_commits(self) -> None:
        squash = self.squash(f"fix: a\n\nProse.\n\n{FOOTER}\n\nMore.", "fix: b")
        assert bump_and_reason(squash) == ("major", FOOTER)

    def test_a_squash_by_git_ignores_the_prose_of_its_commits(self) -> None:
        squash = self.squash(f"fix: a\n\nProse\n{FOOTER}\n\n    {FOOTER}\n\nfeat: b")
        assert bump(squash) == "patch"

    def test_a_squash_by_git_can_have_its_own_header_and_footers(self) -> None:
        squash = self.squash("fix: a", "fix: b")
        assert bump_and_reason(f"feat: own\n\n{squash}") == ("minor", "feat: own")
        assert bump_and_reason(f"fix: own\n\n{squash}\n\n{FOOTER}") == ("major", FOOTER)
        assert bump_and_reason(f"fix: own\n\n{squash}\n\nProse.\n\n{FOOTER}") == ("major", FOOTER)
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
