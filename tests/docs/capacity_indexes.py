"""The unique indexes that the MongoDB store creates, and the shard keys that they allow."""

from __future__ import annotations

from typing import NamedTuple

from contract.mock import mongomock_store

SHARD_KEYS = {
    "series": ("account", "key"),
    "entries": ("account", "key"),
    "attributes": ("account", "key"),
    "names": ("account", "name"),
    "releases": ("account", "name"),
    "usage": (),
    "auth_records": (),
    "token_uses": ("token",),
}
"""An empty shard key: the collection remains on one shard."""


class UniqueIndex(NamedTuple):
    """A unique index of a collection, with the shard key that is planned for it."""

    collection: str
    fields: tuple[str, ...]
    shard_key: tuple[str, ...]

    @property
    def starts_with_shard_key(self) -> bool:
        """Whether MongoDB can enforce the index in a sharded collection."""
        return self.fields[: len(self.shard_key)] == self.shard_key


def unique_indexes() -> list[UniqueIndex]:
    """Read them from the collections of a store, which its constructor created."""
    database = mongomock_store()._database
    return [
        UniqueIndex(name, tuple(field for field, _ in index["key"]), shard_key)
        for name, shard_key in SHARD_KEYS.items()
        for index in database.get_collection(name).index_information().values()
        if index.get("unique")
    ]


def collections() -> set[str]:
    """The collections that a store has created indexes of."""
    return set(mongomock_store()._database._database.list_collection_names())
