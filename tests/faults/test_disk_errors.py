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
from support.member import until
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
LAUNCHER = str(Path(__file__).with_name("tuned_server.py"))

OFTEN, SELDOM = 8, 100_000
"""The changed rows between two checkpoints. A checkpoint makes the log durable, so only a log
without checkpoints shows the effect of a failed sync."""

CUTS = rounds(short=20, whole=300)

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
    history = endure(disk, seed, [(call, File.WAL, times)], checkpoint=SELDOM)
    operations = list(disk.operations())
    reopened = opened_again(operations, history)
    survived = check_cuts(operations, history, folder, number=CUTS, seed=seed)
    report(
        f"seed {seed}: {disk.failed} failed; {history.unknown()} requests in doubt, of which "
        f"{history.counted_in_doubt()} were applied; {reopened} times reopened; "
        f"{CUTS} power failures, {survived.answered} acknowledged values, none lost"
    )
    assert disk.failed == times
    assert history.unknown() > 0
    assert reopened >= (call is Call.SYNC)


@pytest.mark.parametrize("fault", OF_A_CHECKPOINT)
@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_failed_checkpoint_is_repeated_unnoticed(
    folder: Path, fault: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    disk = Disk(folder / "monotron.db", recorded=True)
    history = endure(disk, seed, [(OF_A_CHECKPOINT[fault], File.MAIN, 1)], checkpoint=OFTEN)
    operations = list(disk.operations())
    survived = check_cuts(operations, history, folder, number=CUTS, seed=seed)
    report(
        f"seed {seed}: {disk.failed} failed, {history.unknown()} requests in doubt; "
        f"{CUTS} power failures, {survived.answered} acknowledged values, none lost"
    )
    assert disk.failed == 1
    assert history.unknown() == 0


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
    history = endure(disk, seed, faults, checkpoint=OFTEN)
    operations = list(disk.operations())
    reopened = opened_again(operations, history)
    survived = check_cuts(operations, history, folder, number=CUTS, seed=seed)
    report(
        f"seed {seed}: {len(faults)} faults, {disk.failed} calls failed; {history.unknown()} "
        f"requests in doubt, of which {history.counted_in_doubt()} were applied; {reopened} "
        f"times reopened; {CUTS} power failures, {survived.answered} acknowledged values, "
        "none lost"
    )
    assert disk.failed == sum(times for *_, times in faults)


def endure(
    disk: Disk, seed: int, faults: Sequence[tuple[Call, File, int]], *, checkpoint: int
) -> History:
    """Run a load on a disk with these faults. Return the history of its callers."""
    chance = random.Random(seed)
    program = (LAUNCHER, f"CHECKPOINT_ROWS={checkpoint}")
    with (
        Server(disk.url, env=disk.env, program=program) as server,
        Load([server.url], KEYS, callers=8, seed=seed) as load,
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
        copy = History()
        copy.puts, copy.peeks = [*history.puts], [*history.peeks]
        check_aftermath(copy, [server.url])
    return history


def opened_again(operations: Sequence[Operation], history: History) -> int:
    """Return how often a sync of the log failed, and check that no response came before the reopen.

    The sync of a checkpoint does not count: the commits have synced the same data already.
    """
    failures = 0
    failed: Operation | None = None
    unsynced = False
    for operation in operations:
        call, file = operation.call, operation.file
        if failed and call is Call.OPEN and file is File.MAIN:
            answers = [put for put in history.puts if put.called > failed.ended and put.value]
            assert all(put.returned > operation.began for put in answers)
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
