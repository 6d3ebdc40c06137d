"""Monotron with points at which it exits, waits or fails when a test arms them.

Run as `python failpoints.py FILE serve …`. A test arms a point in FILE. The product has no such
points: they are added here around its methods.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect
from tornado.iostream import IOStream, StreamClosedError

from monotron.cli.main import main
from monotron.errors import StoreUnavailable
from monotron.store.mongo import MongoStore
from monotron.store.sqlite import store as sqlite
from monotron.store.sqlite.file import Transaction

POINTS = [
    "before the store",
    "before the commit",
    "between the step and its record",
    "after the commit",
    "within the reply",
]
ACTIONS = ["exit", "wait", "fail"]
WAIT_SECONDS = 0.05
EXIT_CODE = 70


class Points:
    """The armed point, and how often each action happened, shared by a server and its test."""

    _SIZE = struct.Struct(f"=BB2x{len(POINTS) * len(ACTIONS)}I")

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(self._SIZE.size))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), self._SIZE.size)
        self._lock = threading.Lock()

    def arm(self, point: str, action: str) -> None:
        """Inject the action once, when the point is next reached."""
        self._shared[1] = ACTIONS.index(action)
        self._shared[0] = POINTS.index(point) + 1

    def done(self, point: str, action: str) -> int:
        """Return how often the action happened at the point."""
        done: int = self._SIZE.unpack(self._shared)[2 + self._place(point, action)]
        return done

    def reached(self, point: str, error: Callable[[], Exception]) -> None:
        """Exit, wait or raise if the point is armed."""
        with self._lock:
            if self._shared[0] != POINTS.index(point) + 1:
                return
            action = ACTIONS[self._shared[1]]
            self._shared[0] = 0
            offset = 4 + 4 * self._place(point, action)
            struct.pack_into("=I", self._shared, offset, self.done(point, action) + 1)
        if action == "exit":
            os._exit(EXIT_CODE)
        if action == "fail":
            raise error()
        time.sleep(WAIT_SECONDS)

    def _place(self, point: str, action: str) -> int:
        return POINTS.index(point) * len(ACTIONS) + ACTIONS.index(action)


def install(points: Points) -> None:
    """Add the points to the stores and to the writing of responses."""
    _around(
        sqlite.SqliteStore, "begin_allocate", points, before="before the store", error=_not_accepted
    )
    _around(MongoStore, "allocate", points, before="before the store", error=_not_accepted)
    _around_sqlite(points)
    _around_mongo(points)
    _around_replies(points)


def _not_accepted() -> Exception:
    return StoreUnavailable("Injected by a test.")


def _of_the_disk() -> Exception:
    return sqlite3.OperationalError("injected by a test")


def _of_the_network() -> Exception:
    return AutoReconnect("injected by a test")


def _around(
    owner: Any,
    name: str,
    points: Points,
    *,
    error: Callable[[], Exception],
    before: str = "",
    after: str = "",
    when: Callable[..., bool] = lambda *args: True,
) -> None:
    real = getattr(owner, name)

    @wraps(real)
    def call(*args: Any, **kwargs: Any) -> Any:
        concerned = when(*args)
        if before and concerned:
            points.reached(before, error)
        result = real(*args, **kwargs)
        if after and concerned:
            points.reached(after, error)
        return result

    setattr(owner, name, call)


def _around_sqlite(points: Points) -> None:
    _around(
        Transaction,
        "write",
        points,
        before="between the step and its record",
        error=_of_the_disk,
        when=lambda transaction, statement, *_: "INTO entries" in statement,
    )
    commit = Transaction.commit

    def committed(transaction: Transaction) -> None:
        execute = transaction.execute

        def execute_commit(statement: str) -> sqlite3.Cursor:
            points.reached("before the commit", _of_the_disk)
            cursor = execute(statement)
            points.reached("after the commit", _of_the_disk)
            return cursor

        if transaction.writes:
            transaction.execute = execute_commit  # type: ignore[assignment]
        commit(transaction)

    Transaction.commit = committed  # type: ignore[method-assign]


def _around_mongo(points: Points) -> None:
    _around(
        ClientSession,
        "commit_transaction",
        points,
        before="before the commit",
        after="after the commit",
        error=_of_the_network,
    )
    _around(
        Collection,
        "insert_many",
        points,
        before="between the step and its record",
        error=_of_the_network,
        when=lambda collection, *_: collection.name == "entries",
    )


def _around_replies(points: Points) -> None:
    write = IOStream.write

    def write_in_two(stream: IOStream, data: bytes | memoryview) -> Any:
        if bytes(data[:12]) != b"HTTP/1.1 200" or b"Monotron-Reused" not in bytes(data):
            return write(stream, data)
        half = len(data) // 2

        def broken() -> Exception:
            stream.close()
            return StreamClosedError()

        sent = write(stream, data[:half])
        try:
            points.reached("within the reply", broken)
        except StreamClosedError:
            return sent
        return write(stream, data[half:])

    IOStream.write = write_in_two


if __name__ == "__main__":
    install(Points(Path(sys.argv.pop(1))))
    sys.exit(main())
