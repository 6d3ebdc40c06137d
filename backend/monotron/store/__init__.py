"""Stores: one interface, and one package per engine. Only this module knows which engines exist."""

import re
import time

from monotron.errors import StartupError
from monotron.store.interface import Clock, Store

__all__ = ["Store", "describe", "open_store"]


def open_store(url: str, *, clock: Clock = time.time) -> Store:
    """The store behind a URL: `sqlite://…` or `mongodb://…`. `StartupError` says what is wrong.

    Drivers are imported here, only when their URL asks for them.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from monotron.store.sqlite import SqliteStore

        return SqliteStore.open(url, clock=clock)
    if scheme in ("mongodb", "mongodb+srv"):
        from monotron.store.mongo import MongoStore

        return MongoStore.open(url, clock=clock)
    # The URL is not shown: it may contain a password.
    raise StartupError(
        "The store must be sqlite:///FILE, sqlite:// (in memory), mongodb://HOST/DATABASE or "
        "mongodb+srv://HOST/DATABASE."
    )


def describe(url: str) -> str:
    """A store's URL without user, password and options, for the log."""
    if url.startswith("sqlite:"):
        return url
    return re.sub(r"(?<=//).*@", "", url).partition("?")[0]
