"""Pipelines of the documentation, in gitlab-ci-local. Only addresses and programs are replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from docs.page_blocks import blocks, only_block
from plugins.gitlab.pipelines import (
    COMPONENT,
    COMPONENT_OF_PAGES,
    provide_docker,
    repository_with,
)
from support.git_server import GitServer
from support.pipelines import JOB, Repository, Run, run_pipeline
from support.server import Client, Server

PUBLISH = '#!/bin/sh\necho "published $*"\n'


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

    def run(self, env: Mapping[str, str] | None = None, *, check_schema: bool = False) -> Run:
        """Run the pipeline."""
        variables = {
            "CI_REPOSITORY_URL": f"{self._git_server.url}/shop",
            "CI_REGISTRY_IMAGE": "registry.example.com/shop",
        }
        run = run_pipeline(self.repository, variables, env=env, check_schema=check_schema)
        assert run.passed, run.output
        return run


@pytest.fixture
def server() -> Iterator[Server]:
    """A server without versions, because the pages use the same names."""
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path) as git_server:
        yield git_server


def shop_of(page: str, containing: str, server: Server, folder: Path, git: GitServer) -> Shop:
    """The repository with the pipeline of a page."""
    text = only_block(page, "yaml", containing, server.url)
    repository = repository_with(folder, text.replace(COMPONENT_OF_PAGES, COMPONENT))
    (repository.path / "publish").write_text(PUBLISH)
    (repository.path / "publish").chmod(0o755)
    repository.commit("chore: begin")
    return Shop(repository, git)


def assign(client: Client, name: str, version: str, token: str) -> None:
    response = client.request("PUT", f"/v1/versions/{name}/{token}?version={version}")
    assert response.status == 200, response


def pushed_images(run: Run) -> list[str]:
    """The tags of the images that a job pushed, in order."""
    prefix = "docker push registry.example.com/shop:"
    lines = run.lines("publish-image")
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


def published(run: Run) -> list[str]:
    """The lines of `publish`, sorted."""
    lines = [line for part in ("api", "web") for line in run.lines(f"publish-{part}")]
    return sorted(line for line in lines if line.startswith("published"))


def test_a_hotfix_moves_the_image_tags_of_its_line_only(
    tmp_path: Path, server: Server, client: Client, git_server: GitServer
) -> None:
    """docs/floating-tags.md"""
    shop = shop_of("docs/floating-tags.md", "component", server, tmp_path, git_server)
    first = shop.repository.git("rev-parse", "HEAD")
    assign(client, "gl:acme:shop", "1.8.3", first)
    shop.repository.commit("feat: coupons")
    docker = provide_docker(tmp_path / "programs")
    newer = shop.run(docker, check_schema=True)
    assert pushed_images(newer) == ["1.9.0", "1.9", "1", "latest"]
    shop.repository.git("checkout", "-q", "-b", "release/1.8", first)
    shop.write("a", "fix: totals")
    assert pushed_images(shop.run(docker)) == ["1.8.4", "1.8"]


def test_each_part_of_a_monorepo_gets_its_own_version(
    tmp_path: Path, server: Server, client: Client, git_server: GitServer
) -> None:
    """docs/monorepos.md"""
    shop = shop_of("docs/monorepos.md", "component", server, tmp_path, git_server)
    first = shop.repository.git("rev-parse", "HEAD")
    for part in ("api", "web"):
        assign(client, f"gl:acme:shop:{part}", "1.2.57", first)
    shop.write("web/a", "feat(web)!: b")
    shop.write("libs/common/a", "fix(common): a")
    run = shop.run(check_schema=True)
    assert published(run) == ["published api 1.2.58", "published web 2.0.0"]
    shop.write("api/a", "feat(api): c")
    run = shop.run()
    assert published(run) == ["published api 1.3.0"]
    assert "Monotron: no release (bump auto)" in run.lines("web-version")


def test_the_paths_of_the_readme_select_commits(
    tmp_path: Path, server: Server, client: Client, git_server: GitServer
) -> None:
    """gitlab/README.md"""
    shop = shop_of("gitlab/README.md", "paths: |", server, tmp_path, git_server)
    first = shop.repository.git("rev-parse", "HEAD")
    assign(client, "gl:acme:shop:api", "1.2.57", first)
    shop.write("libs/common/a", "fix: a")
    shop.write("web/a", "feat!: b")
    assert "Monotron: 1.2.58 (bump auto)" in shop.run(check_schema=True).lines(JOB)


def test_the_counter_of_the_readme_counts_pipelines(tmp_path: Path, url: str) -> None:
    """gitlab/README.md"""
    (text,) = blocks("gitlab/README.md", "yaml", "MONOTRON_MODE")
    repository = repository_with(tmp_path, "include:\n  - local: monotron.gitlab-ci.yml\n" + text)
    run = run_pipeline(repository, {"MONOTRON_URL": url}, check_schema=True)
    assert "Monotron: 1" in run.lines(JOB)


def test_every_pipeline_of_the_readme_is_executed() -> None:
    """Here: two. In test_keyless_guide.py: four. The account in test_two_tenants.py, the rules in
    test_pipeline_includes.py, and the labels in test_pipeline_scenarios.py."""
    assert len(blocks("gitlab/README.md", "yaml")) == 9
