"""The checks of the simulator detect every deliberately broken store."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.broken_stores import BROKEN, harsh_worlds
from simulation.broken_writes import MemoryBeforeCommit
from simulation.profile import Emphasis
from simulation.scenario import MONGO, SQLITE, Stores

SEEDS = 8
"""Seeds per store. `python -m faults broken` runs 100, and at least 99 must detect it."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_detected(name: str) -> None:
    assert [seed for seed in range(SEEDS) if not BROKEN[name].caught(seed)] == []


@pytest.mark.parametrize("emphasis", list(Emphasis))
@pytest.mark.parametrize("kind", [SQLITE, MONGO])
def test_a_correct_store_is_not_reported_in_the_same_worlds(kind: str, emphasis: Emphasis) -> None:
    assert [report.wrong for report in harsh_worlds(kind, 0, emphasis) if report.wrong] == []


def test_a_head_remembered_before_its_commit_is_harmless() -> None:
    """The token in the filter of a head is what prevents its use after it was rolled back."""
    stores = Stores(mongo=MemoryBeforeCommit)
    reports = harsh_worlds(MONGO, 0, Emphasis.ROLLBACKS, stores)
    assert [report.wrong for report in reports if report.wrong] == []


def test_every_broken_store_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/faults.md").read_text()
    assert [name for name in BROKEN if f"| {name} |" not in text] == []
