"""The rules of a caller: skipped types, types that request a minor, markers, strict reading."""

import pytest

from monotron.model.component_keys import Component
from monotron.model.conventional_commits import CommitRules, decide
from support.commits import FOOTER, SKIP_DOCS, STRICT, bump_and_reason, decided, log

NONE = "No commit requests a version. "


class TestSkippedTypes:
    @pytest.mark.parametrize(
        "message", ["docs: x", "Docs(a): x", "ABC-1: docs: x", "📝 docs: x", "docs: x\n\nfeat: y"]
    )
    def test_a_commit_of_a_skipped_type_requests_no_version(self, message: str) -> None:
        header = message.split("\n")[0]
        assert bump_and_reason(message, SKIP_DOCS) == (
            None,
            f"{NONE}The newest has the skipped type docs: {header}",
        )

    @pytest.mark.parametrize("message", ["docs!: x", "docs!(a): x", f"docs: x\n\n{FOOTER}"])
    def test_a_breaking_commit_of_a_skipped_type_is_major(self, message: str) -> None:
        assert decided(message, SKIP_DOCS).bump == "major"

    @pytest.mark.parametrize("message", ["fix: x", "Docs", "docs", "docs:x", "Update the docs"])
    def test_a_commit_without_a_skipped_type_is_a_patch(self, message: str) -> None:
        assert bump_and_reason(message, SKIP_DOCS) == ("patch", message)

    def test_a_skipped_commit_does_not_hide_another(self) -> None:
        assert bump_and_reason(log("docs: a", "fix: b", "docs: c"), SKIP_DOCS) == (
            "patch",
            "fix: b",
        )

    def test_a_squash_of_skipped_commits_requests_no_version(self) -> None:
        text = "docs: t (#1)\n\n* docs: a\n\n* docs: b"
        assert decided(text, SKIP_DOCS).bump is None
        assert bump_and_reason(text + "\n\n* fix: c", SKIP_DOCS) == ("patch", "fix: c")

    def test_several_types_can_be_skipped(self) -> None:
        rules = CommitRules(skip_types=frozenset({"docs", "ci", "CHORE"}))
        assert decided(log("docs: a", "ci: b", "chore(deps): c"), rules).bump is None

    def test_a_skipped_type_does_not_request_a_minor(self) -> None:
        rules = CommitRules(skip_types=frozenset({"feat"}))
        assert decided("feat: x", rules).bump is None

    def test_a_revert_of_a_released_commit_can_be_skipped(self) -> None:
        rules = CommitRules(skip_types=frozenset({"revert"}))
        assert decided(log('Revert "feat: x"', "revert: fix: y"), rules).bump is None


class TestSkipMarkers:
    @pytest.mark.parametrize("marker", ["[skip release]", "[no release]", "[Skip Release]"])
    @pytest.mark.parametrize(
        "message",
        [
            "feat: x {}",
            "{} feat!: x",
            "x {}\n\nProse.",
            "feat: x\n\n{}",
            "feat: x\n{}\n\nRefs: #1",
            "feat: x\n\nProse.\n  {}  \n" + FOOTER,
            "feat: x (#1) {}\n\n* feat: a",
            "feat: x (#1)\n\n* feat: a\n\n{}",
            "feat: x (#1)\n\n* feat: a {}",
            "Merge pull request #1 from a/b\n\nfeat: x {}",
        ],
    )
    def test_a_commit_with_a_marker_requests_no_version(self, message: str, marker: str) -> None:
        decision = decided(message.format(marker))
        if "* feat: a [" in message.format(marker):  # of two commits, one is marked
            assert (decision.bump, decision.reason) == ("minor", "feat: x (#1)")
        else:
            assert decision.bump is None
            assert decision.reason.startswith(NONE + "The newest contains [skip release] or")

    @pytest.mark.parametrize(
        "message",
        [
            "feat: x\n\nProse about [skip release].",
            "feat: x\n\n* [skip release]",
            "feat: x\n\n```\n[skip release]\n```",
            "feat: x\n\n<!--\n[skip release]\n-->",
            "feat: x\n\n> [skip release]",
            "feat: skip release",
            "feat: x [skip ci]",
            "feat: x [skip-release]",
        ],
    )
    def test_similar_text_is_not_a_marker(self, message: str) -> None:
        assert decided(message).bump == "minor"

    def test_a_marker_belongs_to_one_message(self) -> None:
        text = log("feat: a [skip release]", "fix: b")
        assert bump_and_reason(text) == ("patch", "fix: b")

    def test_a_marker_in_a_commit_of_a_squash_by_git_belongs_to_this_commit(self) -> None:
        block = "commit 7d4c379588\nAuthor: A\n\n    {}\n\n    {}\n"
        text = "t\n\nSquashed commit of the following:\n\n" + "\n".join(
            [block.format("feat: a", "[skip release]"), block.format("fix: b", "Prose.")]
        )
        assert bump_and_reason(text) == ("patch", "t")


