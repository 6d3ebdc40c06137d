"""Stores: one interface, and one package per engine. Only this module knows which engines exist."""

from monotron.errors import StartupError
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.interface import Store

__all__ = ["Store", "open_store"]


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
    raise StartupError(
        f"There is no store for URLs that begin with {scheme!r}. "
        "Use sqlite:///FILE, sqlite:// (in memory) or mongodb://HOST/DATABASE."
    )
