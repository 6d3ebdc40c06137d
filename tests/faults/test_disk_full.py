"""The disk becomes full, and has space again, under a running server: nothing is lost.

The long tier also mounts real file systems, which requires root.
"""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.caller import RETRYABLE, Manner
from faults.disk import Disk, File
from faults.load import Load
from faults.tier import WHOLE, limit, rounds
from support.member import until
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
ROUNDS = rounds(short=3, whole=17)
READY_SECONDS = 5
SHORT = 128 << 10
"""Bytes: more than the server writes into its own log during the test."""


class SimulatedDisk:
    """A disk that reports that it is full, simulated by `disk.c`."""

    def __init__(self, folder: Path) -> None:
        self._disk = Disk(folder / "monotron.db")
        self.url, self.env = self._disk.url, self._disk.env

    def fill(self) -> None:
        self._disk.fill(0)

    def free(self) -> None:
        self._disk.heal()

    def end(self) -> None:
        pass


class Mounted:
    """A real file system with a file that uses all remaining space."""

    env: dict[str, str] = {}  # noqa: RUF012 - never written to

    def __init__(self, folder: Path, *mount: str) -> None:
        self._place = folder / "mounted"
        self._place.mkdir()
        subprocess.run(["mount", *mount, self._place], check=True)
        self._ballast = self._place / "ballast"
        self.url = f"sqlite:///{self._place}/monotron.db"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (1 << 16, 1 << 12):
                try:
                    while ballast.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self._ballast.unlink()

    def end(self) -> None:
        subprocess.run(["umount", self._place], check=True)


def tmpfs(folder: Path) -> Mounted:
    return Mounted(folder, "-t", "tmpfs", "-o", "size=8m", "none")


def ext4(folder: Path) -> Mounted:
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-qF", image], check=True)
    return Mounted(folder, "-o", "loop", str(image))


DISKS = {"simulated": SimulatedDisk} | ({"tmpfs": tmpfs, "ext4": ext4} if WHOLE else {})


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, folder: Path) -> Iterator[SimulatedDisk | Mounted]:
    disk = DISKS[request.param](folder)
    yield disk
    disk.end()


@pytest.mark.timeout(limit(short=60, whole=300))
def test_a_full_disk_is_reported_and_recovers_without_a_restart(
    disk: SimulatedDisk | Mounted, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    with (
        Server(disk.url, env=disk.env) as server,
        load_that_retries(server, seed) as load,
        server.client() as client,
    ):
        for _ in range(ROUNDS):
            load.wait_for_answers(50)
            before = full(load)

            def stays_full(before: int = before) -> bool:
                disk.fill()  # also the space that SQLite frees when it shortens its log
                reported = full(load) >= before + 8
                return reported and client.request("GET", "/readyz").status == 507

            until(stays_full, 30, "the disk to be full")
            disk.free()
            until(lambda: client.request("GET", "/readyz").status == 200, READY_SECONDS, "ready")
        load.wait_for_answers(50)
        history = load.finish()
        errors = load.errors
        check_aftermath(history, [server.url])
    report(
        f"seed {seed}: full {ROUNDS} times; storage_full was answered {full(load)} times, "
        f"{errors['storage_full', 'unknown']} of them in doubt; {history.counted_in_doubt()} in "
        f"doubt were applied; {load.acknowledged} answers"
    )
    assert "Traceback" not in server.log()


@pytest.mark.timeout(60)
def test_a_file_size_limit_is_reported_and_recovers_without_a_restart(
    folder: Path, report: Callable[[str], None]
) -> None:
    """RLIMIT_FSIZE: SQLite reports a disk error, not a full disk."""
    seed = randbits(32)
    print(f"seed {seed}")
    store = Disk(folder / "monotron.db")
    with Server(store.url) as server, Load([server.url], KEYS, callers=2, seed=seed) as load:
        until(lambda: store.size(File.WAL) > SHORT, 30, "a log that is longer")
        no_limit = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (SHORT, no_limit[1]))
        until(lambda: load.errors.total() >= 4, 30, "errors")
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, no_limit)
        load.wait_for_answers(50)
        history = load.finish()
        check_aftermath(history, [server.url])
    report(
        f"seed {seed}: {load.errors['store_unavailable', 'unknown']} requests in doubt, of which "
        f"{history.counted_in_doubt()} were applied; {load.errors['store_unavailable', 'no']} "
        f"not applied; {load.acknowledged} answers"
    )
    assert load.errors["store_unavailable", "unknown"] > 0


@contextmanager
def load_that_retries(server: Server, seed: int) -> Iterator[Load]:
    manner = Manner(retryable={**RETRYABLE, "storage_full": 507})
    with Load([server.url], KEYS, callers=8, seed=seed, manner=manner) as load:
        yield load


def full(load: Load) -> int:
    """Return the number of storage_full responses."""
    return sum(number for (code, _), number in load.errors.items() if code == "storage_full")
