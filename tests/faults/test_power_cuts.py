"""The power fails under SQLite, at any moment: what was answered before is there.

One load is recorded, disk and callers, on one clock; then the power fails as often as one likes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from secrets import randbits

import pytest

from faults.checker import violations
from faults.disk import Call, Disk, File, Operation
from faults.history import History, Peek, Put
from faults.load import Load
from faults.power import Cut, cuts
from faults.tier import limit, rounds
from harness.server import Server
from monotron.errors import StartupError
from monotron.model import Given, Reuse, SeriesKey
from monotron.store import Store, open_store
from monotron.store.base import Advance

ACCOUNT = 1
KEYS = ["a", "b", "c", "CURRENT"]
LAUNCHER = str(Path(__file__).with_name("tuned_server.py"))

CHECKPOINTS = {"8 pages": 60, "64 pages": 70, "1000 pages": 70}
"""After how many pages in its log SQLite moves them to the file, and short cuts of each."""

ANSWERS = rounds(short=400, whole=3000)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory: syncs that are counted need not be waited for."""
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="monotron-power-", dir=memory if memory.is_dir() else None)
    )
    yield folder
    shutil.rmtree(folder)


@dataclass
class Recording:
    """What a disk and the callers of its server did, on one clock."""

    operations: list[Operation]
    history: History

    @classmethod
    def of_load(cls, folder: Path, seed: int, *pragmas: str) -> Recording:
        disk = Disk(folder / "recorded.db", recorded=True)
        with (
            Server(disk.url, env=disk.env, program=(LAUNCHER, *pragmas)) as server,
            Load([server.url], KEYS, callers=8, seed=seed) as load,
        ):
            load.wait_for_answers(ANSWERS)
            history = load.finish()
        return cls(list(disk.operations()), history)

    def checkpoints(self) -> int:
        return sum(each.call is Call.SYNC and each.file is File.MAIN for each in self.operations)


def until(history: History, moment: float) -> History:
    """What callers knew at the moment; what they were waiting for is in doubt."""
    known = History()
    for put in history.puts:
        if put.called < moment:
            copy = Put(put.key, put.token, put.reuse, put.called)
            if put.returned < moment:
                copy.returned, copy.value = put.returned, put.value
                copy.reused, copy.refused = put.reused, put.refused
            known.puts.append(copy)
    for peek in history.peeks:
        if peek.returned < moment:
            known.peeks.append(Peek(peek.key, peek.called, peek.returned, peek.token, peek.value))
    return known


def lost(cut: Cut, folder: Path, history: History) -> int:
    """How many values that callers were told are not in the ledger; all of a damaged file."""
    try:
        store = after(cut, folder)
    except StartupError:
        return sum(len(_told(history, key)) for key in KEYS)
    try:
        return sum(len(_told(history, key) - set(_ledger(store, key))) for key in KEYS)
    finally:
        store.close()


def check_after_cut(store: Store, history: History) -> None:
    """Let all who wait have their numbers, and hold history and rows against one another."""
    before = {key: set(_ledger(store, key)) for key in KEYS}
    for key in KEYS:
        assert _told(history, key) - before[key] == set(), f"lost from {key}"
        in_doubt = {put.token for put in history.puts if put.key == key and put.unknown}
        assert {token for token, _ in before[key] - _told(history, key)} <= in_doubt
    for key, token in sorted(history.unresolved()):
        reuse = "current" if key.isupper() else "any"
        put = history.put(key, token, reuse)
        asked = Advance(SeriesKey(ACCOUNT, key), token, Reuse(reuse), "anybody")
        [given] = store.advance([asked])
        assert isinstance(given, Given)
        history.answered(put, given.entry.value, given.reused)
    assert violations(history) == []
    for key in KEYS:
        values = [value for _, value in _ledger(store, key)]
        assert values == list(range(len(values), 0, -1))
    assert [each for slice in store.audit(alone=True) for each in slice.findings] == []


def _told(history: History, key: str) -> set[tuple[str, int]]:
    return {(put.token, put.value) for put in history.puts if put.key == key and put.value}


def _ledger(store: Store, key: str) -> list[tuple[str | None, int]]:
    rows = store.ledger_page(SeriesKey(ACCOUNT, key), None, 100_000) or []
    return [(row.entry.token, row.entry.value) for row in rows]


def after(cut: Cut, folder: Path) -> Store:
    """The store that a server finds when it starts again."""
    place = folder / "after"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    cut.put(place / "monotron.db")
    return open_store(f"sqlite:///{place}/monotron.db")


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.timeout(limit(short=60, whole=900))
def test_nothing_is_lost_when_the_power_fails(
    folder: Path, checkpoint: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    pages = checkpoint.split()[0]
    recording = Recording.of_load(folder, seed, f"wal_autocheckpoint={pages}")
    number = rounds(short=CHECKPOINTS[checkpoint], whole=567)
    answered = doubtful = counted = 0
    for cut in cuts(recording.operations, number, seed):
        history = until(recording.history, cut.moment)
        answered += len(history.acknowledged())
        doubtful += len(history.unresolved())
        store = after(cut, folder)
        try:
            check_after_cut(store, history)
        finally:
            store.close()
        counted += history.counted_in_doubt()
    report(
        f"seed {seed}: {number} cuts, {recording.checkpoints()} checkpoints; "
        f"{answered} values answered before, none lost; {doubtful} in doubt, of which "
        f"{counted} had been counted"
    )
    assert recording.checkpoints() > 0
    assert answered > number
    assert 0 < counted < doubtful


@pytest.mark.parametrize("wrong", ["synchronous=NORMAL", "folder not synced"])
@pytest.mark.timeout(limit(short=60, whole=300))
def test_power_cuts_take_values_from_a_store_that_forgets_a_sync(
    folder: Path, wrong: str, report: Callable[[str], None]
) -> None:
    """The control: if the same faults did nothing to such a store, they would be none."""
    seed = randbits(32)
    print(f"seed {seed}")
    pragmas = [wrong] if "=" in wrong else []
    recording = Recording.of_load(folder, seed, *pragmas)
    operations = recording.operations
    if not pragmas:
        operations = [each for each in operations if each.file is not File.FOLDER]
    number = rounds(short=30, whole=300)
    answered = missing = unlucky = 0
    for cut in cuts(operations, number, seed):
        history = until(recording.history, cut.moment)
        gone = lost(cut, folder, history)
        answered += len(history.acknowledged())
        missing += gone
        unlucky += gone > 0
    report(
        f"seed {seed}: {number} cuts, control ({wrong}): of "
        f"{answered} values answered before, {missing} were lost, in {unlucky} cuts"
    )
    assert missing > 0


def test_a_history_ends_with_the_power() -> None:
    history = History(iter(range(1, 9)).__next__)
    first, second = history.put("a", "T", "any"), history.put("a", "U", "any")
    history.answered(first, 1, reused=False)
    history.answered(second, 2, reused=False)
    assert [put.value for put in until(history, 4).puts] == [1, None]
    assert [put.returned for put in until(history, 4).puts] == [3, inf]
    assert until(history, 2).acknowledged() == {}
