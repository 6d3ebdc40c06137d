"""A disk that injects failures and records its operations: `disk.c` and its controls."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from faults.preloaded import library

UNLIMITED = -1


class Call(IntEnum):
    """The operations of a disk."""

    NONE, WRITE, SYNC, TRUNCATE, OPEN, UNLINK = range(6)


class File(IntEnum):
    """The target of an operation. The folder of a store is synced, too."""

    NONE, MAIN, WAL, JOURNAL, FOLDER = range(5)


@dataclass(frozen=True, slots=True)
class Operation:
    """A call and its result. *offset* is the size of TRUNCATE, and 1 if OPEN created the file."""

    began: float
    ended: float
    call: Call
    file: File
    offset: int
    error: int
    data: bytes


class Disk:
    """The disk of one store's file, for servers that run with `env`.

    Its recording uses the clock `time.monotonic`.
    """

    _CONTROL = struct.Struct("=8q")
    _CALL, _FILE, _ERROR, _SKIP, _TIMES, _FAILED, _MAX_BYTES, _REFUSED = range(8)
    _RECORD = struct.Struct("=dd5q")

    def __init__(self, file: Path, *, recorded: bool = False) -> None:
        """*recorded*: whether to record all writes for `operations`."""
        self.file = file
        self._control_file = file.with_name(f"{file.name}.control")
        self._record_file = file.with_name(f"{file.name}.record")
        self._control_file.write_bytes(self._CONTROL.pack(0, 0, 0, 0, 0, 0, UNLIMITED, 0))
        with self._control_file.open("r+b") as opened:
            self._control = mmap.mmap(opened.fileno(), self._CONTROL.size)
        self.env = {
            "LD_PRELOAD": str(library("disk.c")),
            "FAULTY_DISK_FILE": str(file),
            "FAULTY_DISK_CONTROL": str(self._control_file),
        }
        if recorded:
            self._record_file.touch()
            self.env["FAULTY_DISK_RECORD"] = str(self._record_file)

    @property
    def url(self) -> str:
        """The URL of the store."""
        return f"sqlite:///{self.file}"

    def fail(self, call: Call, file: File, error: int, *, skip: int = 0, times: int = 1) -> None:
        """Fail the next *times* calls of this kind with *error*, after *skip* successful ones."""
        self._set(self._TIMES, 0)  # disabled until all fields are set
        for place, value in ((self._CALL, call), (self._FILE, file), (self._ERROR, error)):
            self._set(place, value)
        self._set(self._SKIP, skip)
        self._set(self._TIMES, times)

    def heal(self) -> None:
        """Stop all failures, and free the space."""
        self._set(self._TIMES, 0)
        self._set(self._MAX_BYTES, UNLIMITED)

    def fill(self, most_bytes: int) -> None:
        """Limit the size of every file, and the free space that is reported, to this many bytes."""
        self._set(self._MAX_BYTES, most_bytes)

    @property
    def failed(self) -> int:
        """Return the number of injected failures."""
        return self._get(self._FAILED)

    @property
    def refused(self) -> int:
        """Return the number of writes without space."""
        return self._get(self._REFUSED)

    def operations(self) -> Iterator[Operation]:
        """Yield all operations so far, in order."""
        with self._record_file.open("rb") as record:
            while head := record.read(self._RECORD.size):
                began, ended, call, file, offset, length, error = self._RECORD.unpack(head)
                data = record.read(length)
                yield Operation(began, ended, Call(call), File(file), offset, error, data)

    def size(self, file: File) -> int:
        """Return the current size of a file in bytes."""
        end = {File.MAIN: "", File.WAL: "-wal"}[file]
        return os.stat(f"{self.file}{end}").st_size

    def _get(self, place: int) -> int:
        (value,) = struct.unpack_from("=q", self._control, place * 8)
        assert isinstance(value, int)
        return value

    def _set(self, place: int, value: int) -> None:
        struct.pack_into("=q", self._control, place * 8, value)
