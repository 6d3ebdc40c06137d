"""One server for all tests, and a name of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.gitlab.origin import BASIC, Origin
from plugins.gitlab.project import Project
from support.git_server import GitServer
from support.server import Client, Server


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


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path, BASIC) as git_server:
        yield git_server


@pytest.fixture
def origin(tmp_path: Path, project: Project, git_server: GitServer) -> Origin:
    origin = Origin(tmp_path, project, git_server)
    origin.commit("fix: first", "README")
    return origin


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client
