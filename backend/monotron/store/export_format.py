"""The file format of an export: one JSON object per line, the same for all engines.

The first line is the header, the last one the SHA-256 of all bytes before it. The last member of
every other line, `crc`, is the CRC-32 of the line without this member, continued from the line
before. So the first line that was changed, inserted or removed is known
(docs/decisions/0021-exports.md).
"""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, TypeAlias

from monotron import __version__
from monotron.store.export_checks import RowChecks
from monotron.store.export_rows import FIELDS, InvalidRow, Row

FORMAT_VERSION = 2
"""The version of the format. Files of other versions are refused."""

MAX_LINE_BYTES = 1 << 23
"""The attributes of a token are shorter, even if each character is an escape."""

CHUNK_BYTES = 1 << 18

ImportedRow: TypeAlias = tuple[Row, Row]
"""A row, and the row of the series or name to which it belongs, or the row itself."""

_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_CRC = b',"crc":'
_CHECKSUM = b'{"kind":"checksum",'


class InvalidExport(Exception):
    """Raised for a file that cannot be imported. The text states the line and the reason."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line} {reason}")


class Header(NamedTuple):
    """The first line of an export."""

    version: int
    """`FORMAT_VERSION` of the program that wrote it."""
    program: str
    """The version of that program."""
    is_online: bool
    """Whether servers may have used the store during the export."""
    counts: Mapping[str, int]
    """The number of rows of each kind."""


def write_export(rows: Iterable[Row], target: BinaryIO, *, is_online: bool) -> Header:
    """Write the rows of a store, in their order, and return the header.

    Nothing is written before all rows were read and checked: they are collected in a temporary
    file. Raises `InvalidRow` if the rows contradict each other.
    """
    counts = Counter(dict.fromkeys(FIELDS, 0))
    checks = RowChecks()
    with TemporaryFile(buffering=CHUNK_BYTES) as body:
        crc = 0
        for row in rows:
            checks.add(row)
            counts[row["kind"]] += 1
            line, crc = _line(row, crc)
            body.write(line)
        checks.end()
        header = Header(FORMAT_VERSION, __version__, is_online, dict(counts))
        first, _ = _line({"kind": "header", **header._asdict()}, 0)
        digest = hashlib.sha256()
        body.seek(0)
        for chunk in chain([first], iter(partial(body.read, CHUNK_BYTES), b"")):
            digest.update(chunk)
            target.write(chunk)
    target.write(_checksum(digest.hexdigest()))
    target.flush()
    return header


def checked_rows(
    rows: Iterable[Row], counts: Counter[str], line: Callable[[], int]
) -> Iterator[ImportedRow]:
    """Check rows in their order, and yield each of them with the row that it belongs to.

    *counts* is increased for the kind of each row. *line* returns the number of the line that was
    read last. Raises `InvalidExport`, also after the last row if something is missing.
    """
    checks = RowChecks()
    parent_line = 0
    try:
        for row in rows:
            checks.add(row)
            counts[row["kind"]] += 1
            parent = checks.parent or row
            if parent is row:
                parent_line = line()
            yield row, parent
        checks.end()
    except InvalidRow as invalid:
        number = parent_line if invalid.is_parent else line()
        raise InvalidExport(number, str(invalid)) from invalid


class ExportReader:
    """Reads and checks an export line by line. Raises `InvalidExport`."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the header."""
        self._file = file
        self._digest = hashlib.sha256()
        self._number = 0
        self._last_line = b""
        self.header = self._read_header()

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of rows of each kind, from the header."""
        return self.header.counts

    def rows(self) -> Iterator[ImportedRow]:
        """Yield all rows. The iterator ends only if the file is complete and valid."""
        counts = Counter(dict.fromkeys(FIELDS, 0))
        yield from checked_rows(self._rows(), counts, lambda: self._number)
        self._check_end(counts)

    def _rows(self) -> Iterator[Row]:
        crc = 0
        while not (line := self._read_line()).startswith(_CHECKSUM):
            row, crc = self._parse(line, crc)
            yield row
        self._last_line = line

    def _read_header(self) -> Header:
        row, _ = self._parse(self._read_line(), 0)
        try:
            header = Header(**{name: row[name] for name in row if name != "kind"})
        except TypeError:
            header = None
        if row["kind"] != "header" or header is None or not _is_valid(header):
            raise InvalidExport(1, "is not the header of an export")
        if header.version != FORMAT_VERSION:
            raise InvalidExport(
                1,
                f"has the unknown format version {header.version}: Monotron {header.program} "
                "wrote the file",
            )
        return header

    def _read_line(self) -> bytes:
        self._number += 1
        line = self._file.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            raise InvalidExport(self._number, f"is longer than {MAX_LINE_BYTES} bytes")
        if not line.endswith(b"\n"):
            raise InvalidExport(self._number, "is incomplete: the file was truncated")
        return line

    def _parse(self, line: bytes, crc: int) -> tuple[Row, int]:
        """Return the row of a line, and the CRC-32 up to it. *crc* is that of the line before."""
        body, _, stated = line.rpartition(_CRC)
        crc = zlib.crc32(body, crc)
        if stated != b"%d}\n" % crc:
            raise InvalidExport(
                self._number, "was changed, or a line before it was inserted or removed"
            )
        try:
            row = _decode(str(body + b"}", "utf-8"))
            # Among others, this excludes duplicate members, and text that is not Unicode.
            is_valid = type(row.get("kind")) is str and _encode(row).encode()[:-1] == body
        except (ValueError, AttributeError, RecursionError):
            is_valid = False
        if not is_valid:
            raise InvalidExport(self._number, "is not a line of an export")
        self._digest.update(line)
        return row, crc

    def _check_end(self, counts: Mapping[str, int]) -> None:
        if self._last_line != _checksum(self._digest.hexdigest()):
            raise InvalidExport(self._number, "is not the checksum of the lines before it")
        if counts != self.header.counts:
            raise InvalidExport(1, "has other counts than the rest of the file")
        if self._file.read(1):
            raise InvalidExport(self._number + 1, "follows the last line of the export")


def _line(row: Row, crc: int) -> tuple[bytes, int]:
    """The line of a row, and the CRC-32 up to it. *crc* is that of the line before."""
    body = _encode(row).encode()[:-1]
    crc = zlib.crc32(body, crc)
    return b"%b%b%d}\n" % (body, _CRC, crc), crc


def _checksum(digest: str) -> bytes:
    return b'%b"sha256":"%b"}\n' % (_CHECKSUM, digest.encode())


def _is_valid(header: Header) -> bool:
    return (
        type(header.version) is int
        and isinstance(header.program, str)
        and type(header.is_online) is bool
        and isinstance(header.counts, dict)
        and all(type(count) is int for count in header.counts.values())
    )
