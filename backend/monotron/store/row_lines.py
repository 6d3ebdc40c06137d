"""Rows that another program wrote, as JSON lines without checksums, in the order of an export.

The last line, `{"kind": "end", "rows": N}`, shows that no line is missing at the end.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from monotron.store.export_format import (
    MAX_LINE_BYTES,
    ImportedRow,
    InvalidExport,
    checked_rows,
)
from monotron.store.export_rows import FIELDS, Row


class RowReader:
    """Reads and checks rows line by line. Raises `InvalidExport`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0
        self._end: Row = {}
        self._counts = Counter(dict.fromkeys(FIELDS, 0))

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of rows of each kind that were read."""
        return self._counts

    def rows(self) -> Iterator[ImportedRow]:
        """Yield all rows. The iterator ends only if all of them are complete and valid."""
        yield from checked_rows(self._rows(), self._counts, lambda: self._number)
        if self._end != {"kind": "end", "rows": self._counts.total()}:
            raise InvalidExport(self._number, "states another number of rows")
        if self._file.read(1):
            raise InvalidExport(self._number + 1, "follows the last row")

    def _rows(self) -> Iterator[Row]:
        while (row := self._read())["kind"] != "end":
            yield row
        self._end = row

    def _read(self) -> Row:
        self._number += 1
        line = self._file.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            raise InvalidExport(self._number, f"is longer than {MAX_LINE_BYTES} bytes")
        if not line:
            raise InvalidExport(self._number, 'is missing: the rows end without `"kind": "end"`')
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or type(row.get("kind")) is not str:
            raise InvalidExport(self._number, "is not a row: a JSON object with a `kind`")
        return row
