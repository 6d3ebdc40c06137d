"""A Monotron server as a process of its own."""

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
from types import TracebackType
from typing import Self

from support.http import Client, Response, basic, raw

__all__ = ["ROOT", "ROOT_ENV", "Client", "Response", "Server", "basic", "raw"]

ROOT_ENV = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET": "correct-horse"}
"""What a server with credentials has in its environment."""

ROOT = basic("root", "correct-horse")
"""The Authorization header of its root key."""

READY = re.compile(r"^Monotron \S+ listening on (http://.+:(\d+))$", re.MULTILINE)
READY_SECONDS = 30
POLL_SECONDS = 0.01


class Server:
    """A `monotron serve` process, which has said that it listens once this is made."""

    def __init__(
        self,
        store: str | None,
        *,
        listen: str = "127.0.0.1:0",
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        program: Sequence[str] = ("-m", "monotron"),
        group: int | None = None,
    ) -> None:
        """Start `monotron serve` on the *store* URL (None: no --store) with more *args*.

        *program* is what Python runs instead of the installed package; *group*, for root only,
        is that of the process.
        It gets the environment of the tests without their MONOTRON_ variables, and *env*.
        RuntimeError with what it wrote to stderr if it ends, or does not listen in 30 s.
        """
        # Files, not pipes: nobody has to read them, so a server that says much never waits for us.
        self._directory = Path(tempfile.mkdtemp(prefix="monotron-server-"))
        weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
        command = [sys.executable, *program, "serve", "--listen", listen]
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
            # Asked before reading, so that what it wrote last is read.
            code = self._process.poll()
            if ready := READY.search(self.output()):
                return ready[1], int(ready[2])
            if code is not None:
                raise RuntimeError(
                    f"the server ended with {code} before it was ready: {self._said}"
                )
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server was not ready in {READY_SECONDS} s: {self._said}")
            time.sleep(POLL_SECONDS)

    @property
    def _said(self) -> str:
        return f"\n{self.output()}{self.log()}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def output(self) -> str:
        """What it wrote to stdout so far."""
        return (self._directory / "stdout").read_text(errors="replace")

    def log(self) -> str:
        """What it wrote to stderr so far; also after its end."""
        return (self._directory / "stderr").read_text(errors="replace")

    def client(self, timeout: float = 30, authorization: str | None = None) -> Client:
        """An HTTP client of this server, with these credentials."""
        return Client(self.url, timeout, authorization)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask the process to drain and end; does not wait."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal, unless it has ended."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        """The exit code (negative: the signal that ended it), or subprocess.TimeoutExpired."""
        return self._process.wait(timeout)

    def stop(self, timeout: float = 30) -> int:
        """Drain and end; kill what is left after *timeout* seconds. The exit code."""
        self.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
