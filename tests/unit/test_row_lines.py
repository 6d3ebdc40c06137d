"""Rows of another program: what is missing or invalid is found, with its line."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO

import pytest

from monotron.store import open_store
from monotron.store.export_format import MAX_LINE_BYTES, InvalidExport
from monotron.store.row_lines import RowReader
from support.store_contents import EVERY_KIND, apply, exported

HEAD = (
    b'{"kind":"series","account":1,"key":"a","value":1,"token":"t","is_active":true,"updated_at":5}'
)
ENTRY = b'{"kind": "entry", "value": 1, "token": "t", "created_at": 5, "assigned_by": null}'
END = b'{"kind": "end", "rows": 2}'


def read(*lines: bytes) -> int:
    return len(list(RowReader(BytesIO(b"".join(line + b"\n" for line in lines))).rows()))


def test_the_rows_of_an_export_are_accepted() -> None:
    with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as store:
        _, *rows, _ = exported(store).splitlines()
    without_checksums = [row.rpartition(b',"crc"')[0] + b"}" for row in rows]
    reader = RowReader(
        BytesIO(b"\n".join([*without_checksums, b'{"kind":"end","rows":%d}' % len(rows)]))
    )
    assert len(list(reader.rows())) == sum(reader.counts.values()) == len(rows)


def test_complete_rows_are_accepted() -> None:
    assert read(HEAD, ENTRY, END) == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "line 1 is missing"),
        ((HEAD, ENTRY), "line 3 is missing"),
        ((HEAD, b'{"kind": "entry", "va'), "line 2 is not a row"),
        ((HEAD, b"[]"), "line 2 is not a row"),
        ((HEAD, b'{"kind": []}'), "line 2 is not a row"),
        ((b"[" * 100_000,), "line 1 is not a row"),
        ((b" " * (MAX_LINE_BYTES + 1),), "line 1 is longer"),
        ((HEAD, b'{"kind": "other"}'), "line 2 has the unknown kind 'other'"),
        ((HEAD, ENTRY.replace(b": 5", b": -1")), "line 2 (entry) has an invalid `created_at`"),
        ((HEAD, ENTRY, ENTRY, END), "line 3 (entry) is a duplicate"),
        ((HEAD, END), "line 1 (series) contradicts the next lines"),
        ((HEAD, ENTRY, END.replace(b"2", b"3")), "line 3 states another number of rows"),
        ((HEAD, ENTRY, END, END), "line 4 follows the last row"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_line_of_an_error_is_reported(lines: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(InvalidExport) as error:
        read(*lines)
    assert str(error.value).startswith(message)
