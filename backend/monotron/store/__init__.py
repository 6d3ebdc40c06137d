"""Stores: one interface, and one package per engine. Only this module knows which engines exist."""

import re

from monotron.errors import StartupError
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.interface import Store

__all__ = ["Store", "describe", "open_store"]


def open_store(url: str, *, runtime: Runtime = PRODUCTION) -> Store:
    """The store behind a URL: `sqlite://…` or `mongodb://…`. `StartupError` says what is wrong.

    Drivers are imported here, only when their URL asks for them.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from monotron.store.sqlite import SqliteStore

        return SqliteStore.open(url, runtime=runtime)
    if scheme in ("mongodb", "mongodb+srv"):
        from monotron.store.mongo import MongoStore

        return MongoStore.open(url, runtime=runtime)
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
