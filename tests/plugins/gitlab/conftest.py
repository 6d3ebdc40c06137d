"""One server for all tests, and a name of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.gitlab.project import Project
from support.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def project(server: Server, request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    return Project(server.url, tmp_path / "project", request.node.name)


@pytest.fixture
def url(server: Server) -> str:
    return server.url


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name
