"""Translation of SQLite's errors into errors of Monotron."""

import logging
import sqlite3

from monotron.errors import Applied, InternalError, MonotronError, StorageFull, StoreUnavailable

log = logging.getLogger("monotron.store")


def translated(error: sqlite3.Error, *, applied: Applied) -> MonotronError:
    """The error for callers. SQLite's own text, which may contain paths, is only logged."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    log.error("SQLite: %s (%s)", error, getattr(error, "sqlite_errorname", type(error).__name__))
    if code == sqlite3.SQLITE_FULL:
        return storage_full(applied)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return InternalError(
            "The rows of the store contradict each other, so no value was assigned. This is a bug. "
            "Report it, and run `monotron audit`.",
            applied=applied,
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
