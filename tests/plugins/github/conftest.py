"""One server for all tests of the action. Each test uses a name of its own on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from plugins.github.action_step import ActionStep
from plugins.github.project import Project
from plugins.github.request_shop import RequestShop
from support.github_api import GitHubApi
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


@pytest.fixture
def project(tmp_path: Path, step: ActionStep) -> Project:
    return Project(tmp_path, step)


@pytest.fixture
def released(project: Project) -> Project:
    """A project at version 0.0.1, with a feature and then a fix that have no version."""
    project.commit("fix: first")
    workspace = project.clone()
    assert project.run(GITHUB_WORKSPACE=workspace) == "0.0.1"
    project.commit("feat: coupons")
    project.commit("fix: a typo")
    subprocess.run(["git", "pull", "--quiet"], cwd=workspace, check=True)
    return project


@pytest.fixture
def shop(project: Project, client: Client, name: str) -> Iterator[RequestShop]:
    first = project.commit("fix: first")
    client.request("PUT", f"/v1/versions/{quote(name, safe='')}/{first}?version=1.2.57")
    with GitHubApi(project.origin) as api:
        yield RequestShop(project, api)
