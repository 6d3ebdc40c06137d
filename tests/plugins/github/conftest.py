"""One server for all tests of the action. Each test uses a name of its own on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.github.action_step import ActionStep
from support.server import Client, Server
from support.workflows import Repository


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def step(server: Server, tmp_path: Path, name: str) -> ActionStep:
    return ActionStep(tmp_path, server.url, name)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")
