"""The checks of the simulator detect every deliberately broken store."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from simulation.broken_stores import BROKEN, MAX_WORLDS, harsh_world, harsh_worlds
from simulation.broken_writes import MemoryBeforeCommit
from simulation.profile import Emphasis
from simulation.scenario import MONGO, Stores

DETECTING_WORLDS = {
    "the generation is not compared": 3,
    "the lookup may be older than the head": 1,
    "a repeated transaction uses previous reads": 1,
    "matches of a bulk command are not counted": 2,
    "a sweep reads an uncommitted generation": 1,
    "a reversal is accepted after a new version": 2,
    "a version is answered after a failed commit": 2,
}
"""The world that detects each broken store, with which its search starts. The others: world 0."""


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_detected(name: str) -> None:
    """`python -m faults broken` runs 100 seeds, and at least 99 must detect it."""
    known = DETECTING_WORLDS.get(name, 0)
    if not BROKEN[name].detected_in(known):
        found = next((each for each in range(MAX_WORLDS) if BROKEN[name].detected_in(each)), None)
        assert found is not None
        warnings.warn(
            f"world {known} does not detect that {name}, and world {found} does: "
            "enter it in DETECTING_WORLDS",
            stacklevel=1,
        )


@pytest.mark.parametrize("name", BROKEN)
def test_a_correct_store_is_not_reported_in_the_same_world(name: str) -> None:
    store = BROKEN[name]
    assert harsh_world(store.kind, DETECTING_WORLDS.get(name, 0), store.emphasis).wrong == []


def test_a_head_remembered_before_its_commit_is_harmless() -> None:
    """The token in the filter of a head is what prevents its use after it was rolled back."""
    stores = Stores(mongo=MemoryBeforeCommit)
    reports = harsh_worlds(MONGO, 0, Emphasis.ROLLBACKS, stores)
    assert [report.wrong for report in reports if report.wrong] == []


def test_every_broken_store_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/faults.md").read_text()
    assert [name for name in BROKEN if f"| {name} |" not in text] == []
