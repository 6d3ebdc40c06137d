"""One of two server processes is killed repeatedly: the other one continues."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.caller import Manner
from faults.load import Load
from faults.tier import limit, rounds
from faults.version_loads import version_loads
from monotron.supervisor import EARLY_EXIT_SECONDS
from support.member import until
from support.server import Server

KILLS = rounds(short=2, whole=50)
KEYS = ["a", "b", "c", "CURRENT"]
RESTLESS = Manner(hangs_up=0.1)
"""Callers that reconnect sometimes, so that a new process gets its share of them."""

AT_ONCE = 3
"""Kills in a row: of two processes that have run long enough, and of one that has not."""

ALONE = 20
"""The responses of the other process alone, after the first kill."""


@pytest.mark.timeout(limit(short=120, whole=1200))
def test_nothing_is_lost_when_a_process_is_killed_under_load(
    database_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    began = time.monotonic()
    kills = interrupted = 0
    with Server(database_url, args=["--processes", "2"]) as server:
        processes = Processes(server.pid)
        processes.wait(EARLY_EXIT_SECONDS)
        with (
            Load([server.url], KEYS, callers=8, seed=seed, manner=RESTLESS) as load,
            version_loads([server.url], seed=seed) as versions,
        ):
            while kills < KILLS or interrupted <= KILLS // 2:
                if kills and kills % AT_ONCE == 0:
                    processes.wait(EARLY_EXIT_SECONDS)
                load.wait_for_answers(20)
                time.sleep(chance.uniform(0, 0.1))  # the moment of the fault
                before = load.interrupted
                if kills % AT_ONCE == 0:
                    processes.kill_oldest(alone=lambda: load.wait_for_answers(ALONE))
                else:
                    processes.kill_oldest()
                kills += 1
                load.wait_for_answers(50)
                versions.wait_for_answers(1)
                interrupted += load.interrupted > before
            history = load.finish()
            statistics = versions.statistics(versions.check(server.url))
        check_aftermath(history, [server.url])
        assert server.log().count("starting a replacement") == kills
        assert server.stop() == 0
    report(
        f"seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s, {interrupted} of which "
        f"interrupted a request; {load.acknowledged} answers; {history.unknown()} in doubt, "
        f"{history.retried()} retried ({history.counted_in_doubt()} were applied); {statistics}"
    )
    assert load.refused == 0
    assert versions.errors.total() == 0
    assert versions.in_doubt >= rounds(short=0, whole=1)


class Processes:
    """The processes of a supervisor, and when they were first seen."""

    def __init__(self, supervisor: int) -> None:
        self._supervisor = supervisor
        self._since = dict.fromkeys(self._running(), time.monotonic())
        assert len(self._since) == 2

    def wait(self, seconds: float) -> None:
        """Return when each process has run for this time."""
        until(
            lambda: time.monotonic() > max(self._since.values()) + seconds,
            60,
            "the run time",
        )

    def kill_oldest(self, alone: Callable[[], None] = lambda: None) -> None:
        """Kill the oldest process, and return when it was replaced.

        The supervisor starts the replacement after *alone* has returned.
        """
        victim = min(self._since, key=self._since.__getitem__)
        os.kill(self._supervisor, signal.SIGSTOP)
        try:
            os.kill(victim, signal.SIGKILL)
            alone()
        finally:
            os.kill(self._supervisor, signal.SIGCONT)
        running = until(lambda: self._replaced(victim), 30, "another process")
        del self._since[victim]
        for pid in running - self._since.keys():
            self._since[pid] = time.monotonic()
        assert len(self._since) == 2

    def _replaced(self, victim: int) -> set[int]:
        running = self._running() - {victim}
        return running if len(running) == 2 else set()

    def _running(self) -> set[int]:
        path = Path(f"/proc/{self._supervisor}/task/{self._supervisor}/children")
        return {int(child) for child in path.read_text().split()}
