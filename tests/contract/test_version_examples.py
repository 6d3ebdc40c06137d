"""The tables of examples in docs/versions.md."""

import asyncio
import re
from pathlib import Path

import pytest

from contract.version_notation import Row, check, rows
from monotron.store import Store

ROWS = rows((Path(__file__).parents[2] / "docs/versions.md").read_text())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_example_of_the_documentation_is_true(row: Row, durable_store: Store) -> None:
    asyncio.run(check(row, durable_store))


def test_the_page_has_examples_of_every_bump_and_parameter() -> None:
    requests = " ".join(row.request for row in ROWS)
    for word in ("minor", "major", "final", "auto", "prerelease", "line", "metadata", "initial",
                 "on_conflict", "initial_development"):  # fmt: skip
        assert re.search(rf"[?&=]{word}\b", requests), word