class TestMinorTypes:
    RULES = CommitRules(minor_types=frozenset({"feature", "Perf"}))

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("feature: x", "minor"),
            ("PERF(a): x", "minor"),
            ("ABC-1: perf: x", "minor"),
            ("feat: x", "patch"),
            ("fix!: x", "major"),
            ("✨ Add x", "minor"),
        ],
    )
    def test_the_listed_types_request_a_minor(self, header: str, expected: Component) -> None:
        assert bump_and_reason(header, self.RULES) == (expected, header)

    def test_no_type_can_request_a_minor(self) -> None:
        assert decided("feat: x", CommitRules(minor_types=frozenset())).bump == "patch"


class TestReleaseAs:
    @pytest.mark.parametrize(
        "line",
        [
            "Release-As: 2.5.0",
            "release-as: 2.5.0",
            "RELEASE-AS: v2.5.0",
            "Release-As:  2.5.0",
            "Release-As: V2.5.0",
        ],
    )
    @pytest.mark.parametrize(
        "message", ["chore: x\n\n{}", "chore: x\n\nRefs: #1\n{}", "x (#1)\n\n* fix: a\n\n{}", "{}"]
    )
    def test_a_footer_requests_an_exact_version(self, message: str, line: str) -> None:
        decision = decided(message.format(line))
        (release_as,) = decision.release_as
        assert (str(release_as.version), release_as.line) == ("2.5.0", line)
        assert decision.bump == "patch"
        assert decision.notes == ()

    @pytest.mark.parametrize(
        "line",
        [
            "Release-As: 2.5",
            "Release-As: 2.5.0-rc.1",
            "Release-As: 02.5.0",
            "Release-As: 2.5.0 or so",
            "Release-As: latest",
            f"Release-As: {'9' * 5000}.0.0",
            "Release-As: ٢.5.0",
            "Prose.\nRelease-As: 2.5.0",
            "> Release-As: 2.5.0",
            "Release As: 2.5.0",
            "Release-As 2.5.0",
        ],
        ids=lambda line: line[:24],
    )
    def test_another_value_or_place_is_ignored_with_a_note(self, line: str) -> None:
        decision = decided(f"fix: x\n\n{line}")
        assert decision.release_as == ()
        (note,) = decision.notes
        assert note.startswith("This line resembles Release-As")

    def test_the_footers_are_ordered_newest_first_without_repetitions(self) -> None:
        text = log(
            "a\n\nRelease-As: 3.0.0\nRelease-As: 2.0.0",
            "b\n\nRelease-As: v3.0.0",
            "c\n\nRelease-As: 1.0.0",
        )
        assert [str(item.version) for item in decided(text).release_as] == [
            "3.0.0",
            "2.0.0",
            "1.0.0",
        ]

    def test_the_number_of_footers_is_bounded(self) -> None:
        text = log(*(f"a\n\nRelease-As: 1.0.{number}" for number in range(30)))
        assert [item.version.patch for item in decided(text).release_as] == list(range(10))

    def test_a_commit_of_a_skipped_type_can_have_the_footer(self) -> None:
        decision = decided("docs: x\n\nRelease-As: 2.0.0", SKIP_DOCS)
        assert decision.bump is None
        assert [str(item.version) for item in decision.release_as] == ["2.0.0"]

    def test_the_footer_of_a_commit_that_does_not_count_is_ignored(self) -> None:
        assert decided("fix: x [skip release]\n\nRelease-As: 2.0.0").release_as == ()
        assert decided(log('Revert "fix: x"', "fix: x\n\nRelease-As: 2.0.0")).release_as == ()


