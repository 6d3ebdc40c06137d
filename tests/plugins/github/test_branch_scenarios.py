"""Branches, lines, tags and parts of a repository, on a real runner with a real service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.page_blocks import only_block
from plugins.github.test_scenarios import Shop
from support.github_tags import GitHubTags
from support.keyless import token_endpoint
from support.server import ROOT_ENV, Client, Server
from support.workflows import Run, annotation_of, expect, expected, step, workflow


class Branches(Shop):
    """The repository `acme/shop` at 1.2.57, with pushes to any branch."""

    def checkout(self, branch: str, start: str = "") -> None:
        """Check out a branch, or create it at *start*."""
        self.git("checkout", "--quiet", *(["-b", branch, start] if start else [branch]))

    def pushed(self, text: str, **env: str) -> Run:
        """Run a workflow for a push of the current branch."""
        branch = self.git("symbolic-ref", "--short", "HEAD")
        repository = {"id": 4711, "default_branch": "main"}
        payload = {"ref": f"refs/heads/{branch}", "repository": repository}
        env = {
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": self._git_server.url,
            **env,
        }
        with token_endpoint(lambda _: "eyJ.identity.token") as (runner, _):
            secrets = {"GITHUB_TOKEN": "ghs_secret"}
            run = self.run(text, payload=payload, secrets=secrets, env={**runner, **env})
        assert run.succeeded, run.output
        return run

    def write(self, file: str, message: str) -> str:
        """Commit a change of a file."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message)
        self.git("add", file)
        return self.commit(message)


@pytest.fixture
def shop(tmp_path: Path, server: Server, client: Client, name: str) -> Iterator[Branches]:
    shop = Branches(tmp_path, server, client, name)
    yield shop
    shop.stop()


def adopt(client: Client, name: str, version: str, token: str) -> None:
    response = client.request("PUT", f"/v1/versions/{name}/{token}?version={version}")
    assert response.status == 200, response


def test_a_beta_branch_never_goes_backwards_and_its_last_version_is_promoted(
    shop: Branches, server: Server, name: str
) -> None:
    """Case 1. All pushes are steps of one run, each for its commit."""
    pushes = {
        "feat: a": "1.3.0-beta.1",
        "fix: b": "1.3.0-beta.2",
        "feat!: c": "2.0.0-beta.1",
        "docs: d": "2.0.0-beta.2",
        "fix: e": "2.0.0-beta.3",
        "feat: f": "2.0.0-beta.4",
    }
    call = {"url": server.url, "name": name}
    steps = ""
    shop.checkout("beta", "main")
    for number, (message, version) in enumerate(pushes.items()):
        commit = shop.commit(message)
        inputs = {"bump": "auto", "prerelease": "beta", "idempotency_token": commit}
        steps += step(f"push-{number}", **call, **inputs)
        steps += expect(f"push-{number}", version=version, is_latest="false", changed="true")
    steps += step("final", **call, bump="final", prerelease="beta")
    steps += expect("final", version="2.0.0", is_latest="true", previous_version="1.2.57")
    expected(shop.pushed(workflow(steps)))


def test_one_workflow_serves_the_default_branch_lines_and_features(
    shop: Branches, server: Server, name: str
) -> None:
    """Case 16."""
    call = {"url": server.url, "name": name, "bump": "auto"}
    call |= {"prerelease": "branch", "line": "branch"}
    pushes = [
        ("main", "feat!: a", "2.0.0", "true"),
        ("release/1.2", "fix: b", "1.2.58", "false"),
        ("feature/Add_x", "feat: c", "2.1.0-feature-add-x.1", "false"),
    ]
    first = shop.git("rev-parse", "HEAD")
    for branch, message, version, latest in pushes:
        if branch != "main":
            shop.checkout(branch, first if branch.startswith("release") else "main")
        shop.commit(message)
        text = workflow(step(**call) + expect(version=version, is_latest=latest))
        expected(shop.pushed(text))


def test_a_pull_request_that_was_closed_without_a_merge_gets_no_version(
    shop: Branches, client: Client, name: str
) -> None:
    """Case 22, with a workflow that creates tags when a pull request is closed."""
    head = shop.commit("feat: coupons")
    pull_request = {"number": 12, "state": "closed", "merged": False, "head": {"sha": head}}
    payload: dict[str, object] = {"action": "closed", "pull_request": pull_request}
    token = {"create_tag": "true", "github_token": "ghs_secret"}
    for inputs in ({}, {"prerelease": "rc"}):
        run = shop.decides(
            "1.3.0-rc.1" if inputs else "1.3.0",
            event="pull_request",
            payload=payload,
            inputs={**token, **inputs},
            changed="false",
        )
        assert "a pull request that was closed without a merge never gets a" in run.output
    assert client.request("GET", f"/v1/versions/{name}").json()["version"] == "1.2.57"
    assert client.request("GET", f"/v1/versions/{name}/{head}").status == 404


