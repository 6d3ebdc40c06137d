"""Translates errors of SQLite to errors of Monotron."""

import logging
import sqlite3

from monotron.errors import Applied, InternalError, MonotronError, StorageFull, StoreUnavailable

log = logging.getLogger("monotron.store")


def primary_code(error: sqlite3.Error) -> int:
    """The primary result code: the low byte of the code of SQLite. 0 for an error without one."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def translate_error(error: sqlite3.Error, *, applied: Applied) -> MonotronError:
    """The error for callers. The text of SQLite is only logged, because it may contain paths."""
    code = primary_code(error)
    log.error("SQLite: %s (%s)", error, getattr(error, "sqlite_errorname", type(error).__name__))
    if code == sqlite3.SQLITE_FULL:
        return storage_full(applied)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return InternalError(
            "The rows of the store contradict each other. No value was assigned. This is a bug. "
            "Report it, and run `monotron audit`.",
            applied=applied,
            is_contradiction=True,
        )
    return StoreUnavailable(
        "The store could not read or write its file. Retry the same request in a moment. If it "
        "keeps failing, check the server's log for the cause.",
        applied=applied,
    )


def storage_full(applied: Applied) -> StorageFull:
    """The error of a full disk."""
    return StorageFull(
        "The disk of the store is full. Free some space, then retry the same request.",
        applied=applied,
    )
