"""A Monotron server as a separate process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.http import Client, Response, basic, raw
from support.stoppable import Stoppable

__all__ = ["ROOT", "ROOT_ENV", "Client", "Response", "Server", "basic", "raw"]

ROOT_ENV = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET": "correct-horse-battery"}
"""The environment of a server with a root key."""

ROOT = basic("root", "correct-horse-battery")
"""The Authorization header of the root key."""

READY = re.compile(r"^Monotron \S+ listening on (http://.+:(\d+))$", re.MULTILINE)
READY_SECONDS = 30
POLL_SECONDS = 0.01


class Server(Stoppable):
    """A `monotron serve` process, which is listening when the constructor returns."""

    def __init__(
        self,
        store: str | None,
        *,
        listen: str = "127.0.0.1:0",
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        program: Sequence[str] = ("-m", "monotron"),
        python: str | Path = sys.executable,
        group: int | None = None,
    ) -> None:
        """Start `monotron serve` on the *store* URL (None: no --store) with more *args*.

        *program* replaces the package that *python* runs; *group* is the group of the process (root
        only). The environment is that of the tests, without MONOTRON_ variables, and *env*.
        Raises RuntimeError with the output if the process ends, or does not listen within 30 s.
        """
        # Files instead of pipes: a server with much output is never blocked by an unread pipe.
        self._directory = Path(tempfile.mkdtemp(prefix="monotron-server-"))
        weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
        command: list[str | Path] = [python, *program, "serve", "--listen", listen]
        command += ["--store", store] if store is not None else []
        with (
            (self._directory / "stdout").open("wb") as stdout,
            (self._directory / "stderr").open("wb") as stderr,
        ):
            self._process = subprocess.Popen(
                [*command, *args],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**inherited, **(env or {})},
                cwd=cwd,
                group=group,
            )
        try:
            self.url, self.port = self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self) -> tuple[str, int]:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            # Polled before reading, so that the last output is read.
            code = self._process.poll()
            if ready := READY.search(self.output()):
                return ready[1], int(ready[2])
            if code is not None:
                raise RuntimeError(
                    f"the server ended with {code} before it was ready: {self._all_output}"
                )
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"the server was not ready in {READY_SECONDS} s: {self._all_output}"
                )
            time.sleep(POLL_SECONDS)

    @property
    def _all_output(self) -> str:
        return f"\n{self.output()}{self.log()}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def output(self) -> str:
        """Return the output on stdout so far."""
        return (self._directory / "stdout").read_text(errors="replace")

    def log(self) -> str:
        """Return the output on stderr so far. Works after the process has ended, too."""
        return (self._directory / "stderr").read_text(errors="replace")

    def client(self, timeout: float = 30, authorization: str | None = None) -> Client:
        """Return an HTTP client of this server with these credentials."""
        return Client(self.url, timeout, authorization)

    def kill(self) -> None:
        """End the process immediately, like a crash."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM, without waiting for the end."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal, unless it has ended."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        """Return the exit code, negative for a signal. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout)

    def stop(self, timeout: float = 30) -> int:
        """Send SIGTERM, kill the process after *timeout* seconds, and return the exit code."""
        self.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()
