"""Files on the disk of an SQLite store: new ones, the log after a crash, and directories."""

import os
from contextlib import suppress

from monotron.errors import StartupError


def create_private(path: str) -> None:
    """Create the file for its owner only, unless it exists. SQLite gives its log the same mode.

    An error is left to SQLite, which opens the file next.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


def rewrite_log(path: str) -> None:
    """Rewrite the log with its own content, and sync it. The caller holds the lock.

    After a failed sync, the kernel keeps the unwritten pages in memory and marks them as clean.
    The next process would read them as committed, and no later sync would write them.
    """
    if not os.path.exists(path):
        return
    try:
        log_file = os.open(path, os.O_RDWR)
        try:
            position = 0
            while chunk := os.pread(log_file, 1 << 20, position):
                position += os.pwrite(log_file, chunk, position)
            os.fsync(log_file)
        finally:
            os.close(log_file)
    except OSError as error:
        raise StartupError(
            f"The log {path} cannot be written: {error.strerror}. Check the disk and permissions."
        ) from error


def sync_directory(path: str) -> None:
    """Sync the directory of a file, which makes the name of a new file durable."""
    directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
