"""The file format of exports: every change of a file is found, with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest

from monotron.store import open_store
from monotron.store.export_format import (
    FORMAT_VERSION,
    MAX_LINE_BYTES,
    ExportReader,
    InvalidExport,
    write_export,
)
from monotron.store.export_rows import FIELDS, PARENTS, InvalidRow
from support.store_contents import EVERY_KIND, apply, exported

Rows = list[dict[str, Any]]


def read(export: bytes) -> Rows:
    return [row for row, _ in ExportReader(BytesIO(export)).rows()]


def line_of_error(export: bytes) -> tuple[int, str]:
    """The line that is invalid, and the reason."""
    with pytest.raises(InvalidExport) as error:
        read(export)
    _, number, reason = str(error.value).split(" ", 2)
    return int(number), reason


@pytest.fixture(scope="module")
def export() -> bytes:
    with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as store:
        return exported(store)


@pytest.fixture(scope="module")
def lines(export: bytes) -> list[bytes]:
    return export.splitlines(keepends=True)


@pytest.fixture
def rows(export: bytes) -> Rows:
    return read(export)


def written(rows: Rows) -> bytes:
    """An export with these rows and valid checksums, even if the rows are not valid."""

    class NoChecks:
        def add(self, row: object) -> None:
            pass

        def end(self) -> None:
            pass

    target = BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monotron.store.export_format.RowChecks", NoChecks)
        write_export(rows, target, is_online=False)
    return target.getvalue()


def find(rows: Rows, kind: str) -> int:
    return next(place for place, row in enumerate(rows) if row["kind"] == kind)


class TestChangedFiles:
    def test_a_change_of_any_value_is_found_in_its_line(self, lines: list[bytes]) -> None:
        """Even if the line remains a valid row."""
        for number, line in enumerate(lines, 1):
            for before, after in (
                (b'":"', b'":"x'),
                (b":1", b":2"),
                (b"null", b'""'),
                (b"}", b"} "),
            ):
                changed = line.replace(before, after, 1)
                if changed != line:
                    found, _ = line_of_error(
                        b"".join([*lines[: number - 1], changed, *lines[number:]])
                    )
                    assert found == number

    def test_a_removed_line_is_found_in_the_next_one(self, lines: list[bytes]) -> None:
        for place in range(len(lines) - 1):
            found, _ = line_of_error(b"".join([*lines[:place], *lines[place + 1 :]]))
            # Without rows of its kind after it, the end of the file differs.
            assert found == place + 1

    def test_a_repeated_line_is_found(self, lines: list[bytes]) -> None:
        for place, line in enumerate(lines):
            found, _ = line_of_error(b"".join([*lines[: place + 1], line, *lines[place + 1 :]]))
            assert found == place + 2

    def test_exchanged_lines_are_found(self, lines: list[bytes]) -> None:
        for place in range(len(lines) - 1):
            exchanged = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
            found, _ = line_of_error(b"".join(exchanged))
            assert found == place + 1

    def test_a_truncated_file_is_found_at_each_byte(self, export: bytes) -> None:
        for end in range(0, len(export), 61):
            found, reason = line_of_error(export[:end])
            assert found == export[:end].count(b"\n") + 1
            assert reason == "is incomplete: the file was truncated"

    def test_bytes_after_the_end_are_found(self, export: bytes) -> None:
        number = export.count(b"\n")
        assert line_of_error(export + b"\n") == (
            number + 1, "follows the last line of the export",
        )  # fmt: skip

    def test_a_header_of_another_export_is_found(self, lines: list[bytes]) -> None:
        with closing(open_store("sqlite://")) as empty:
            other = exported(empty).splitlines(keepends=True)[0]
        number, reason = line_of_error(b"".join([other, *lines[1:]]))
        assert (number, reason) == (len(lines), "is not the checksum of the lines before it")

    def test_other_counts_in_the_header_are_found(self, rows: Rows) -> None:
        export = written([*rows, rows[-1]])
        header, body = written(rows).split(b"\n", 1)[0], export.split(b"\n", 1)[1]
        assert line_of_error(header + b"\n" + body)[0] == len(rows) + 2

    def test_another_format_version_is_refused(self, rows: Rows) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("monotron.store.export_format.FORMAT_VERSION", FORMAT_VERSION + 1)
            export = written(rows)
        other = FORMAT_VERSION + 1
        assert line_of_error(export) == (
            1, f"has the unknown format version {other}: Monotron 0.1.0 wrote the file",
        )  # fmt: skip

    def test_a_long_line_is_refused(self) -> None:
        assert line_of_error(b"x" * (MAX_LINE_BYTES + 1))[0] == 1

    @pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[1]\n", b"\xff\n", b"SQLite format 3\n"])
    def test_other_files_are_refused(self, line: bytes) -> None:
        assert line_of_error(line)[0] == 1


VALUES: tuple[Any, ...] = (None, -1, 1 << 63, 1.5, True, "", "x" * 300, [], {}, {"a": 1}, [""])


def mutations(rows: Rows) -> Iterator[tuple[str, Rows, int]]:
    """Rows in which one field of each kind is missing, in another place, or invalid."""
    for kind in FIELDS:
        place = find(rows, kind)
        row = rows[place]
        changed: Rows = [{**row, "extra": 1}]
        changed += [
            {key: row[key] for key in row if key != field} for field in row if field != "kind"
        ]
        changed.append(dict(reversed(row.items())))
        for other in changed:
            if list(other)[:1] == ["kind"]:
                yield kind, [*rows[:place], other, *rows[place + 1 :]], place + 2


class TestInvalidRows:
    def test_missing_and_unknown_fields_are_found(self, rows: Rows) -> None:
        for kind, changed, line in mutations(rows):
            number, reason = line_of_error(written(changed))
            assert (number, reason.partition(" ")[0]) == (line, f"({kind})")

    def test_values_of_wrong_types_are_found(self, rows: Rows) -> None:
        """For each field, all values that the check of the field refuses."""
        for kind, fields in FIELDS.items():
            place = find(rows, kind)
            for field, check in fields.items():
                invalid = [value for value in VALUES if not check(value)]
                assert len(invalid) >= 5
                for value in invalid:
                    changed = [*rows[:place], {**rows[place], field: value}, *rows[place + 1 :]]
                    assert line_of_error(written(changed)) == (
                        place + 2, f"({kind}) has an invalid `{field}`",
                    )  # fmt: skip

    def test_duplicate_rows_are_found(self, rows: Rows) -> None:
        for place, row in enumerate(rows):
            export = written([*rows[: place + 1], row, *rows[place + 1 :]])
            number, reason = line_of_error(export)
            assert number in (place + 3, place + 2)
            assert "duplicate" in reason or "contradicts" in reason

    def test_children_without_a_parent_are_found(self, rows: Rows) -> None:
        for kind, parent in PARENTS.items():
            export = written([rows[find(rows, kind)], *rows])
            assert line_of_error(export) == (2, f"({kind}) follows no {parent}")

    @pytest.mark.parametrize(
        ("kind", "change", "reason"),
        [
            ("series", {"value": 9}, "is at 9, but its entries do not end with this value"),
            ("series", {"token": "z"}, "is at 8, but its entries do not end with this value"),
            ("series", {"is_active": False}, "is deleted, but has entries or a token"),
            ("name", {"releases": 9}, "but a summary of 9"),
            ("name", {"newest": "9.0.0"}, "but a summary with 9.0.0"),
            ("api_key", {"account": 7}, "belongs to the unknown account 7"),
            ("token_use", {"operations": ["b", "a"]}, "unsorted"),
            ("release", {"sort_key": "1"}, "has the sort key '1' of another version"),
            ("attributes", {"attributes": {"z": "1", "a": "1"}}, "not in the order"),
        ],
    )  # fmt: skip
    def test_contradictions_are_found(
        self, kind: str, change: dict[str, Any], reason: str, rows: Rows
    ) -> None:
        is_web: Callable[[dict[str, Any]], bool] = lambda row: row.get("key", "web") == "web"  # noqa: E731
        place = next(place for place, row in enumerate(rows) if row["kind"] == kind and is_web(row))
        changed = [*rows[:place], {**rows[place], **change}, *rows[place + 1 :]]
        number, found = line_of_error(written(changed))
        assert number == place + 2
        assert reason in found

    def test_releases_with_one_token_are_found(self, rows: Rows) -> None:
        first, second, *_ = [place for place, row in enumerate(rows) if row["kind"] == "release"]
        same = {field: rows[first][field] for field in ("token", "label", "attempt")}
        changed = [*rows[:second], {**rows[second], **same, "base": None}, *rows[second + 1 :]]
        assert line_of_error(written(changed))[0] == second + 2

    def test_an_export_refuses_contradictions(self, rows: Rows) -> None:
        changed = [{**row, "value": 9} if row["kind"] == "series" else row for row in rows]
        target = BytesIO()
        with pytest.raises(InvalidRow, match="do not end with this value"):
            write_export(changed, target, is_online=False)
        assert target.getvalue() == b""

    def test_text_with_one_meaning_is_required(self, rows: Rows) -> None:
        """A line with a duplicate member, or with spaces, has valid checksums here."""
        for wrong in ('{"kind":"account","kind":"account"', '{"kind" : "account"', '{"kind":NaN'):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    "monotron.store.export_format._encode",
                    lambda row, wrong=wrong: (
                        wrong + "}"
                        if row == {"kind": "x"}
                        else json.dumps(row, ensure_ascii=False, separators=(",", ":"))
                    ),
                )
                patch.setitem(FIELDS, "x", {})  # type: ignore[arg-type]
                export = written([{"kind": "x"}])
            assert line_of_error(export) == (2, "is not a line of an export")
