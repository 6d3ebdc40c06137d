"""The folder in which several processes share their metrics.

It is locked while a process uses it: the supervisor locks it, and the processes inherit the lock.
A supervisor that was killed leaves its folder behind, unlocked, and the next supervisor removes it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable from which prometheus-client takes the folder, when it is imported."""

PREFIX = "monotron-metrics-"


@contextmanager
def metrics_folder() -> Iterator[str]:
    """Create a folder for the duration of a block, and remove those of servers that were killed."""
    folder, lock = _create()
    try:
        for other in Path(folder).parent.glob(f"{PREFIX}*"):
            _remove_if_unused(other)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _create() -> tuple[str, int]:
    """Create a folder, and lock it. Return its path, and the descriptor with the lock."""
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX)
        with suppress(FileNotFoundError):  # another server has removed it, before it was locked
            lock = os.open(folder, os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(folder):
                return folder, lock
            os.close(lock)


def _remove_if_unused(folder: Path) -> None:
    """Remove the folder, unless it is locked or belongs to another user."""
    try:
        lock = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
