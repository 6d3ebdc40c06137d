"""A copy of an SQLite database, page by page."""

import sqlite3
from collections.abc import Callable

PAGES_PER_STEP = 256
"""Pages between two reports of progress: 1 MiB with pages of the usual size."""


def copy_pages(
    source: sqlite3.Connection, target: sqlite3.Connection, done: Callable[[int], None] | None
) -> None:
    """Copy the database. *done* is called with the number of bytes since its last call."""
    if done is None:
        source.backup(target)
        return
    (page_bytes,) = source.execute("PRAGMA page_size").fetchone()
    copied = 0

    def report(_: int, remaining: int, total: int) -> None:
        nonlocal copied
        before, copied = copied, total - remaining
        done((copied - before) * page_bytes)

    source.backup(target, pages=PAGES_PER_STEP, progress=report, sleep=0)
