"""Several processes that do the same work: started, watched, started again, ended together.

POSIX only: they are forked, and so share what was open before, such as listening sockets.
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

log = logging.getLogger("monotron")

SHORT_LIFE = 5.0
"""Seconds. A process that ends sooner has not served: something is wrong with it."""

MAX_SHORT_LIVES = 3
"""How many may in a row, before all are given up."""

_STOPPING = {signal.SIGTERM, signal.SIGINT}

Work = Callable[[Callable[[], None], int], int]
"""What a process does: it is told whom to tell that it is ready, and a file descriptor that is
readable once there is no supervisor any more. It ends at SIGTERM; its answer is the exit code."""


class Supervisor:
    """Keeps *number* processes at *work*; calls *ready* once all of them are."""

    def __init__(self, number: int, work: Work, ready: Callable[[], None]) -> None:
        self._number = number
        self._work = work
        self._tell_ready = ready
        self._started: dict[int, float] = {}
        self._short_lives = 0
        self._not_ready = number
        self._stopping = False
        self._failed = False

    def run(self) -> int:
        """Return when all have ended, after SIGTERM or SIGINT: 0 if all went well, else 1."""
        self._wakeups, wakeups_in = os.pipe()
        self._readiness, self._readiness_in = os.pipe()
        self._alive, self._alive_in = os.pipe()  # nothing is written: its end tells of ours
        os.set_blocking(wakeups_in, False)
        os.set_blocking(self._wakeups, False)
        signal.set_wakeup_fd(wakeups_in)
        for number in (*_STOPPING, signal.SIGCHLD):
            signal.signal(number, _do_nothing)
        for _ in range(self._number):
            self._start()
        while self._started:
            readable, _, _ = select.select([self._wakeups, self._readiness], [], [])
            if self._readiness in readable:
                self._count_ready(len(os.read(self._readiness, 4096)))
            if self._wakeups in readable:
                numbers = set(os.read(self._wakeups, 4096))
                if numbers & _STOPPING:
                    self._stop()
                self._look_after()
        return 1 if self._failed else 0

    def _start(self) -> None:
        # Held back until the new process has its own answer to them, or it would lose one that
        # comes before.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        pid = os.fork()
        if pid == 0:
            self._be_a_process()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        self._started[pid] = time.monotonic()

    def _be_a_process(self) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_STOPPING, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            for descriptor in (self._wakeups, self._readiness, self._alive_in):
                os.close(descriptor)
            code = self._work(lambda: _write(self._readiness_in), self._alive)
        except BaseException:
            log.exception("a process failed")
        finally:
            logging.shutdown()
            os._exit(code)  # nothing that the supervisor has is to be cleaned up here

    def _count_ready(self, number: int) -> None:
        if self._not_ready > 0:
            self._not_ready -= number
            if self._not_ready <= 0:
                self._tell_ready()

    def _stop(self) -> None:
        self._stopping = True
        for pid in self._started:
            os.kill(pid, signal.SIGTERM)

    def _look_after(self) -> None:
        """See which processes have ended, and start others in their place."""
        while self._started:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            lived = time.monotonic() - self._started.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            if self._stopping:
                # Ended by the signal itself: it had not begun to serve yet.
                self._failed = self._failed or code not in (0, -signal.SIGTERM, -signal.SIGINT)
                continue
            self._short_lives = self._short_lives + 1 if lived < SHORT_LIFE else 0
            if self._short_lives >= MAX_SHORT_LIVES:
                log.error("process %d ended with %d, like those before it: giving up", pid, code)
                self._failed = True
                self._stop()
                continue
            log.error("process %d ended with %d: another one takes its place", pid, code)
            self._start()


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """The wake-up tells of the signal; without a handler there would be none."""


def _write(descriptor: int) -> None:
    os.write(descriptor, b".")
