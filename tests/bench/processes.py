"""The measured processes, and the resources that they use according to the system."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from support.mongod import ReplicaSet

TESTS = Path(__file__).parents[1]


class ConstantServer:
    """`constant_handler.py` in a separate process that listens on `port`."""

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("constant_handler.py")
        self._process = subprocess.Popen(
            [sys.executable, script], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def running(module: str, *arguments: str) -> Iterator[None]:
    """Run a module of `bench` during the block. It writes the line `open` when it is ready."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", f"bench.{module}", *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"open\n":
                raise RuntimeError(f"{module} is not ready")
            yield
        finally:
            process.kill()


@contextmanager
def disk_folder() -> Iterator[Path]:
    """A temporary folder on a disk. A store in shared memory would have no cost of durability."""
    folder = Path(tempfile.mkdtemp(prefix="monotron-bench-", dir="/var/tmp"))
    folder.chmod(0o711)  # PostgreSQL does not run as root, and accesses its subfolder
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def cpu_us(pid: int) -> tuple[float, float]:
    """Total processor time in microseconds, of the main thread and of all other threads."""
    main = others = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        used = int((task / "schedstat").read_text().split()[0]) / 1000
        if int(task.name) == pid:
            main += used
        else:
            others += used
    return main, others


def tree_us(pid: int) -> float:
    """Total processor time in microseconds, of a process and its running and ended descendants."""
    children: dict[int, list[int]] = {}
    used: dict[int, tuple[int, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        number = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(number)
        used[number] = (sum(map(int, fields[11:13])), sum(map(int, fields[13:15])))
    ticks, pending = used[pid][1], [pid]
    while pending:
        number = pending.pop()
        ticks += used[number][0]
        pending += children.get(number, [])
    return 1e6 * ticks / os.sysconf("SC_CLK_TCK")


def replica_set(folder: Path, members: int = 3, cache_gb: float = 0.25) -> ReplicaSet:
    """A replica set on disk, with a long election timeout because busy members respond late."""
    return ReplicaSet.start(folder, members, election_ms=10_000, cache_gb=cache_gb)


def pids(nodes: ReplicaSet) -> list[int]:
    return [member.pid for member in nodes.members]


def resident_mib(pid: int) -> float:
    """The resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")
