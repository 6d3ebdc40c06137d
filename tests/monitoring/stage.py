"""What scenes consist of: servers with prepared stores, and actions that last until the end."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from faults.disk import Disk
from monotron.store import open_store
from monotron.store.auth_interface import AuthRecord, RecordChange
from support.http import Client
from support.series import put_all
from support.server import ROOT, ROOT_ENV, Server
from support.server_thread import ServerThread
from support.stoppable import Stoppable

Started = TypeVar("Started", bound=Stoppable)


class Stage:
    """Starts servers, also in several threads, and stops them at the end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """*stack* stops what was started, and *folder* contains the files of stores."""
        self.folder = folder
        self._stack = stack
        self._is_over = threading.Event()

    def start(self, started: Started) -> Started:
        """Stop it at the end."""
        return self._stack.enter_context(started)

    def thread(
        self,
        name: str,
        *,
        audited: int | None = 0,
        backed_up: int | None = None,
        **settings: str,
    ) -> ServerThread:
        """A server with a new store."""
        url = self.prepared(name, audited=audited, backed_up=backed_up)
        return self.start(ServerThread(url, env=ROOT_ENV, **settings))

    def prepared(self, name: str, **ages: int | None) -> str:
        """The URL of a new store."""
        url = f"sqlite:///{self.folder}/{name}.db"
        self.prepare(url, **ages)
        return url

    def on_disk(self, name: str) -> tuple[Disk, Server]:
        """A disk, and a server with a new store on it."""
        disk = Disk(self.folder / f"{name}.db")
        self.prepare(disk.url)
        return disk, self.start(Server(disk.url, env={**ROOT_ENV, **disk.env}))

    def client(self, url: str) -> Client:
        """A client with the root key."""
        return self.start(Client(url, authorization=ROOT))

    def prepare(self, url: str, *, audited: int | None = 0, backed_up: int | None = None) -> None:
        """Create a store that was audited and backed up this number of seconds ago."""
        with closing(open_store(url)) as store:
            for task, age in (("audit", audited), ("backup", backed_up)):
                if age is not None:
                    body = {"finished_at": int(time.time()) - age, "findings": 0}
                    record = AuthRecord(task, 0, body)
                    assert store.auth_records.change([RecordChange("maintenance", None, record)])

    def assign(self, file: Path) -> None:
        """Create a store with a series of two values."""
        self.prepare(f"sqlite:///{file}")
        with ServerThread(f"sqlite:///{file}") as server, server.client() as client:
            put_all(client, "build", "a", "b")

    def damage(self, file: Path, statement: str) -> None:
        """Create such a store, and change it."""
        self.assign(file)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement)

    def repeatedly(self, action: Callable[[], object]) -> None:
        """Do it again and again until the end."""

        def repeat() -> None:
            while not self._is_over.wait(0.1):
                action()

        thread = threading.Thread(target=repeat)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(self._is_over.set)
