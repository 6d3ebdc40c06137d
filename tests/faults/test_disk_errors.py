"""The disk fails to write or to sync: callers learn that the result is unknown.

Whatever power failure follows, no acknowledged value is lost.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.cut_check import check_cuts
from faults.disk import Call, Disk, File, Operation
from faults.history import History
from faults.load import Load
from faults.tier import limit, rounds
from faults.version_loads import VersionLoads, version_loads
from support.member import until
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
LAUNCHER = str(Path(__file__).with_name("tuned_server.py"))

OFTEN, SELDOM = 8, 100_000
"""The changed rows between two checkpoints. A checkpoint makes the log durable, so only a log
without checkpoints shows the effect of a failed sync."""

CUTS = rounds(short=20, whole=300)
VERSION_PAUSE_SECONDS = 0.05
"""Between two requests of a caller of versions."""

OF_A_COMMIT = {
    "write": (Call.WRITE, 1),
    "sync": (Call.SYNC, 1),
    "sync, twice": (Call.SYNC, 2),
    "sync, five times": (Call.SYNC, 5),
}
OF_A_CHECKPOINT = {"write": Call.WRITE, "sync": Call.SYNC}


@pytest.mark.parametrize("fault", OF_A_COMMIT)
@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_failed_commit_is_reported_as_unknown_and_nothing_is_lost(
    folder: Path, fault: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    call, times = OF_A_COMMIT[fault]
    disk = Disk(folder / "monotron.db", recorded=True)
    history, versions = endure(disk, seed, [(call, File.WAL, times)], checkpoint=SELDOM)
    operations = list(disk.operations())
    reopened = opened_again(operations, answer_times(history, versions))
    survived = check_cuts(operations, history, versions, folder, number=CUTS, seed=seed)
    report(
        f"seed {seed}: {disk.failed} failed; {history.unknown()} requests of series in doubt, of "
        f"which {history.counted_in_doubt()} were applied, and {versions.in_doubt} of versions; "
        f"{reopened} times reopened; {CUTS} power failures, {survived}"
    )
    assert disk.failed == times
    assert history.unknown() + versions.in_doubt > 0
    assert reopened >= (call is Call.SYNC)


@pytest.mark.parametrize("fault", OF_A_CHECKPOINT)
@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_failed_checkpoint_is_repeated_unnoticed(
    folder: Path, fault: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    disk = Disk(folder / "monotron.db", recorded=True)
    history, versions = endure(
        disk, seed, [(OF_A_CHECKPOINT[fault], File.MAIN, 1)], checkpoint=OFTEN
    )
    operations = list(disk.operations())
    survived = check_cuts(operations, history, versions, folder, number=CUTS, seed=seed)
    report(
        f"seed {seed}: {disk.failed} failed, {history.unknown()} requests in doubt; "
        f"{CUTS} power failures, {survived}"
    )
    assert disk.failed == 1
    assert history.unknown() + versions.in_doubt == 0


@pytest.mark.timeout(limit(short=60, whole=300))
def test_nothing_is_lost_when_the_disk_fails_repeatedly(
    folder: Path, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    disk = Disk(folder / "monotron.db", recorded=True)
    faults = [
        (
            chance.choice([Call.WRITE, Call.SYNC]),
            chance.choice([File.WAL, File.WAL, File.MAIN]),
            chance.randint(1, 4),
        )
        for _ in range(rounds(short=5, whole=60))
    ]
    history, versions = endure(disk, seed, faults, checkpoint=OFTEN)
    operations = list(disk.operations())
    reopened = opened_again(operations, answer_times(history, versions))
    survived = check_cuts(operations, history, versions, folder, number=CUTS, seed=seed)
    report(
        f"seed {seed}: {len(faults)} faults, {disk.failed} calls failed; {history.unknown()} "
        f"requests of series in doubt, of which {history.counted_in_doubt()} were applied, and "
        f"{versions.in_doubt} of versions; {reopened} times reopened; {CUTS} power failures, "
        f"{survived}"
    )
    assert disk.failed == sum(times for *_, times in faults)


def endure(
    disk: Disk, seed: int, faults: Sequence[tuple[Call, File, int]], *, checkpoint: int
) -> tuple[History, VersionLoads]:
    """Run a load on a disk with these faults. Return the histories of its callers."""
    chance = random.Random(seed)
    program = (LAUNCHER, f"CHECKPOINT_ROWS={checkpoint}")
    with (
        Server(disk.url, env=disk.env, program=program) as server,
        Load([server.url], KEYS, callers=8, seed=seed) as load,
        version_loads([server.url], seed=seed, pause=VERSION_PAUSE_SECONDS) as versions,
    ):
        load.wait_for_answers(20)
        for call, file, times in faults:
            load.wait_for_answers(20)
            time.sleep(chance.uniform(0, 0.02))  # the moment of the fault
            due = disk.failed + times
            disk.fail(call, file, errno.EIO, skip=chance.randint(0, 5), times=times)
            until(lambda due=due: disk.failed >= due, 30, f"{times} {call.name} to fail")
        load.wait_for_answers(200)
        history = load.finish()
        versions.check(server.url)
        copy = History()
        copy.puts, copy.peeks = [*history.puts], [*history.peeks]
        check_aftermath(copy, [server.url])
    return history, versions


def answer_times(history: History, versions: VersionLoads) -> list[tuple[float, float]]:
    """The start and end of each answered PUT of a series, and of each request for a version."""
    puts = [(put.called, put.returned) for put in history.puts if put.value]
    calls = [
        (call.called, call.returned)
        for load in versions
        for call in load.history.calls
        if call.result is not None
    ]
    return puts + calls


def opened_again(operations: Sequence[Operation], answers: Sequence[tuple[float, float]]) -> int:
    """Return how often a sync of the log failed, and check that no response came before the reopen.

    The sync of a checkpoint does not count: the commits have synced the same data already.
    """
    failures = 0
    failed: Operation | None = None
    unsynced = False
    for operation in operations:
        call, file = operation.call, operation.file
        if failed and call is Call.OPEN and file is File.MAIN:
            later = [returned for called, returned in answers if called > failed.ended]
            assert all(returned > operation.began for returned in later)
            failed = None
        elif file is File.WAL and call is Call.WRITE:
            unsynced = True
        elif file is File.WAL and call is Call.SYNC:
            if operation.error and unsynced and failed is None:
                failures += 1
                failed = operation
            unsynced = unsynced and bool(operation.error)
    assert failed is None
    return failures
