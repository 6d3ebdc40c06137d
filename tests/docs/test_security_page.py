"""docs/security.md: the tests that it names exist, and its prose can be read in an editor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import section, table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
MAX_COLUMNS = 112


def prose(text: str) -> Iterator[str]:
    """The lines outside of tables and code blocks."""
    outside = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from (line for line in outside.splitlines() if not line.startswith("|"))


class TestThreats:
    def test_each_threat_has_tests_that_exist_and_a_remaining_risk(self) -> None:
        rows = table(section(PAGE, "### Tests and remaining risks"))
        assert len(rows) >= 24
        for threat, tests, risk in rows:
            links = re.findall(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)", tests)
            assert links, threat
            assert risk.endswith("."), threat
            for sentence, path in links:
                name = "test_" + sentence.replace(" ", "_")
                text = (ROOT / path).read_text()
                assert re.search(rf"^ *(async )?def {name}\(", text, re.MULTILINE), name

    def test_each_threat_has_a_row_of_its_own(self) -> None:
        rows = table(section(PAGE, "### Tests and remaining risks"))
        assert len({row[0] for row in rows}) == len(rows)


class TestRoles:
    def test_each_role_has_rights_and_limits(self) -> None:
        rows = table(section(PAGE, "## Roles"))
        roles = [row[0].partition(":")[0].partition(" without")[0] for row in rows]
        assert roles == ["stranger", "CI job", "API key", "account administrator", "operator"]
        assert all(can and cannot for _, can, cannot in rows)


@pytest.mark.parametrize("name", ["security.md", "api.md"])
def test_no_line_of_prose_is_too_long(name: str) -> None:
    lines = prose((ROOT / "docs" / name).read_text())
    assert [line for line in lines if len(line) > MAX_COLUMNS] == []
