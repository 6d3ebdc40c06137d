"""Servers with and without versions, and a client that reads pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.pages import Read, reader
from support.server import Server


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
