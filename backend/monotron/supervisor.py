"""Several processes that do the same work: started, monitored, replaced and stopped together.

POSIX only. Processes are forked and inherit open files, such as listening sockets.
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

EARLY_EXIT_SECONDS = 5.0
"""A process that exits earlier than this is considered unable to start."""

MAX_EARLY_EXITS = 3
"""The number of consecutive early exits after which the supervisor stops all processes."""

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}

Work = Callable[[Callable[[], None], int], int]
"""The work of a process, which ends at SIGTERM and returns the exit code.

Its arguments are a function to call when it is ready, and a file descriptor that becomes readable
when the supervisor has ended.
"""


class Supervisor:
    """Keeps *number* processes running *work*, and calls *ready* once all of them are ready."""

    def __init__(
        self,
        number: int,
        work: Work,
        ready: Callable[[], None],
        ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        """*ended* is called with the id of each process that has ended."""
        self._process_count = number
        self._work = work
        self._report_ready = ready
        self._report_ended = ended
        self._start_times: dict[int, float] = {}
        self._early_exits = 0
        self._not_ready = number
        self._stopping = False
        self._failed = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT. Return 0 if all processes ended without errors, else 1."""
        self._wakeups, wakeups_in = os.pipe()
        self._readiness, self._readiness_in = os.pipe()
        # Nothing is written to this pipe. Its write end is closed when the supervisor ends.
        self._supervisor_exit, self._supervisor_exit_in = os.pipe()
        os.set_blocking(wakeups_in, False)
        os.set_blocking(self._wakeups, False)
        signal.set_wakeup_fd(wakeups_in)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, _ignore)
        for _ in range(self._process_count):
            self._start()
        while self._start_times:
            readable, _, _ = select.select([self._wakeups, self._readiness], [], [])
            if self._readiness in readable:
                self._count_ready(len(os.read(self._readiness, 4096)))
            if self._wakeups in readable:
                numbers = set(os.read(self._wakeups, 4096))
                if numbers & _STOP_SIGNALS:
                    self._stop()
                self._reap()
        return 1 if self._failed else 0

    def _start(self) -> None:
        # Signals are blocked until the new process has its own handlers. Otherwise it would lose a
        # signal that arrives earlier.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._run_child()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        self._start_times[pid] = time.monotonic()

    def _run_child(self) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
            for descriptor in (self._wakeups, self._readiness, self._supervisor_exit_in):
                os.close(descriptor)
            code = self._work(lambda: _write(self._readiness_in), self._supervisor_exit)
        except BaseException:
            log.exception("process %d failed", os.getpid())
        finally:
            logging.shutdown()
            os._exit(code)  # the parent's resources must not be cleaned up here

    def _count_ready(self, number: int) -> None:
        if self._not_ready > 0:
            self._not_ready -= number
            if self._not_ready <= 0:
                self._report_ready()

    def _stop(self) -> None:
        self._stopping = True
        for pid in self._start_times:
            os.kill(pid, signal.SIGTERM)

    def _reap(self) -> None:
        """Collect the processes that have ended, and start replacements."""
        while self._start_times:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            lifetime = time.monotonic() - self._start_times.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            self._report_ended(pid)
            if self._stopping:
                # A process without handlers yet is ended by the signal itself.
                self._failed = self._failed or code not in (0, -signal.SIGTERM, -signal.SIGINT)
                continue
            self._early_exits = self._early_exits + 1 if lifetime < EARLY_EXIT_SECONDS else 0
            if self._early_exits >= MAX_EARLY_EXITS:
                log.error("process %d exited with %d at startup: stopping all processes", pid, code)
                self._failed = True
                self._stop()
                continue
            log.error("process %d exited with %d: starting a replacement", pid, code)
            self._start()


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. A handled signal is written to the wakeup descriptor."""


def _write(descriptor: int) -> None:
    os.write(descriptor, b".")
