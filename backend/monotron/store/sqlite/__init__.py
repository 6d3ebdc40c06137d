"""The SQLite store: one file, one connection, one transaction per batch."""

from monotron.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
