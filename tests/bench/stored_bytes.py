"""The bytes that entries and releases need on disk."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

from monotron.model.allocation import AllocationRequest
from monotron.model.semver import VersionName
from monotron.model.series import ANYONE, Reuse, SeriesKey
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.store import Store, open_store
from support.mongod import ReplicaSet

SERIES = 8_000
ENTRIES = 40_000
NAMES = 80
RELEASES = 8_000
BATCH = 64
"""Requests of a batch, as under load. The oplog contains a transaction per batch."""


class MongoBytes(NamedTuple):
    """Bytes of one member."""

    entry: float
    """On disk, compressed, with its indexes."""

    document: float
    """Of an entry, uncompressed and without indexes: chunks are measured in this unit."""

    release: float
    """On disk, with its entry, and with the summary of its name."""

    head: float
    """Of a series, on disk, with its indexes."""

    oplog: float
    """Of an entry, uncompressed."""


def sqlite_bytes(folder: Path) -> tuple[float, float]:
    """The bytes of an entry, and of a release with its entry, in an SQLite file."""
    path = folder / "bytes.db"
    sizes = []
    for step in (_create_series, _create_entries, _create_names, _create_releases):
        store = open_store(f"sqlite:///{path}")
        step(store)
        store.close()
        sizes.append(path.stat().st_size)
    return (sizes[1] - sizes[0]) / ENTRIES, (sizes[3] - sizes[2]) / RELEASES


def mongo_bytes(nodes: ReplicaSet) -> MongoBytes:
    """The bytes of one member. Forces checkpoints."""
    store = open_store(nodes.url("bytes"))
    _create_series(store)
    start, oplog = _sizes(nodes), _stats(nodes, "local", "oplog.rs")["size"]
    _create_entries(store)
    entries, written = _sizes(nodes), _stats(nodes, "local", "oplog.rs")["size"]
    document = _stats(nodes, "bytes", "entries")["avgObjSize"]
    _create_names(store)
    names = _sizes(nodes)
    _create_releases(store)
    releases = _sizes(nodes)
    store.close()
    of_releases = sum(releases.values()) - sum(names.values())
    return MongoBytes(
        entry=(entries["entries"] - start["entries"]) / ENTRIES,
        document=document,
        release=of_releases / RELEASES,
        head=start["series"] / SERIES,
        oplog=(written - oplog) / ENTRIES,
    )


def _create_series(store: Store) -> None:
    _allocate(store, SERIES)


def _create_entries(store: Store) -> None:
    _allocate(store, ENTRIES)


def _create_names(store: Store) -> None:
    _assign(store, NAMES)


def _create_releases(store: Store) -> None:
    _assign(store, RELEASES)


def _allocate(store: Store, count: int) -> None:
    for start in range(0, count, BATCH):
        store.allocate(
            [
                AllocationRequest(
                    SeriesKey(1, f"team/project-{number % SERIES}"),
                    token_hex(20),
                    Reuse.ANY,
                    ANYONE,
                )
                for number in range(start, min(start + BATCH, count))
            ]
        )


def _assign(store: Store, count: int) -> None:
    for start in range(0, count, BATCH):
        store.releases.decide(
            [
                Assign(
                    VersionName(1, f"team/name-{number % NAMES}"), token_hex(20), VersionRequest()
                )
                for number in range(start, min(start + BATCH, count))
            ]
        )


def _sizes(nodes: ReplicaSet) -> dict[str, int]:
    """The bytes of each collection on disk, with its indexes, after a checkpoint."""
    nodes.primary().command({"fsync": 1}, seconds=60)
    sizes = {}
    for name in ("series", "entries", "names", "releases"):
        stats = _stats(nodes, "bytes", name)
        # Space that is free again after a checkpoint would make the result depend on chance.
        free = sum(
            file["block-manager"]["file bytes available for reuse"]
            for file in (stats["wiredTiger"], *stats["indexDetails"].values())
        )
        sizes[name] = stats["storageSize"] + stats["totalIndexSize"] - free
    return sizes


def _stats(nodes: ReplicaSet, database: str, name: str) -> dict[str, Any]:
    return nodes.primary().command({"collStats": name, "$db": database}, seconds=60)
