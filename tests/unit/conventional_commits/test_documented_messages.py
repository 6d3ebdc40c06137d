"""The table of commit messages in docs/versions.md."""

import re
from pathlib import Path

import pytest

from support.commits import decided

PAGE = (Path(__file__).parents[3] / "docs/versions.md").read_text()
TABLE = re.search(r"^\| messages \| bump \| reason \|\n\| ---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
assert TABLE
ROWS = re.findall(r"^\| `([^`]+)` \| (\w+) \| `([^`]+)` \|$", TABLE[1], re.MULTILINE)


@pytest.mark.parametrize(("messages", "bump", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_a_documented_message_requests_its_bump(messages: str, bump: str, reason: str) -> None:
    decision = decided(messages.replace(r"\n", "\n").replace(r"\0", "\0"))
    assert (decision.bump or "none", decision.reason) == (bump, reason)


def test_each_row_of_the_table_is_executed() -> None:
    assert TABLE
    assert len(ROWS) == TABLE[1].count("\n")
    assert {row[1] for row in ROWS} == {"major", "minor", "patch", "none"}
