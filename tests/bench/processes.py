"""The processes that are measured, and what the system says of them."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class Yardstick:
    """`yardstick.py` in a process of its own; `port` is where it listens."""

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("yardstick.py")
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
def disk_folder() -> Iterator[Path]:
    """A folder on a disk that is one: a store in shared memory would be fast for nothing."""
    folder = Path(tempfile.mkdtemp(prefix="monotron-bench-", dir="/var/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def cpu_us(pid: int) -> tuple[float, float]:
    """Processor time so far, in microseconds: of the main thread, and of all the others."""
    main = others = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        used = int((task / "schedstat").read_text().split()[0]) / 1000
        if int(task.name) == pid:
            main += used
        else:
            others += used
    return main, others


def resident_mib(pid: int) -> float:
    """The memory of a process that is in use and in RAM."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory")