class TestStrict:
    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            ("feat: x", "minor"),
            ("Feat(a): x", "minor"),
            ("fix: x", "patch"),
            ("feat!: x", "major"),
            ("feat(a)!: x", "major"),
            ("fix: x\n\nBREAKING CHANGE: y", "major"),
            ("fix: x\n\nBREAKING-CHANGE: y", "major"),
            ("fix: x\n\nProse.\n\nRefs: #1\nBREAKING CHANGE: y", "major"),
            ("fix: x\n\nBREAKING CHANGE: none", "major"),
            ("Update x", "patch"),
            ("ABC-1: feat: x", "patch"),
            ("[ABC-1] feat!: x", "patch"),
            ("#12 feat: x", "patch"),
            ("✨ feat!: x", "patch"),
            ("✨ Add x", "patch"),
            ("💥 Remove x", "patch"),
            (":boom: Remove x", "patch"),
            ("feat：x", "patch"),
            ("feat!(a): x", "patch"),
            ("fix: x\nBREAKING CHANGE: y", "patch"),
            ("fix: x\n\nProse.\nBREAKING CHANGE: y", "patch"),
            ("fix: x\n\nBREAKING CHANGE:\ny", "patch"),
            ("fix: x\n\nBREAKING CHANGES: y", "patch"),
            ("fix: x\n\nBREAKING: y", "patch"),
            ("fix: x\n\n**BREAKING CHANGE**: y", "patch"),
            ("fix: x (#1)\n\n* feat: a", "patch"),
            ("fix: x (!1)\n\n* feat: a", "patch"),
            ("Merge pull request #1 from a/b\n\nfeat: x", "patch"),
            ("Merged PR 1: feat: x", "patch"),
            ("Squashed commit of the following:\n\ncommit 7d\n\n    feat: x", "patch"),
        ],
    )
    def test_only_the_forms_of_the_specification_count(
        self, message: str, expected: Component
    ) -> None:
        assert decided(message, STRICT).bump == expected

    def test_reverts_are_commits_like_others(self) -> None:
        text = log('Revert "feat: x"', "feat: x")
        assert bump_and_reason(text, STRICT) == ("minor", "feat: x")
        assert bump_and_reason("revert: feat: x", STRICT) == ("patch", "revert: feat: x")

    def test_the_other_rules_apply(self) -> None:
        rules = CommitRules(frozenset({"docs"}), frozenset({"perf"}), strict=True)
        assert decided(log("docs: x", "fix: y [skip release]"), rules).bump is None
        assert decided("perf: x", rules).bump == "minor"
        assert decided("x\n\nRelease-As: 2.0.0", rules).release_as[0].version.major == 2

    def test_a_form_that_only_others_accept_is_noted(self) -> None:
        for header in ("✨ feat: x", "ABC-1: feat: x", "✨ Add x", "feat：x", "fix!(a): x"):
            (note,) = decided(header, STRICT).notes
            assert note.endswith(header)


class TestDecision:
    def test_the_messages_are_counted(self) -> None:
        assert decided(log("a", "b (#1)\n\n* feat: c", "a")).messages == 3

    def test_a_text_without_messages_has_no_decision(self) -> None:
        assert decide("\0\n\0", SKIP_DOCS) is None

    def test_the_newest_commit_explains_why_no_version_is_needed(self) -> None:
        text = log("docs: a", "fix: b [skip release]")
        assert (
            decided(text, SKIP_DOCS).reason
            == f"{NONE}The newest has the skipped type docs: docs: a"
        )
