"""The files that commands read and write: SQLite stores, and backups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monotron.errors import StartupError, StoreUnavailable
from monotron.store import Store, open_store, store_class
from monotron.store.sqlite.disk_files import sync_directory
from monotron_ci.errors import Failure


def sqlite_path(url: str) -> Path:
    """The file of `sqlite:///FILE`. Raises Failure for every other URL."""
    try:
        path = store_class(url).file(url)
    except StartupError:
        path = None
    if path is None:
        raise Failure(
            "--store must be sqlite:///FILE",
            "a relative path follows three slashes, an absolute path four: "
            "sqlite:////var/lib/monotron.db",
        )
    return path


def check_exists(path: Path) -> None:
    """Raise Failure if the file does not exist."""
    if not path.exists():
        note = "" if path.is_absolute() else " (relative to ./)"
        raise Failure(
            f"{path} does not exist{note}",
            "check the path. An absolute path needs four slashes: sqlite:////var/lib/…",
        )


def store_url(option: str) -> str:
    """The URL that was passed with `--store`, or that of MONOTRON_STORE. Raises Failure."""
    url = option or os.environ.get("MONOTRON_STORE", "")
    if not url:
        raise Failure("--store requires a URL", "pass --store URL, or set MONOTRON_STORE")
    return url


def open_existing_store(option: str, *, exclusive: str = "") -> Store:
    """Open a store whose server is stopped. Never creates a file.

    *exclusive*: the command that requires that no other process uses the store.
    """
    url = store_url(option)
    engine = store_class(url)
    path = engine.file(url)
    if path is not None:
        check_exists(path)
    elif not engine.shareable:
        raise Failure("a store in memory ends with its server", "pass --url instead of --store")
    return open_store(url, exclusive=exclusive)


@contextmanager
def new_file(path: Path) -> Iterator[None]:
    """Create an empty file for its owner only. It is synced at the end, and removed on an error.

    Raises Failure if the file exists or cannot be created, StoreUnavailable if a write fails.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Failure(f"{path} already exists", "choose another file") from None
    except OSError as error:
        raise Failure(f"cannot create {path}: {error.strerror}") from None
    try:
        yield
        _sync(path)
    except OSError as error:
        _remove(path)
        raise StoreUnavailable(f"Cannot write {path}: {error.strerror}.") from None
    except BaseException:
        _remove(path)
        raise


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_directory(str(path))


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
