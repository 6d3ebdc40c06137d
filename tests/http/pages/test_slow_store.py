"""A store that does not respond: pages state it, and the server continues when it responds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from monotron.store.sqlite.file import SqliteFile, Transaction
from monotron.web.pages import handler
from support.pages import HTML, check_page, reader
from support.server_thread import ServerThread
from support.versions import assign

PATHS = ("/", "/names/shop", "/names/shop/0.0.1", "/series", "/series/shop-patch-v0.0", "/status")


class Stuck:
    """A file whose transactions wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._responds = threading.Event()
        real = SqliteFile.transaction

        @contextmanager
        def transaction(file: SqliteFile) -> Iterator[Transaction]:
            self._responds.wait()
            with real(file) as begun:
                yield begun

        monkeypatch.setattr(SqliteFile, "transaction", transaction)
        monkeypatch.setattr(SqliteFile, "begin_immediately", lambda _: None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._responds.set()


def test_pages_are_answered_while_the_store_does_not_respond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ServerThread("sqlite://") as server, server.client() as client:
        assign(client, "shop", "c1")
        with monkeypatch.context() as patch, Stuck(patch):
            patch.setattr(handler, "PAGE_SECONDS", 0.1)
            for path in PATHS:
                document = check_page(client.request("GET", path, headers=HTML), 503)
                assert document.one("h1").text == "503 Store unavailable"
                assert "was not ready within 0.1 s" in document.one("main").text
        for path in PATHS:
            reader(client)(path)
