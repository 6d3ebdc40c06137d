"""Pipelines of the documentation, in gitlab-ci-local. Only addresses and programs are replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.workflows import only_block
from plugins.gitlab.pipelines import COMPONENT, repository_with
from support.git_server import GitServer
from support.pipelines import Repository, Run, run_pipeline
from support.server import Client, Server

PUBLISH = '#!/bin/sh\necho "published $*"\n'
DOCKER = '#!/bin/sh\n[ "$1" != push ] || echo "published $2"\n'


class Shop:
    """The pipelines of acme/shop."""

    def __init__(self, repository: Repository, git_server: GitServer) -> None:
        self.repository = repository
        self._git_server = git_server

    def write(self, file: str, message: str) -> str:
        """Commit a change of a file."""
        path = self.repository.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message)
        return self.repository.commit(message)

    def published(self, folder: Path, *, check_schema: bool = False) -> tuple[Run, list[str]]:
        """Run the pipeline with the programs in a folder. What it published, sorted."""
        variables = {
            "CI_REPOSITORY_URL": f"{self._git_server.url}/shop",
            "CI_REGISTRY_IMAGE": "registry.example.com/shop",
        }
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        env = {"PATH": path}
        run = run_pipeline(self.repository, variables, env=env, check_schema=check_schema)
        assert run.passed, run.output
        lines = [line.partition("> published ") for line in run.output.splitlines()]
        return run, sorted(published for _, found, published in lines if found)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with docker."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    return folder


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path) as git_server:
        yield git_server


def shop_of(page: str, containing: str, server: Server, folder: Path, git: GitServer) -> Shop:
    """The repository with the pipeline of a page."""
    text = only_block(page, "yaml", containing, server.url)
    address = "$CI_SERVER_FQDN/your-group/monotron/version@1.0.0"
    repository = repository_with(folder, text.replace(address, COMPONENT))
    (repository.path / "publish").write_text(PUBLISH)
    (repository.path / "publish").chmod(0o755)
    repository.commit("chore: begin")
    return Shop(repository, git)


def assign(client: Client, name: str, version: str, token: str) -> None:
    response = client.request("PUT", f"/v1/versions/{name}/{token}?version={version}")
    assert response.status == 200, response


def test_a_hotfix_moves_the_image_tags_of_its_line_only(
    tmp_path: Path, server: Server, client: Client, programs: Path, git_server: GitServer
) -> None:
    """docs/floating-tags.md"""
    shop = shop_of("docs/floating-tags.md", "component", server, tmp_path, git_server)
    first = shop.repository.git("rev-parse", "HEAD")
    assign(client, "gl:acme:shop", "1.8.3", first)
    shop.repository.commit("feat: coupons")
    image = "registry.example.com/shop"
    _, published = shop.published(programs, check_schema=True)
    assert published == [f"{image}:{tag}" for tag in ("1", "1.9", "1.9.0", "latest")]
    shop.repository.git("checkout", "-q", "-b", "release/1.8", first)
    shop.write("a", "fix: totals")
    _, published = shop.published(programs)
    assert published == [f"{image}:{tag}" for tag in ("1.8", "1.8.4")]


def test_each_part_of_a_monorepo_gets_its_own_version(
    tmp_path: Path, server: Server, client: Client, programs: Path, git_server: GitServer
) -> None:
    """docs/monorepos.md"""
    shop = shop_of("docs/monorepos.md", "component", server, tmp_path, git_server)
    first = shop.repository.git("rev-parse", "HEAD")
    for part in ("api", "web"):
        assign(client, f"gl:acme:shop:{part}", "1.2.57", first)
    shop.write("web/a", "feat(web)!: b")
    shop.write("libs/common/a", "fix(common): a")
    _, published = shop.published(programs, check_schema=True)
    assert published == ["api 1.2.58", "web 2.0.0"]
    shop.write("api/a", "feat(api): c")
    run, published = shop.published(programs)
    assert published == ["api 1.3.0"]
    assert "web-version" in run.output
    assert "Monotron: no release (bump auto)" in run.output