def test_a_pull_request_of_a_fork_without_secrets_is_skipped_or_fails(
    shop: Branches, name: str
) -> None:
    """GitHub passes empty secrets, and no identity token, to the job."""
    head = {"sha": shop.commit("feat: coupons"), "repo": {"id": 666, "fork": True}}
    pull_request = {"number": 12, "state": "open", "head": head, "base": {"ref": "main"}}
    with Server("sqlite://", env=ROOT_ENV) as server:
        call = {"url": server.url, "name": name, "api_key": "${{ secrets.MONOTRON_API_KEY }}"}
        text = workflow(
            step("skipped", **call, on_no_credentials="skip")
            + expect("skipped", version="", changed="false")
            + step("failed", **call, on_no_credentials="fail"),
            on="pull_request",
        )
        run = shop.run(text, event="pull_request", payload={"pull_request": pull_request})
    assert "EXPECTED skipped" in run.printed
    annotation = annotation_of(run)
    assert annotation.startswith("This job has no credentials. unauthenticated (401): ")
    assert "Pull requests from forks get neither." in annotation


class TestPages:
    """Workflows of the documentation. Only the address and the programs are replaced."""

    @pytest.fixture
    def server(self) -> Iterator[Server]:
        """A server without versions, because the pages use the same names."""
        with Server("sqlite://") as server:
            yield server

    def test_a_hotfix_moves_the_tags_of_its_line_only(
        self, shop: Branches, server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """docs/floating-tags.md (case 17)."""
        text = only_block("docs/floating-tags.md", "yaml", "move-tags", server.url)
        first = shop.git("rev-parse", "HEAD")
        adopt(client, "gh:acme:shop", "1.8.3", first)
        log = provide_docker(shop.folder.parent / "bin", monkeypatch)
        with GitHubTags() as github:
            newer = shop.commit("feat: coupons")
            shop.pushed(text, GITHUB_API_URL=github.url)
            assert github.tags == dict.fromkeys(("v1.9.0", "v1", "v1.9"), newer)
            assert pushed_images(log) == ["1.9.0", "1.9", "1", "latest"]
            shop.checkout("release/1.8", first)
            hotfix = shop.commit("fix: totals")
            shop.pushed(text, GITHUB_API_URL=github.url)
        assert {tag for tag, commit in github.tags.items() if commit == hotfix} == {
            "v1.8.4",
            "v1.8",
        }
        assert (github.tags["v1"], github.tags["v1.9"]) == (newer, newer)
        assert pushed_images(log)[4:] == ["1.8.4", "1.8"]

    def test_each_part_of_a_monorepo_gets_its_own_version(
        self, shop: Branches, server: Server, client: Client
    ) -> None:
        """docs/monorepos.md (case 15)."""
        first = shop.git("rev-parse", "HEAD")
        for part in ("api", "web", "cli"):
            adopt(client, f"gh:acme:shop:{part}", "1.2.57", first)
        shop.write("web/a", "feat(web)!: b")
        shop.write("libs/common/a", "fix(common): a")
        text = only_block("docs/monorepos.md", "yaml", "matrix.part", server.url)
        run = shop.pushed(text.replace("./publish", "echo published"))
        assert published(run) == ["published api 1.2.58", "published web 2.0.0"]
        shop.write("api/a", "feat(api): c")
        text = only_block("docs/monorepos.md", "yaml", "steps.web.outputs", server.url)
        run = shop.pushed(text.replace("./publish", "echo published"))
        assert published(run) == ["published api 1.3.0"]
        assert "no release" in run.output


def provide_docker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program on the PATH that logs the images that are pushed. Returns the log."""
    log = folder / "log"
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" != push ] || echo "$2" >>{log}\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def pushed_images(log: Path) -> list[str]:
    prefix = "registry.example.com/shop:"
    return [line.removeprefix(prefix) for line in log.read_text().splitlines()]


def published(run: Run) -> list[str]:
    return sorted(line for line in run.printed if line.startswith("published"))
