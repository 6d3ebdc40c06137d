"""The content of a disk after a power failure, derived from its recorded operations.

Synced data survives. Each sector written since then may have its old content, its new content, or
zeros if the file grew. Of the files created or removed since the last sync of their folder, the
first few changes survive. A failed sync keeps or loses each of its sectors together: the kernel
marks them as written, so that no later sync writes them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from faults.disk import Call, File, Operation

SECTOR = 512
ENDS = {File.MAIN: "", File.WAL: "-wal", File.JOURNAL: "-journal"}


class Loss(Enum):
    """Which unsynced sectors are lost."""

    ALL = "all"
    NONE = "none"
    THE_LAST = "all after some moment"
    SOME = "some"
    SOME_ORDER = "some, and of several versions of one any"


@dataclass(slots=True)
class _Content:
    """The content of one file."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.durable, operation)
        self.pending.clear()

    def after(self, chance: random.Random, loss: Loss) -> bytearray:
        """Return a possible content after a power failure now."""
        content = bytearray(self.durable)
        for part in _kept(self.pending, chance, loss):
            _apply(content, part)
        return content


class Platter:
    """The files of the disk after each operation."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._names: dict[File, _Content] = {}
        self._durable_names: dict[File, _Content] = {}
        self._pending_names: list[tuple[File, _Content | None]] = []

    def apply(self, operation: Operation) -> None:
        """Apply an operation, also a failed one."""
        file = operation.file
        match operation.call:
            case Call.OPEN if operation.offset:
                self._names[file] = _Content()
                self._pending_names.append((file, self._names[file]))
            case Call.UNLINK:
                del self._names[file]
                self._pending_names.append((file, None))
            case Call.WRITE | Call.TRUNCATE:
                self._names[file].pending.append(operation)
            case Call.SYNC if file is File.FOLDER:
                if not operation.error:
                    _rename(self._durable_names, self._pending_names)
                    self._pending_names.clear()
            case Call.SYNC:
                content = self._names[file]
                if operation.error:
                    content.durable = content.after(self._chance, Loss.SOME)
                    content.pending.clear()
                else:
                    content.sync()

    def cut(self, chance: random.Random, loss: Loss) -> dict[str, bytes]:
        """Return the files after a power failure, by their suffix."""
        names = dict(self._durable_names)
        _rename(names, self._pending_names[: chance.randint(0, len(self._pending_names))])
        return {ENDS[file]: bytes(each.after(chance, loss)) for file, each in names.items()}


@dataclass(frozen=True)
class Cut:
    """A power failure at *moment*, on the clock of the operations, and the remaining files."""

    moment: float
    loss: Loss
    files: dict[str, bytes]

    def put(self, file: Path) -> None:
        """Write the files to the place where a server opens them."""
        for end, content in self.files.items():
            file.with_name(f"{file.name}{end}").write_bytes(content)


def cuts(operations: Sequence[Operation], number: int, seed: int) -> Iterator[Cut]:
    """Yield this many power failures, each within a random operation."""
    chance = random.Random(seed)
    platter = Platter(seed)
    moments = sorted(chance.choices(range(len(operations)), k=number))
    position = 0
    for index, operation in enumerate(operations):
        in_progress = operation.call in (Call.WRITE, Call.TRUNCATE)
        if in_progress:  # it may be partly done when the power fails
            platter.apply(operation)
        while position < number and moments[position] == index:
            loss = chance.choice(list(Loss))
            yield Cut(operation.began, loss, platter.cut(chance, loss))
            position += 1
        if not in_progress:
            platter.apply(operation)


def _rename(names: dict[File, _Content], pending: Iterable[tuple[File, _Content | None]]) -> None:
    for file, content in pending:
        if content is None:
            names.pop(file, None)
        else:
            names[file] = content


def _kept(pending: Sequence[Operation], chance: random.Random, loss: Loss) -> Sequence[Operation]:
    if loss is Loss.ALL:
        return ()
    parts = [part for operation in pending for part in _sectors(operation)]
    if loss is Loss.THE_LAST:
        return parts[: chance.randint(0, len(parts))]
    if loss is not Loss.NONE:
        share = chance.random()
        parts = [part for part in parts if chance.random() < share]
    if loss is Loss.SOME_ORDER:
        chance.shuffle(parts)
    return parts


def _sectors(operation: Operation) -> Iterator[Operation]:
    if operation.call is Call.TRUNCATE:
        yield operation
        return
    began, end = operation.offset, operation.offset + len(operation.data)
    while began < end:
        after = min(end, began - began % SECTOR + SECTOR)
        data = operation.data[began - operation.offset : after - operation.offset]
        yield Operation(0, 0, Call.WRITE, operation.file, began, 0, data)
        began = after


def _apply(content: bytearray, operation: Operation) -> None:
    offset = operation.offset
    if operation.call is Call.TRUNCATE:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(operation.data)] = operation.data
