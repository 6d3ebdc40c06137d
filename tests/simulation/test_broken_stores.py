"""What holds the stores to their promises notices when one of them is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.broken_stores import BROKEN, harsh_worlds
from simulation.profile import Emphasis
from simulation.scenario import MONGO, SQLITE

SEEDS = 8
"""Of each; `python -m faults broken` takes 100, of which 99 must do."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_caught(name: str) -> None:
    assert [seed for seed in range(SEEDS) if not BROKEN[name].caught(seed)] == []


@pytest.mark.parametrize("emphasis", list(Emphasis))
@pytest.mark.parametrize("kind", [SQLITE, MONGO])
def test_one_that_is_not_broken_is_not_accused_in_the_same_worlds(
    kind: str, emphasis: Emphasis
) -> None:
    assert [report.wrong for report in harsh_worlds(kind, 0, emphasis) if report.wrong] == []


def test_the_documentation_has_a_line_for_each() -> None:
    text = (Path(__file__).parents[2] / "docs/faults.md").read_text()
    assert [name for name in BROKEN if f"| {name} |" not in text] == []
