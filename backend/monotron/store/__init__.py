"""Where series are kept: one interface (`base`), and a module an engine."""

from monotron.store.base import Store, open_store

__all__ = ["Store", "open_store"]
