"""The clock, the chance, the threads and the engines of a world, in the place of the real ones.

The stores take their clock and their database as arguments; what they import besides (sleeping,
threads, ids) is replaced by name while a world runs. Their own code is what runs.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

from bson import ObjectId

from faults.simulated.loop import Loop
from faults.simulated.threads import Event, Lock, Queue, Thread
from faults.simulated.world import World
from monotron.services import batcher as batching
from monotron.store.mongo import client as connection
from monotron.store.mongo import heads, series
from monotron.store.mongo import store as mongo_store
from monotron.store.sqlite import file as sqlite_file

Patch = tuple[ModuleType, str, Any]


@contextmanager
def installed(
    world: World, *, timeout: Any, connect: Any, patches: Sequence[Patch]
) -> Iterator[None]:
    """*timeout*: `pymongo.timeout`. *connect*: `sqlite3.connect`."""
    time = SimpleNamespace(
        monotonic=lambda: world.now, sleep=world.sleep, time=lambda: 1e9 + world.now
    )
    loop = Loop(world)
    new_id = _ids(world)
    changes: list[Patch] = [
        (batching, "asyncio", SimpleNamespace(get_running_loop=lambda: loop)),
        (connection, "time", time),
        (connection, "random", world.chance),
        (connection, "pymongo", SimpleNamespace(timeout=timeout)),
        (connection, "ObjectId", new_id),
        (heads, "time", time),
        (heads, "queue", SimpleNamespace(SimpleQueue=partial(Queue, world), Empty=queue.Empty)),
        (
            heads,
            "threading",
            SimpleNamespace(
                Event=partial(Event, world), Thread=partial(Thread, world), Lock=threading.Lock
            ),
        ),
        (series, "time", time),
        (series, "ObjectId", new_id),
        (mongo_store, "ObjectId", new_id),
        (sqlite_file, "time", time),
        (sqlite_file, "threading", SimpleNamespace(Lock=partial(Lock, world))),
        (sqlite_file, "sqlite3", _sqlite3(connect)),
        *patches,
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    log = logging.getLogger("monotron.store")
    quiet = log.disabled
    try:
        log.disabled = not world.verbose
        for module, name, value in changes:
            setattr(module, name, value)
        yield
    finally:
        log.disabled = quiet
        for module, name, value in reversed(before):
            setattr(module, name, value)


def _sqlite3(connect: Any) -> SimpleNamespace:
    """What of `sqlite3` the store uses."""
    return SimpleNamespace(
        connect=connect,
        Error=sqlite3.Error,
        SQLITE_BUSY=sqlite3.SQLITE_BUSY,
        SQLITE_CONSTRAINT=sqlite3.SQLITE_CONSTRAINT,
        SQLITE_FULL=sqlite3.SQLITE_FULL,
        sqlite_version_info=sqlite3.sqlite_version_info,
    )


def _ids(world: World) -> Callable[[], ObjectId]:
    """Ids that are new in the world, and the same again with the same seed."""
    last = 0

    def new_id() -> ObjectId:
        nonlocal last
        last += 1
        return ObjectId(last.to_bytes(12, "big"))

    return new_id
