"""The bump that the header of a message requires, and the headers of merge commits."""

import pytest

from monotron.model.component_keys import Component
from support.commits import FOOTER, bump, bump_and_reason


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
        ("feat(a!): x", "minor"),
        ("feat: x!: y", "minor"),
        ("[core] feat!: x", "patch"),
        ("ABC-1 feat!: x", "patch"),
        ("* feat!: x", "patch"),
        ("> feat!: x", "patch"),
        ("# feat!: x", "patch"),
        ("Update the readme", "patch"),
        ("1.2.3", "patch"),
    ],
)
def test_a_header_requires_a_bump(header: str, expected: Component) -> None:
    assert bump_and_reason(header) == (expected, header.strip())


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
    assert bump_and_reason(f"{header}\n\nThis reverts commit 7d4c379588.") == ("patch", header)


def test_a_revert_can_be_a_breaking_change_itself() -> None:
    assert bump("revert!: feat: x") == "major"
    assert bump('Revert "feat: x"', "", "This reverts commit 7d4c379588.", "", FOOTER) == "major"


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
        self, first: str, last: str, title: str, expected: Component
    ) -> None:
        assert bump_and_reason(f"{first}\n\n{title}\n\nProse.\n\n{last}") == (expected, title)

    def test_a_merge_without_a_conventional_title_is_a_patch(self, first: str, last: str) -> None:
        message = f"{first}\n\nAdd t\n\nfeat: not the title\n\n{last}"
        assert bump_and_reason(message) == ("patch", first)

    def test_a_merge_can_have_footers(self, first: str, last: str) -> None:
        assert bump_and_reason(f"{first}\n\nfeat: t\n\n{FOOTER}\n{last}") == ("major", FOOTER)
        assert bump_and_reason(f"{first}\n\n{FOOTER}\n{last}") == ("major", FOOTER)

    @pytest.mark.parametrize("token", ["Signed-off-by", "Co-Authored-By"])
    def test_a_trailer_is_not_the_title_of_a_merge(self, first: str, last: str, token: str) -> None:
        message = f"{first}\n\n{token}: Z <z@example.com>\n{last}"
        assert bump_and_reason(message) == ("patch", first)


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
    message: str, expected: Component, reason: str
) -> None:
    assert bump_and_reason(message) == (expected, reason)
