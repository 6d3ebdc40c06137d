"""Stores: one interface, and one package per engine. Only this module knows which engines exist."""

import time

from monotron.errors import StartupError
from monotron.store.interface import Clock, Store

__all__ = ["Store", "open_store", "store_class"]


def store_class(url: str) -> type[Store]:
    """Return the engine of a URL. Raises StartupError if the scheme is unknown.

    Drivers are imported here, only when their URL requires them.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from monotron.store.sqlite import SqliteStore

        return SqliteStore
    if scheme in ("mongodb", "mongodb+srv"):
        from monotron.store.mongo import MongoStore

        return MongoStore
    raise StartupError(
        f"Unknown store scheme {scheme!r}. "
        "Use sqlite:///FILE, sqlite:// (in memory) or mongodb://HOST/DATABASE."
    )


def open_store(url: str, *, clock: Clock = time.time) -> Store:
    """Open the store of a URL: `sqlite://…` or `mongodb://…`. Raises StartupError."""
    return store_class(url).open(url, clock=clock)
