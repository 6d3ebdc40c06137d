"""The power fails under SQLite at any moment: no acknowledged value is lost.

The disk operations and callers of one load are recorded on one clock. Then any number of power
failures is derived from the recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from secrets import randbits

import pytest

from faults.cut_check import acknowledged, after, check_cuts, rows, until
from faults.disk import Call, Disk, File, Operation
from faults.history import History
from faults.load import Load
from faults.power import Cut, cuts
from faults.tier import limit, rounds
from faults.version_loads import VersionLoads
from monotron.errors import MonotronError, StartupError
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
LAUNCHER = str(Path(__file__).with_name("tuned_server.py"))

CHECKPOINTS = {
    "every 4 rows": ("CHECKPOINT_ROWS=4",),
    "every 40 rows": ("CHECKPOINT_ROWS=40",),
    "as it is": (),
    "within a commit": ("CHECKPOINT_ROWS=1000000", "wal_autocheckpoint=64"),
}
"""The checkpoint settings of the server."""

ANSWERS = rounds(short=400, whole=3000)
VERSION_PAUSE_SECONDS = 0.01
"""Between two requests of a caller of versions."""


@dataclass
class Recording:
    """The operations of a disk and of the callers, on one clock."""

    operations: list[Operation]
    history: History
    versions: VersionLoads

    @classmethod
    def of_load(cls, folder: Path, seed: int, *pragmas: str) -> Recording:
        disk = Disk(folder / "recorded.db", recorded=True)
        with (
            Server(disk.url, env=disk.env, program=(LAUNCHER, *pragmas)) as server,
            Load([server.url], KEYS, callers=8, seed=seed) as load,
            VersionLoads([server.url], seed=seed, pause=VERSION_PAUSE_SECONDS) as versions,
        ):
            load.wait_for_answers(ANSWERS)
            history = load.finish()
            versions.end()
        return cls(list(disk.operations()), history, versions)

    def checkpoints(self) -> int:
        return sum(each.call is Call.SYNC and each.file is File.MAIN for each in self.operations)


def lost(cut: Cut, folder: Path, history: History) -> int:
    """Return how many acknowledged values are not in the ledger; all of a damaged file."""
    try:
        store = after(cut, folder)
        try:
            return sum(len(acknowledged(history, key) - set(rows(store, key))) for key in KEYS)
        finally:
            store.close()
    except (StartupError, MonotronError):
        return sum(len(acknowledged(history, key)) for key in KEYS)


@pytest.mark.parametrize("checkpoints", CHECKPOINTS)
@pytest.mark.timeout(limit(short=60, whole=900))
def test_nothing_is_lost_when_the_power_fails(
    folder: Path, checkpoints: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    recording = Recording.of_load(folder, seed, *CHECKPOINTS[checkpoints])
    number = rounds(short=25, whole=450)
    survived = check_cuts(
        recording.operations,
        recording.history,
        recording.versions,
        folder,
        number=number,
        seed=seed,
    )
    report(
        f"seed {seed}: {number} cuts, {recording.checkpoints()} checkpoints; "
        f"{survived.answered} acknowledged values and {survived.versions} versions, none lost; "
        f"{survived.doubtful} in doubt, of which {survived.counted} were applied"
    )
    assert recording.checkpoints() > 0
    assert survived.answered > number
    assert survived.versions > number
    assert 0 < survived.counted < survived.doubtful


@pytest.mark.parametrize("wrong", ["synchronous=NORMAL", "folder not synced"])
@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_store_that_omits_a_sync_loses_values(
    folder: Path, wrong: str, report: Callable[[str], None]
) -> None:
    """The control: the same power failures must damage a store that omits a sync."""
    seed = randbits(32)
    print(f"seed {seed}")
    pragmas = [wrong] if "=" in wrong else []
    recording = Recording.of_load(folder, seed, *pragmas)
    operations = recording.operations
    if not pragmas:
        operations = [each for each in operations if each.file is not File.FOLDER]
    number = rounds(short=30, whole=300)
    answered = missing = damaged = 0
    for cut in cuts(operations, number, seed):
        history = until(recording.history, cut.moment)
        gone = lost(cut, folder, history)
        answered += len(history.acknowledged())
        missing += gone
        damaged += gone > 0
    report(
        f"seed {seed}: {number} cuts, control ({wrong}): of "
        f"{answered} acknowledged values, {missing} were lost, in {damaged} cuts"
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
