"""Stores: one interface, and one package per engine. Only this module maps a URL to an engine."""

from monotron.errors import InvalidSetting
from monotron.model.quotas import UNLIMITED, Quotas
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.interface import Store

__all__ = ["Store", "describe", "open_store", "store_class"]


def store_class(url: str) -> type[Store]:
    """Return the engine of a URL: `sqlite://…` or `mongodb://…`. Raises InvalidSetting.

    Drivers are imported here, only if their URL requires them.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from monotron.store.sqlite import SqliteStore

        return SqliteStore
    if scheme in ("mongodb", "mongodb+srv"):
        from monotron.store.mongo import MongoStore

        return MongoStore
    # The URL is not shown: it may contain a password.
    raise InvalidSetting(
        "The store must be sqlite:///FILE, sqlite:// (in memory), mongodb://HOST/DATABASE or "
        "mongodb+srv://HOST/DATABASE."
    )


def open_store(
    url: str,
    *,
    runtime: Runtime = PRODUCTION,
    quotas: Quotas = UNLIMITED,
    exclusive: str = "",
) -> Store:
    """Open the store of a URL, as `Store.open` describes. Raises InvalidSetting."""
    return store_class(url).open(url, runtime=runtime, quotas=quotas, exclusive=exclusive)


def describe(url: str) -> str:
    """Return a description of where the store of a URL keeps its data, without secrets."""
    return store_class(url).describe(url)
