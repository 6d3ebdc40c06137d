"""The shell blocks of the guides, run in a clone with the command `monotron` and a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.workflows import blocks
from support.server import Client, Server

PUBLISH = '#!/bin/sh\necho "published $*"\n'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


class Clone:
    """A clone of a repository whose default branch is main."""

    def __init__(self, folder: Path, url: str, shop: str) -> None:
        """*shop* replaces the name `shop` of the page."""
        self.folder = folder / "clone"
        self.origin = folder / "origin.git"
        self._url = url
        self._shop = shop
        self._run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self._run("git", "clone", "--quiet", str(self.origin), str(self.folder))
        (self.folder / "publish").write_text(PUBLISH)
        (self.folder / "publish").chmod(0o755)
        self.commit("chore: begin")
        self.git("push", "--quiet", "origin", "HEAD:main")
        self.git("remote", "set-head", "origin", "--auto")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        return self._run("git", "-C", str(self.folder), *identity, *arguments).stdout.strip()

    def commit(self, message: str, file: str = "a") -> str:
        """Commit a change of a file."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message)
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def script(self, text: str) -> str:
        """Run a script of the page. Returns its output."""
        text = text.replace("version shop", f"version {self._shop}")
        text = text.replace("shop:", f"{self._shop}:")
        return self._run("sh", "-eu", "-c", text, cwd=self.folder).stdout

    def tags(self) -> dict[str, str]:
        """The tags of the repository, and their commits."""
        lines = self._run("git", "-C", str(self.origin), "for-each-ref", "refs/tags").stdout
        rows = [line.split() for line in lines.splitlines()]
        return {ref.removeprefix("refs/tags/"): commit for commit, _, ref in rows}

    def _run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MONOTRON", "GIT"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
        process = subprocess.run(
            command,
            cwd=cwd,
            env={**inherited, "PATH": path, "MONOTRON_URL": self._url, "no_proxy": "127.0.0.1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process


@pytest.fixture
def clone(tmp_path: Path, server: Server, request: pytest.FixtureRequest) -> Clone:
    return Clone(tmp_path, server.url, request.node.name)


def assign(client: Client, name: str, version: str, token: str) -> None:
    response = client.request("PUT", f"/v1/versions/{name}/{token}?version={version}")
    assert response.status == 200, response


class TestFloatingTags:
    def test_a_hotfix_moves_the_git_tag_of_its_line_only(
        self, clone: Clone, client: Client, request: pytest.FixtureRequest
    ) -> None:
        (script,) = blocks("docs/floating-tags.md", "sh")
        first = clone.git("rev-parse", "HEAD")
        assign(client, request.node.name, "1.8.3", first)
        newer = clone.commit("feat: coupons")
        clone.script(script)
        assert clone.tags() == dict.fromkeys(("v1", "v1.9", "v1.9.0"), newer)
        clone.git("checkout", "--quiet", "-b", "release/1.8", first)
        hotfix = clone.commit("fix: totals")
        clone.script(script)
        moved = [tag for tag, commit in clone.tags().items() if commit == hotfix]
        assert moved == ["v1.8", "v1.8.4"]
        assert clone.tags()["v1"] == newer


class TestMonorepos:
    def test_each_part_gets_its_own_version(
        self, clone: Clone, client: Client, request: pytest.FixtureRequest
    ) -> None:
        (script,) = blocks("docs/monorepos.md", "sh", "for part")
        for part in ("api", "web"):
            assign(client, f"{request.node.name}:{part}", "1.2.57", clone.git("rev-parse", "HEAD"))
        clone.commit("feat(web)!: b", "web/a")
        clone.commit("fix(api): a", "api/a")
        assert clone.script(script) == "published api 1.2.58\npublished web 2.0.0\n"
        clone.commit("feat(api): c", "api/a")
        assert clone.script(script) == "published api 1.3.0\n"

    def test_a_part_continues_from_its_tags(self, clone: Clone) -> None:
        (script,) = blocks("docs/monorepos.md", "sh", "adopt")
        for tag in ("v9.0.0", "web/v3.0.0", "api/v1.2.57"):
            clone.git("tag", tag)
        assert clone.script(script) == "1.2.57\n"
