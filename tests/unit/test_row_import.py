"""Rows of an import are inserted into MongoDB in commands of a bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from monotron.store.mongo import row_import
from monotron.store.mongo.row_import import RowInserter

SERIES = {"kind": "series", "account": 1, "value": 2, "token": "T2", "is_active": True}
ENTRY = {"kind": "entry", "created_at": 0, "assigned_by": None}
TEXT = "x" * 100


def test_entries_of_other_series_do_not_delay_the_insertion_of_attributes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[tuple[str, int]] = []

    def insert_many(inserter: RowInserter, name: str, documents: Sequence[Any]) -> None:
        commands.append((name, len(documents)))

    monkeypatch.setattr(row_import, "ROWS_PER_COMMAND", 8)
    monkeypatch.setattr(row_import, "BYTES_PER_COMMAND", 3 * len(TEXT))
    monkeypatch.setattr(RowInserter, "_insert_many", insert_many)
    with ThreadPoolExecutor(1) as thread:
        inserter = RowInserter(None, None, thread)  # type: ignore[arg-type]
        for number in range(16):
            series = {**SERIES, "key": f"shop{number:02}", "updated_at": 0}
            inserter.add(series, series)
            for value in range(1, 9):
                inserter.add({**ENTRY, "value": value, "token": f"T{value}"}, series)
            attributes = {"kind": "attributes", "token": "T8", "attributes": {"text": TEXT}}
            inserter.add(attributes, series)
        inserter.finish()
    sizes = [size for name, size in commands if name == "attributes"]
    assert sum(sizes) == 16
    assert max(sizes) <= 3
    assert max(size for _, size in commands) <= 8
