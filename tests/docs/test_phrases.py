"""The phrase linter of `make lint`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs.phrases import PHRASES, ROOT, findings, tracked

REPLACED = [
    "This is no setting.",
    "'series' is none.",
    "The key has none.",
    "Whoever reaches it",
    "Anybody may write.",
    "the series stands at 4",
    "It has the version for ever.",
    "counted by hand",
    "in earnest",
    "Look whether the address is right.",
    "The key works no more.",
    "told something wrong",
    "It tells what happened.",
    "Ask again later.",
    "Say --version.",
    "The probe says no.",
    "It was given before.",
    "Counting goes on.",
    "A test sees to it.",
    "held against one another",
    "It is of no use.",
    "It stops at once.",
    "There is no default.",
    "It created a trust.",
]
"""At least one sentence for each rule."""

ACCEPTED = [
    "None if there is none.",
    "If the token has none, the next one is assigned.",
    "The lock is no longer held.",
    "Choose N no larger than necessary.",
    "if value is None: return",
    "github stands for its address",
    "It stands in for GitHub.",
    "whatever the situation is: understood",
    "Given a series, if the token is given, it is used.",
    "the tool tells the two apart",
    "as the documentation says",
    "Category of notes",
]


@pytest.mark.parametrize("text", REPLACED)
def test_a_replaced_phrase_is_found(text: str) -> None:
    assert findings(text)


def test_every_rule_has_an_example() -> None:
    advice = {advice for text in REPLACED for _, _, advice in findings(text)}
    assert advice == set(PHRASES.values())


@pytest.mark.parametrize("text", ACCEPTED)
def test_standard_english_is_accepted(text: str) -> None:
    assert findings(text) == []


def test_identifiers_are_checked() -> None:
    assert findings("def test_nobody_is_told() -> None:\n    given_at = 1\n") == [
        (1, "nobody", "anyone, no one, all users"),
        (1, "told", "reported, returned, passed"),
        (2, "given at", "assigned"),
    ]


def test_a_phrase_across_two_lines_of_a_comment_is_found_in_its_first_line() -> None:
    assert findings("x = 1\n# raised by\n# hand\n") == [(2, "by hand", "manually")]


def test_decisions_that_are_never_edited_are_not_checked() -> None:
    checked = {str(path.relative_to(ROOT)) for path in tracked()}
    assert {"README.md", "backend/monotron/errors.py", "action.yml"} <= checked
    assert "docs/decisions/0012-one-batcher.md" in checked
    assert not [name for name in checked if name.startswith("docs/decisions/0003-")]


@pytest.mark.parametrize(("text", "code"), [("Set it manually.\n", 0), ("Set it\nby hand.\n", 1)])
def test_the_exit_code_is_1_if_a_phrase_is_found(text: str, code: int, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    process = subprocess.run(
        [sys.executable, "-m", "docs.phrases", str(page)],
        cwd=ROOT,
        env={"PYTHONPATH": "tests"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == code, process.stderr
    assert process.stdout == (f"{page}:2: by hand: manually\n" if code else "")
