"""Reverts, and reapplied commits. Messages are ordered newest first."""

import pytest

from support.commits import FOOTER, bump_and_reason, decided, log

BODY = "\n\nThis reverts commit 7d4c379588."


@pytest.mark.parametrize(
    "revert",
    [
        'Revert "feat: x"' + BODY,
        'Revert "feat: x"',
        'revert "feat: x"',
        'Revert "feat: x" (#13)',
        'Revert "feat: x" (!13)',
        "revert: feat: x" + BODY,
        "Revert: feat: x",
        'revert: "feat: x"',
        "revert(api): feat: x",
        "revert: feat: x (#13)",
        "⏪️ revert: feat: x",
        ':rewind: Revert "feat: x"',
        'ABC-1: Revert "feat: x"',
        'Merge pull request #13 from a/revert-12-b\n\nRevert "feat: x"',
        'Merged PR 13: Revert "feat: x"',
        "Merge branch 'y' into 'main'\n\nrevert: feat: x\n\nSee merge request a/b!12",
    ],
)
@pytest.mark.parametrize(
    "commit", ["feat: x", f"feat: x\n\n{FOOTER}", "feat: x (#12)\n\n* feat: a\n\n* fix!: b"]
)
def test_a_revert_cancels_the_older_message_with_its_subject(revert: str, commit: str) -> None:
    text = log(revert, commit, "fix: y")
    assert bump_and_reason(text) == ("patch", "fix: y")


@pytest.mark.parametrize(
    ("revert", "commit"),
    [
        ('Revert "feat: x (#12)" (#13)', "feat: x (#12)"),
        ('Revert "feat: x (#12)"', "feat: x (#12)"),
        ("revert: feat: x (#12) (#13)", "feat: x (#12)"),
        ('Revert "Add x"', "Add x"),
        ('Revert "Say "x""', 'Say "x"'),
        ('Revert "✨ Add x"', "✨ Add x"),
        ('Revert "ABC-1: feat: x"', "ABC-1: feat: x"),
        ('Revert "feat!: x"', "feat!: x"),
        ('Revert "docs: x"', "docs: x"),
        ('Revert "Merge pull request #12 from a/b"', "Merge pull request #12 from a/b\n\nfeat: x"),
        ('Revert "feat: x"', "Merge pull request #12 from a/b\n\nfeat: x"),
        ('Revert "Merged PR 12: feat: x"', "Merged PR 12: feat: x"),
    ],
)
def test_a_revert_and_its_message_request_no_version(revert: str, commit: str) -> None:
    header = revert.split("\n")[0]
    assert bump_and_reason(log(revert, commit)) == (
        None,
        f"No commit requests a version. The newest is a revert: {header}",
    )


