"""The power fails under SQLite at any moment: no acknowledged value or version is lost.

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
from semver import Version

from faults.cut_check import acknowledged, after, check_cuts, rows, until
from faults.disk import Call, Disk, File, Operation
from faults.history import History
from faults.load import Load
from faults.power import Cut, cuts
from faults.tier import limit, rounds
from faults.version_cut_check import (
    answered_versions,
    lost_versions,
    records,
    versions_until,
    wrong_withdrawals,
)
from faults.version_load import INITIAL
from faults.version_loads import NAMES, VersionLoads, version_loads
from monotron.errors import MonotronError, StartupError
from monotron.model.semver import Final, Release, Withdrawal
from monotron.model.versions.requests import GetOfToken, Latest, Reverse, VersionResult, Withdraw
from simulation.version_history import VersionHistory
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
            version_loads([server.url], seed=seed, pause=VERSION_PAUSE_SECONDS) as versions,
        ):
            load.wait_for_answers(ANSWERS)
            history = load.finish()
            versions.end()
        return cls(list(disk.operations()), history, versions)

    def checkpoints(self) -> int:
        return sum(each.call is Call.SYNC and each.file is File.MAIN for each in self.operations)


def lost(cut: Cut, folder: Path, recording: Recording) -> tuple[int, int]:
    """Return how many acknowledged values and versions are lost; all of a damaged file."""
    history = until(recording.history, cut.moment)
    versions = {load.name: versions_until(load.history, cut.moment) for load in recording.versions}
    try:
        store = after(cut, folder)
        try:
            return (
                sum(len(acknowledged(history, key) - set(rows(store, key))) for key in KEYS),
                sum(
                    len(list(lost_versions(records(store, name), known)))
                    for name, known in versions.items()
                ),
            )
        finally:
            store.close()
    except (StartupError, MonotronError):
        return (
            sum(len(acknowledged(history, key)) for key in KEYS),
            sum(len(answered_versions(known)) for known in versions.values()),
        )


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
    report(f"seed {seed}: {number} cuts, {recording.checkpoints()} checkpoints; {survived}")
    assert recording.checkpoints() > 0
    assert survived.answered > number
    assert survived.versions > number
    applied = survived.applied + survived.versions_applied
    assert 0 < applied < survived.in_doubt + survived.versions_in_doubt
    assert survived.applied >= rounds(short=0, whole=1)
    assert survived.versions_applied >= rounds(short=0, whole=1)


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
    answered = missing = missing_versions = damaged = 0
    for cut in cuts(operations, number, seed):
        values, versions = lost(cut, folder, recording)
        answered += len(until(recording.history, cut.moment).acknowledged())
        missing += values
        missing_versions += versions
        damaged += values > 0
    report(
        f"seed {seed}: {number} cuts, control ({wrong}): of "
        f"{answered} acknowledged values, {missing} were lost, in {damaged} cuts, and "
        f"{missing_versions} versions"
    )
    assert missing > 0
    assert missing_versions > 0


def test_a_history_ends_with_the_power() -> None:
    history = History(iter(range(1, 9)).__next__)
    first, second = history.put("a", "T", "any"), history.put("a", "U", "any")
    history.answered(first, 1, reused=False)
    history.answered(second, 2, reused=False)
    assert [put.value for put in until(history, 4).puts] == [1, None]
    assert [put.returned for put in until(history, 4).puts] == [3, inf]
    assert until(history, 2).acknowledged() == {}


NAME = NAMES[0]
WITHDRAW = Withdraw(NAME, Version(1, 3), "wrong", False, "")
REVERSE = Reverse(NAME, Version(1, 3), "")
RELEASE = Release(NAME, "T", Final(1, 3, 0), None, 0, "minor", None, previous=None, created_at=0)
WITHDRAWN = RELEASE._replace(withdrawn=Withdrawal(0, "", "wrong"))
RESULT = VersionResult(RELEASE, Latest(None, None, None), False, True)


def test_a_history_of_versions_ends_with_the_power() -> None:
    history = VersionHistory(iter(range(1, 9)).__next__)
    first, second = history.call(WITHDRAW), history.call(REVERSE)
    history.answered(first, RESULT)
    history.answered(second, RESULT)
    assert [call.in_doubt for call in versions_until(history, 4).calls] == [False, True]
    assert [call.in_doubt for call in versions_until(history, 2).calls] == [True]


@pytest.mark.parametrize(
    ("requests", "answered", "stored", "is_wrong"),
    [
        ([], 0, RELEASE, False),
        ([], 0, WITHDRAWN, True),
        ([WITHDRAW], 0, RELEASE, False),
        ([WITHDRAW], 0, WITHDRAWN, False),
        ([WITHDRAW], 1, RELEASE, True),
        ([WITHDRAW, REVERSE], 1, RELEASE, False),
        ([WITHDRAW, REVERSE], 1, WITHDRAWN, False),
        ([WITHDRAW, REVERSE], 2, WITHDRAWN, True),
        ([WITHDRAW, REVERSE, WITHDRAW], 3, RELEASE, True),
    ],
)
def test_a_withdrawal_that_was_lost_or_never_requested_is_detected(
    requests: list[Withdraw | Reverse], answered: int, stored: Release, *, is_wrong: bool
) -> None:
    history = VersionHistory(iter(range(1, 9)).__next__)
    for number, request in enumerate(requests):
        call = history.call(request)
        if number < answered:
            history.answered(call, RESULT)
    assert list(wrong_withdrawals([stored], history.calls)) == (["1.3.0"] if is_wrong else [])


def test_a_lost_version_is_detected() -> None:
    history = VersionHistory(iter(range(1, 9)).__next__)
    initial = RELEASE._replace(token=None, target=INITIAL)
    assert list(lost_versions([], history)) == []
    history.answered(history.call(GetOfToken(NAME, "T", None)), RESULT)
    assert list(lost_versions([initial, RELEASE], history)) == []
    assert list(lost_versions([initial], history)) == ["1.3.0"]
    assert list(lost_versions([RELEASE], history)) == [f"{INITIAL}"]
    assert list(lost_versions([initial, RELEASE._replace(token="U")], history)) == ["1.3.0"]
