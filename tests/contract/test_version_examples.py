"""The tables of examples in docs/versions.md."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.version_notation import Clock, Notation, Row, check, rows
from monotron.runtime import Runtime
from monotron.store import Store, open_store

PAGE = (Path(__file__).parents[2] / "docs/versions.md").read_text()
ROWS = rows(PAGE)

BUMPS = re.findall(
    r"^\| .* \| (?:none|\[?`([^`]+)`).* \| (\d.*) \|$",
    PAGE.partition("## Which bump do I use?")[2].partition("\n## ")[0],
    re.MULTILINE,
)
"""The parameters and versions of the table of bumps."""

BEFORE = {
    "bump=final": ["1.2.57", "x?bump=minor&prerelease=rc"],
    "line=1.1": ["1.1.4", "1.2.57"],
}
"""What happened before, in rows of the table of bumps. Otherwise 1.2.57 was adopted."""

FORMATS = re.findall(
    r"^\| `([YMD.]+)`.* \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE
)
"""The table of calendar formats: the format, and its versions."""


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.set_date("2026-11-28")
    return clock


@pytest.fixture
def dated_store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store with this clock. The clock of a MongoDB server cannot be set."""
    store = open_store(f"sqlite:///{tmp_path}/monotron.db", runtime=Runtime(clock=clock))
    yield store
    store.close()


@pytest.mark.parametrize("row", [row for row in ROWS if not row.has_date], ids=str)
def test_an_example_of_the_documentation_is_true(row: Row, durable_store: Store) -> None:
    asyncio.run(check(row, durable_store))


@pytest.mark.parametrize("row", [row for row in ROWS if row.has_date], ids=str)
def test_an_example_with_a_date_is_true(row: Row, dated_store: Store, clock: Clock) -> None:
    asyncio.run(check(row, dated_store, clock))


@pytest.mark.parametrize(("parameter", "versions"), BUMPS, ids=[row[0] for row in BUMPS])
def test_a_row_of_the_table_of_bumps_is_true(
    parameter: str, versions: str, dated_store: Store
) -> None:
    async def run() -> list[str]:
        notation = Notation(dated_store)
        for step in BEFORE.get(parameter, ["1.2.57"]):
            await notation.prepare(step)
        texts = ["fix: a", "feat: a", "feat!: a"] if parameter == "bump=auto" else [""]
        request = f"a?{parameter}".rstrip("?")
        results = [await notation.result(request, text, dry_run=True) for text in texts]
        return [result.release.version_text for result in results]

    assert asyncio.run(run()) == re.findall(r"[\d.]+\d(?:-rc\.1)?", versions.partition(", if")[0])


@pytest.mark.parametrize("row", FORMATS, ids=[row[0] for row in FORMATS])
def test_a_row_of_the_table_of_calendar_formats_is_true(
    row: tuple[str, ...], dated_store: Store, clock: Clock
) -> None:
    format_, *versions = row

    async def run() -> list[str]:
        notation = Notation(dated_store, clock=clock)
        parameters = f"bump=calendar&calendar={format_}"
        assigned = [await notation.version(f"{token}?{parameters}") for token in "ab"]
        await notation.prepare("on 2026-12-01")
        return [*assigned, await notation.version(f"c?{parameters}")]

    assert asyncio.run(run()) == versions


def test_each_row_of_these_tables_is_executed() -> None:
    assert len(BUMPS) == 9
    assert [row[0] for row in FORMATS] == ["YYYY.M", "YY.M", "YYYY.MMDD", "YYYY"]


def test_the_page_has_examples_of_every_bump_and_parameter() -> None:
    requests = " ".join(row.request for row in ROWS)
    for word in ("minor", "major", "final", "auto", "calendar", "prerelease", "line", "metadata",
                 "initial", "on_conflict", "on_withdrawn", "initial_development", "version", "base",
                 "skip_types", "minor_types", "commits"):  # fmt: skip
        assert re.search(rf"[?&=]{word}\b", requests), word
