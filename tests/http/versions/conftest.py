"""One server for all tests of versions, and names on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.server import Client, Server
from support.versions import outcomes, start_at


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a fresh SQLite file. It must run to the end without a stack trace."""
    with Server(f"sqlite:///{tmp_path_factory.mktemp('versions')}/monotron.db") as server:
        yield server
        assert server.running
    assert "Traceback" not in server.log()


@pytest.fixture
def new_name(fresh_key: str) -> str:
    """A name that no other test uses, without versions."""
    return fresh_key


@pytest.fixture
def name(client: Client, new_name: str) -> str:
    """A name that no other test uses, at 1.2.57."""
    start_at(client, new_name, "1.2.57")
    return new_name


@pytest.fixture
def name_with_versions(client: Client, name: str) -> str:
    """A name whose token a has the versions 1.2.58 and 1.3.0-rc.1."""
    assert outcomes(client, name, "a", "a?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
    return name
