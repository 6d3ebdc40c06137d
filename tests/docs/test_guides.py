"""The shell blocks of the guides, run in a clone with the command `monotron` and a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs.page_blocks import blocks
from docs.test_drift import page, section, table
from support.server import Client, Server
from support.stand_in import HANG_UP, StandIn
from support.terminal import Terminal

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
        names = r"(version |adopt |next |series/|releases/)(?:shop|build)\b"
        text = re.sub(names, rf"\g<1>{self._shop}", text)
        text = text.replace('"shop:', f'"{self._shop}:')
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
            env={
                **inherited,
                "PATH": path,
                "MONOTRON_URL": self._url,
                "MONOTRON_API_KEY": "any",
                "RUN": "run-1",
                "no_proxy": "127.0.0.1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Replaces the name `shop` of a page."""
    return str(request.node.name)


@pytest.fixture
def clone(tmp_path: Path, server: Server, name: str) -> Clone:
    return Clone(tmp_path, server.url, name)


def assign(client: Client, name: str, version: str, token: str) -> None:
    response = client.request("PUT", f"/v1/versions/{name}/{token}?version={version}")
    assert response.status == 200, response


class TestFloatingTags:
    def test_a_hotfix_moves_the_git_tag_of_its_line_only(
        self, clone: Clone, client: Client, name: str
    ) -> None:
        (script,) = blocks("docs/floating-tags.md", "sh")
        first = clone.git("rev-parse", "HEAD")
        assign(client, name, "1.8.3", first)
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
    def test_each_part_gets_its_own_version(self, clone: Clone, client: Client, name: str) -> None:
        (script,) = blocks("docs/monorepos.md", "sh", "for part")
        for part in ("api", "web"):
            assign(client, f"{name}:{part}", "1.2.57", clone.git("rev-parse", "HEAD"))
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


OUTAGE = "docs/if-monotron-is-down.md"


class TestOutage:
    def test_a_release_without_monotron_is_recorded_afterwards(
        self, clone: Clone, client: Client, name: str
    ) -> None:
        find, publish, record, *_ = blocks(OUTAGE, "sh")
        last, recorded, *_ = blocks(OUTAGE, "text")
        assign(client, name, "2.4.7", clone.git("rev-parse", "HEAD"))
        for tag in ("v2.4.7", "v2.4.6", "v2", "v2.5.0-rc.1"):
            clone.git("push", "--quiet", "origin", f"HEAD:refs/tags/{tag}")
        commit = clone.commit("fix: urgent")
        assert clone.script(find) == last == "v2.4.7\n"
        clone.script(publish)
        assert version_of(client, name, "waiting") == "2.4.8"
        assert clone.script(record) == recorded == "2.4.107\n"
        assert version_of(client, name, "next") == "2.4.108"
        assert version_of(client, name, f"{commit}?bump=auto") == "2.4.107"

    def test_the_number_of_a_commit_with_another_version_is_reserved(
        self, clone: Clone, client: Client, name: str
    ) -> None:
        _, publish, record, reserve, *_ = blocks(OUTAGE, "sh")
        assign(client, name, "2.4.7", clone.git("rev-parse", "HEAD"))
        commit = clone.commit("fix: urgent")
        clone.script(publish)
        assert version_of(client, name, commit) == "2.4.8"  # its response was lost
        with pytest.raises(AssertionError, match=r"token_taken.*2\.4\.8"):
            clone.script(record)
        assert clone.script(reserve) == blocks(OUTAGE, "text")[2] == "2.4.107\n"
        assert version_of(client, name, "next") == "2.4.108"

    def test_a_version_that_was_published_twice_is_never_assigned_again(
        self, clone: Clone, client: Client, name: str
    ) -> None:
        (withdraw,) = blocks(OUTAGE, "sh", "/withdrawal")
        assign(client, name, "2.4.7", "first")
        assert version_of(client, name, "other") == "2.4.8"
        assert clone.script(withdraw) == "2.4.8\n"
        assert "2.4.8\n" in blocks(OUTAGE, "text")
        assert version_of(client, name, "next") == "2.4.9"

    def test_a_series_is_advanced_past_a_number_that_was_used(
        self, clone: Clone, client: Client, name: str
    ) -> None:
        (advance,) = blocks(OUTAGE, "sh", "/v1/series/")
        assert client.request("PUT", f"/v1/series/{name}/a").json()["value"] == 1
        clone.script(advance)
        assert client.request("PUT", f"/v1/series/{name}/b").json()["value"] == 3001

    def test_the_probes_of_a_server_respond(self, clone: Clone, server: Server) -> None:
        (probes,) = blocks(OUTAGE, "sh", "/livez")
        printed = clone.script(probes.replace("127.0.0.1:3030", f"127.0.0.1:{server.port}"))
        assert printed == "200\n200\n"
        assert printed in blocks(OUTAGE, "text")

    def test_the_table_of_clients_states_their_limits_and_exit_codes(self, tmp_path: Path) -> None:
        rows = {
            row[0]: row[1:] for row in table(section(page(OUTAGE), "## What a running build does"))
        }
        action = yaml.safe_load(page("action.yml"))["inputs"]
        assert (action["retries"]["default"], action["timeout"]["default"]) == ("8", "60")
        assert "${MONOTRON_TIMEOUT:-60}" in page("gitlab/job.sh")
        assert "${MONOTRON_RETRIES:-8}" in page("gitlab/job.sh")
        retry = '--retry 8 --retry-all-errors --retry-max-time "${MONOTRON_TIMEOUT:-60}"'
        assert retry in page("docs/ci/monotron.sh")
        limits = [limit.startswith("8 retries within 60 s") for limit, _ in rows.values()]
        assert limits == [True, True, True, True, False]
        with StandIn([HANG_UP]) as stopped:
            terminal = Terminal(tmp_path, stopped.url)
        assert "exit code 4" in rows["`monotron version`, `monotron next`"]
        terminal.fails(4, "version", "shop", "a", "--retries", "0")


def version_of(client: Client, name: str, token: str) -> str:
    """The version that a build of a token gets."""
    response = client.request("PUT", f"/v1/versions/{name}/{token}")
    return str(response.json()["version"])


class TestWhyNot:
    def test_numbers_and_versions_continue_from_those_of_another_tool(
        self, clone: Clone, client: Client, name: str
    ) -> None:
        number, adopt = blocks("docs/why-not.md", "sh")
        numbered, adopted = blocks("docs/why-not.md", "text")
        assert clone.script(number) == numbered == "2042\n"
        clone.git("tag", "v1.4.2")
        assert clone.script(adopt) == adopted == "1.4.2\n"
        assert version_of(client, name, "next") == "1.4.3"

    def test_the_table_has_an_entry_for_each_tool(self) -> None:
        rows = table(section(page("docs/why-not.md"), "## Comparison"))
        assert {len(row) for row in rows} == {7}
        assert all(cell for row in rows for cell in row)
