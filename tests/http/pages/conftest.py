"""Servers with and without versions, and a client that reads pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.page_data import assign_hostile, assign_shop
from support.pages import Read, reader
from support.server import Server
from support.versions import assign


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An open server without versions and series."""
    with Server(f"sqlite:///{tmp_path_factory.mktemp('empty')}/monotron.db") as server:
        yield server
    assert "Traceback" not in server.log()


@pytest.fixture
def read(server: Server) -> Iterator[Read]:
    """Reads a page of the open server that all modules share."""
    with server.client() as client:
        yield reader(client)


@pytest.fixture
def read_empty(empty: Server) -> Iterator[Read]:
    """Reads a page of the server without versions."""
    with empty.client() as client:
        yield reader(client)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An open server with versions of all kinds, hostile names, and 120 further names."""
    with Server(f"sqlite:///{tmp_path_factory.mktemp('full')}/monotron.db") as server:
        with server.client() as client:
            assign_shop(client)
            assign_hostile(client)
            for number in range(120):
                assign(client, f"team/service-{number:03}", f"{number:040x}?bump=minor")
        yield server
    assert "Traceback" not in server.log()


@pytest.fixture
def read_full(full: Server) -> Iterator[Read]:
    """Reads a page of the server with versions."""
    with full.client() as client:
        yield reader(client)
