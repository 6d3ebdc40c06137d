"""The disk fails to write, or to sync, under a server: callers are told of the doubt.

And however the power fails after that, what they were told is there.
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
"""Changed rows, after which the log is moved to the file. What it moved is safe from then on,
so only what stays in the log shows what a failed sync did to it."""

CUTS = rounds(short=40, whole=300)

OF_A_COMMIT = {
    "write": (Call.WRITE, 1),
    "sync": (Call.SYNC, 1),
    "sync, twice": (Call.SYNC, 2),
    "sync, five times": (Call.SYNC, 5),
}
OF_A_CHECKPOINT = {"write": Call.WRITE, "sync": Call.SYNC}


@pytest.mark.parametrize("fault", OF_A_COMMIT)
@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_commit_that_fails_is_told_as_doubt_and_nothing_is_lost(
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
        f"{history.counted_in_doubt()} had been counted; {reopened} times opened again; "
        f"{CUTS} power cuts, {survived.answered} values answered before, none lost"
    )
    assert disk.failed == times
    assert history.unknown() > 0
    assert reopened >= (call is Call.SYNC)


@pytest.mark.parametrize("fault", OF_A_CHECKPOINT)
@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_checkpoint_that_fails_is_made_again_and_nobody_notices(
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
        f"{CUTS} power cuts, {survived.answered} values answered before, none lost"
    )
    assert disk.failed == 1
    assert history.unknown() == 0


@pytest.mark.timeout(limit(short=60, whole=300))
def test_nothing_is_lost_when_the_disk_fails_again_and_again(
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
        f"requests in doubt, of which {history.counted_in_doubt()} had been counted; {reopened} "
        f"times opened again; {CUTS} power cuts, {survived.answered} values answered before, "
        "none lost"
    )
    assert disk.failed == sum(times for *_, times in faults)


def endure(
    disk: Disk, seed: int, faults: Sequence[tuple[Call, File, int]], *, checkpoint: int
) -> History:
    """A load on the disk, which fails so in its course; what its callers asked and were told."""
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
        told = History()
        told.puts, told.peeks = [*history.puts], [*history.peeks]
        check_aftermath(told, [server.url])
    return history


def opened_again(operations: Sequence[Operation], history: History) -> int:
    """How often a sync of the log failed: nobody was answered before the file was opened anew.

    But for that of a checkpoint: what it syncs, each commit has synced already.
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