@pytest.mark.parametrize(
    ("messages", "bump", "reason"),
    [
        # Each pair cancels the nearest older message.
        (['Revert "feat: x"', "feat: x", "feat: x"], "minor", "feat: x"),
        (['Revert "feat: x"', 'Revert "feat: x"', "feat: x", "fix: y", "feat: x"], "patch",
         "fix: y"),
        (["feat: x", 'Revert "feat: x"', "feat: x"], "minor", "feat: x"),
        # Only an older message is cancelled.
        (["feat: x", 'Revert "feat: x"'], "minor", "feat: x"),
        (["fix: x", 'Revert "fix: x"'], "patch", "fix: x"),
        # Another subject is not cancelled.
        (['Revert "feat: x"', "feat: xy"], "minor", "feat: xy"),
        (['Revert "feat: x"', "feat(a): x"], "minor", "feat(a): x"),
        (['Revert "feat: x (#12)"', "feat: x (#11)"], "minor", "feat: x (#11)"),
        # git's names of a reverted revert
        (['Reapply "feat: x"', 'Revert "feat: x"', "feat: x"], "minor", "feat: x"),
        (['Revert "Revert "feat: x""', 'Revert "feat: x"', "feat: x"], "minor", "feat: x"),
        (["revert: revert: feat: x", "revert: feat: x", "feat: x"], "minor", "feat: x"),
        (['Revert "Revert "feat: x"" (#14)', 'Revert "feat: x" (#13)', "feat: x (#12)"], "minor",
         "feat: x (#12)"),
        (['Revert "Revert "feat: x (#12)" (#13)" (#14)', 'Revert "feat: x (#12)" (#13)',
          "feat: x (#12)"], "minor", "feat: x (#12)"),
        (['Revert "Reapply "feat: x""', 'Reapply "feat: x"', 'Revert "feat: x"', "fix: y",
          "feat: x"], "patch", "fix: y"),
        (['Revert "feat: x"', 'Reapply "feat: x"', 'Revert "feat: x"', "fix: y", "feat: x"],
         "patch", "fix: y"),
        # The original commit is older than the text.
        (['Reapply "feat: x"', 'Revert "feat: x"', "fix: y"], "patch", "fix: y"),
    ],
    ids=lambda value: "; ".join(value) if isinstance(value, list) else str(value),
)  # fmt: skip
def test_reverts_are_paired_with_older_messages(
    messages: list[str], bump: str, reason: str
) -> None:
    assert bump_and_reason(log(*messages)) == (bump, reason)


def test_a_reapplied_commit_of_an_older_release_requests_no_version() -> None:
    assert decided(log('Reapply "feat: x"', 'Revert "feat: x"')).bump is None


@pytest.mark.parametrize("header", ['Revert "feat!: x"', 'Reapply "feat!: x"', "revert: feat!: x"])
def test_a_revert_of_a_commit_that_is_not_in_the_text_is_a_patch(header: str) -> None:
    assert bump_and_reason(header) == ("patch", header)
    assert bump_and_reason(log(header, "chore: y")) == ("patch", header)


def test_a_revert_that_is_breaking_itself_is_major() -> None:
    text = log(f'Revert "feat: x"{BODY}\n\n{FOOTER}', "feat: x")
    assert bump_and_reason(text) == ("major", FOOTER)
    assert bump_and_reason(log("revert!: feat: x", "feat: x")) == ("major", "revert!: feat: x")


@pytest.mark.parametrize(
    "header",
    ["Revert feat: x", "revert feat: x", "fix: undo x", 'fix: revert "feat: x"', 'Revert "feat: x'],
)
def test_another_header_does_not_revert_a_message(header: str) -> None:
    assert bump_and_reason(log(header + BODY, "feat: x")) == ("minor", "feat: x")


def test_a_revert_in_a_squash_cancels_an_older_commit_of_it() -> None:
    text = 'Add t (#1)\n\n* feat: a\n\n* fix: b\n\n* Revert "feat: a"'
    assert bump_and_reason(text) == ("patch", "Add t (#1)")
    assert bump_and_reason(text.replace('Revert "feat: a"', "revert: feat: a")) == (
        "patch",
        "Add t (#1)",
    )
    later = 'Add t (#1)\n\n* Revert "feat: a"\n\n* feat: a'
    assert bump_and_reason(later) == ("minor", "feat: a")


def test_a_revert_cancels_the_commits_that_a_squash_lists() -> None:
    block = "commit 7d4c379588\nAuthor: A\n\n    {}\n"
    squash = "Squashed commit of the following:\n\n" + "\n".join(
        block.format(header) for header in ('Revert "feat: b"', "feat: c", "feat: b", "fix: a")
    )
    assert bump_and_reason(f"t\n\n{squash}") == ("minor", "feat: c")
    assert bump_and_reason(log('Revert "t"', f"t\n\n{squash}", "fix: y")) == ("patch", "fix: y")


def test_a_revert_of_many_reverts_is_read_in_linear_time() -> None:
    deep = 'Revert "' * 50_000 + "feat: x" + '"' * 50_000
    assert decided(log(deep, "fix: y")).bump == "patch"
