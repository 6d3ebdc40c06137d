"""The commits that the action reads for `bump: auto`, from each of its sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from monotron_ci.auto import MAX_TEXT_BYTES, joined
from monotron_ci.errors import Failure
from monotron_ci.git import Clone
from plugins.github.project import Project
from support.git_server import GitServer
from support.github_api import GitHubApi
from support.server import Client
from support.stand_in import ReceivedRequest, Reply, StandIn

Output = pytest.CaptureFixture[str]

DRY = {"dry-run": "true"}
TOKEN = "ghs_0123456789abcdef"
BASIC = f"Basic {b64encode(f'x-access-token:{TOKEN}'.encode()).decode()}"


class TestClone:
    def test_the_commits_of_a_cancelled_run_count(self, released: Project, capsys: Output) -> None:
        released.step.event = {"commits": [{"message": "fix: a typo"}]}
        assert released.run(GITHUB_WORKSPACE=str(released.folder / "workspace")) == "0.1.0"
        assert "minor: feat: coupons (2 commits since 0.0.1)\n" in capsys.readouterr().out
        assert "| reason | `2 commits since 0.0.1: feat: coupons` |" in released.step.summary

    @pytest.mark.parametrize("kind", ["schedule", "workflow_dispatch"])
    def test_an_event_without_commits_needs_no_inputs(self, kind: str, released: Project) -> None:
        workspace = str(released.folder / "workspace")
        assert released.run(GITHUB_WORKSPACE=workspace, GITHUB_EVENT_NAME=kind) == "0.1.0"

    def test_a_commit_before_the_newest_version_gets_no_release(
        self, released: Project, capsys: Output
    ) -> None:
        workspace = str(released.folder / "workspace")
        assert released.run(GITHUB_WORKSPACE=workspace) == "0.1.0"
        before = released.git("rev-parse", "HEAD^")
        capsys.readouterr()
        assert released.run(GITHUB_WORKSPACE=workspace, GITHUB_SHA=before) == ""
        assert "No commits follow the newest version." in released.step.summary

    def test_only_commits_that_change_the_paths_count(self, project: Project) -> None:
        project.commit("fix: first", "api/a")
        workspace = project.clone()
        assert project.run(GITHUB_WORKSPACE=workspace) == "0.0.1"
        project.commit("feat(web)!: new", "web/a")
        head = project.commit("fix(api): a", "api/deep/b")
        subprocess.run(["git", "pull", "--quiet"], cwd=workspace, check=True)
        inputs = {"paths": "docs\napi/**\n", "dry-run": "true"}
        assert (
            project.step.run(
                {"bump": "auto", **inputs}, GITHUB_SHA=head, GITHUB_WORKSPACE=workspace
            )
            == 0
        )
        assert project.step.outputs["version"] == "0.0.2"
        assert project.run({"paths": "docs"}, GITHUB_WORKSPACE=workspace) == ""

    def test_since_sets_the_start(self, released: Project) -> None:
        workspace = str(released.folder / "workspace")
        since = released.git("rev-parse", "HEAD^")
        assert released.run({"since": since}, GITHUB_WORKSPACE=workspace) == "0.0.2"

    def test_since_can_be_a_branch_of_the_remote(self, released: Project) -> None:
        """`actions/checkout` creates a local branch for the ref of the event only."""
        released.git("branch", "release/0.x", "HEAD^")
        workspace = released.clone(name="complete")
        inputs = {"since": "release/0.x"}
        assert released.run(inputs, GITHUB_WORKSPACE=workspace) == "0.0.2"

    def test_an_unknown_since_is_an_error(self, released: Project, capsys: Output) -> None:
        workspace = str(released.folder / "workspace")
        head = released.git("rev-parse", "HEAD")
        inputs = {"bump": "auto", "since": "v9.9.9"}
        assert released.step.run(inputs, GITHUB_SHA=head, GITHUB_WORKSPACE=workspace) == 1
        assert "`since` is 'v9.9.9', which is not a commit of" in capsys.readouterr().out


class TestOtherSources:
    """A shallow clone, or none."""

    def test_without_a_complete_clone_the_action_fetches_the_commits_itself(
        self, released: Project, tmp_path: Path, capsys: Output
    ) -> None:
        shallow = released.clone("--depth=1", name="shallow")
        with GitServer(tmp_path, BASIC) as server:
            version = released.run(
                {"github-token": TOKEN}, GITHUB_WORKSPACE=shallow, GITHUB_SERVER_URL=server.url
            )
        assert version == "0.1.0"
        printed = capsys.readouterr().out
        assert "(2 commits since 0.0.1)" in printed
        assert "warning" not in printed
        assert TOKEN not in printed.replace(f"::add-mask::{TOKEN}", "")
        assert (
            subprocess.check_output(["git", "rev-parse", "--is-shallow-repository"], cwd=shallow)
            == b"true\n"
        )

    def test_since_is_a_tag_rather_than_an_abbreviated_hash(
        self, released: Project, tmp_path: Path
    ) -> None:
        """Such as the tag 2024."""
        since = released.git("rev-parse", "--short", "HEAD^")
        with GitServer(tmp_path) as server:
            assert released.run({"since": since, **DRY}, GITHUB_SERVER_URL=server.url) == ""
            assert released.step.outputs["version"] == "0.0.2"
            released.git("tag", since, "HEAD~2")
            assert released.run({"since": since}, GITHUB_SERVER_URL=server.url) == "0.1.0"

    def test_no_redirect_receives_the_token(self, released: Project, capsys: Output) -> None:
        released.step.event = {"commits": [{"message": "fix: a typo"}]}
        with StandIn([Reply(404)]) as other:
            redirect = Reply(302, b"", {"Location": f"{other.url}/acme/shop.git/info/refs"})
            with StandIn([redirect]) as server:
                released.run({"github-token": TOKEN}, GITHUB_SERVER_URL=server.url)
                assert server.requests[0].headers["Authorization"] == BASIC
            assert other.requests == []
        assert "a separate fetch: git fetch failed" in capsys.readouterr().out

    def test_a_slow_fetch_leaves_time_for_the_request(
        self, released: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
    ) -> None:
        git = tmp_path / "bin" / "git"
        git.parent.mkdir()
        git.write_text(
            f'#!/bin/sh\ncase "$*" in *fetch*) exec sleep 60 ;; esac\n'
            f'exec {shutil.which("git")} "$@"\n'
        )
        git.chmod(0o755)
        path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
        released.step.event = {"commits": [{"message": "fix: a typo"}]}
        head = released.git("rev-parse", "HEAD")
        monkeypatch.setenv("PATH", path)
        assert released.step.run({"bump": "auto", "timeout": "3"}, GITHUB_SHA=head) == 0
        assert released.step.outputs["version"] == "0.0.2"
        assert "a separate fetch: git took too long" in capsys.readouterr().out

    def test_a_separate_fetch_reads_paths(self, released: Project, tmp_path: Path) -> None:
        released.commit("feat(api): a", "api/a")
        with GitServer(tmp_path) as server:
            assert released.run({"paths": "docs"}, GITHUB_SERVER_URL=server.url) == ""
            assert released.run({"paths": "api/**"}, GITHUB_SERVER_URL=server.url) == "0.1.0"

    def test_githubs_api_is_used_if_nothing_can_be_fetched(
        self, project: Project, capsys: Output
    ) -> None:
        project.commit("fix: first")
        project.run(GITHUB_WORKSPACE=project.clone())
        project.commit("feat: coupons")
        for number in range(250):
            project.git("commit", "--quiet", "--allow-empty", "-m", f"fix: {number}")
        with GitHubApi(project.origin, token=TOKEN) as api:
            assert project.run({"github-token": TOKEN}, GITHUB_API_URL=api.url) == "0.1.0"
            assert [request.path.rpartition("?")[2] for request in api.requests] == [
                f"per_page=100&page={page}" for page in (1, 2, 3)
            ]
        assert "minor: feat: coupons (251 commits since 0.0.1)" in capsys.readouterr().out

    def test_a_missing_permission_is_an_error(self, released: Project, capsys: Output) -> None:
        head = released.git("rev-parse", "HEAD")
        with GitHubApi(released.origin, token="another") as api:
            inputs = {"bump": "auto", "github-token": TOKEN}
            assert released.step.run(inputs, GITHUB_SHA=head, GITHUB_API_URL=api.url) == 1
        printed = capsys.readouterr().out
        assert "GitHub returned 404: `github-token` cannot read the repository." in printed
        assert "permissions:%0A  contents: read" in printed

    def test_an_exhausted_rate_limit_leads_to_the_event(
        self, released: Project, capsys: Output
    ) -> None:
        released.step.event = {"commits": [{"message": "fix: a typo"}]}
        with GitHubApi(released.origin, limited=True) as api:
            assert released.run(GITHUB_API_URL=api.url) == "0.0.2"
        printed = capsys.readouterr().out
        assert "::warning title=Monotron::Only the messages of the event were read (" in printed
        assert "GitHub's API: the rate limit of GitHub's API is exhausted)" in printed

    def test_an_event_does_not_show_which_commits_change_paths(
        self, released: Project, capsys: Output
    ) -> None:
        released.step.event = {"commits": [{"message": "fix: a typo"}]}
        head = released.git("rev-parse", "HEAD")
        assert released.step.run({"bump": "auto", "paths": "api"}, GITHUB_SHA=head) == 1
        printed = capsys.readouterr().out
        assert "The commits that change `paths` are unknown" in printed
        assert "fetch-depth: 0" in printed


class FailingGitServer(GitServer):
    """Fails if one commit is fetched."""

    def __init__(self, folder: Path, commit: str) -> None:
        self._commit = commit
        self.refused = False
        super().__init__(folder)

    def _respond(self, request: ReceivedRequest) -> Reply:
        if f"want {self._commit}".encode() in request.body:
            self.refused = True
            return Reply(500)
        return super()._respond(request)


class TestMissingStart:
    """The commit of the newest version is not part of the repository any more."""

    @pytest.fixture
    def rewritten(self, project: Project, client: Client, name: str) -> Project:
        """A project at 1.3.0, whose commit was replaced by another one, above that of 1.2.57."""
        first = project.commit("fix: first")
        project.git("tag", "v1.2.57")
        client.request("PUT", f"/v1/versions/{quote(name)}/{first}?version=1.2.57")
        second = project.commit("feat: a")
        client.request("PUT", f"/v1/versions/{quote(name)}/{second}?bump=minor")
        project.git("commit", "--quiet", "--amend", "-m", "feat: rewritten")
        return project

    def test_its_tag_is_used(self, rewritten: Project, capsys: Output) -> None:
        rewritten.git("tag", "v1.3.0")
        rewritten.commit("fix: b")
        assert rewritten.run(GITHUB_WORKSPACE=rewritten.clone()) == "1.3.1"
        printed = capsys.readouterr().out
        assert "patch: fix: b (1 commit since 1.3.0)" in printed
        assert re.search(r"warning.*The commit of version 1\.3\.0 \([0-9a-f]{40}\) is not", printed)

    @pytest.mark.parametrize(("message", "version"), [("fix: b", "1.3.1"), ("feat!: b", "2.0.0")])
    def test_the_commits_since_an_older_release_count_only_if_they_request_more(
        self, message: str, version: str, rewritten: Project, capsys: Output
    ) -> None:
        rewritten.commit(message)
        assert rewritten.run(GITHUB_WORKSPACE=rewritten.clone()) == version
        assert "(2 commits since 1.2.57)" in capsys.readouterr().out

    def test_a_commit_that_cannot_be_fetched_is_not_taken_for_a_removed_one(
        self, rewritten: Project, tmp_path: Path, client: Client, name: str
    ) -> None:
        """GitHub keeps commits that were rewritten."""
        newest = client.request("GET", f"/v1/versions/{quote(name)}").json()["token"]
        rewritten.commit("fix: b")
        with FailingGitServer(tmp_path, newest) as server, GitHubApi(rewritten.origin) as api:
            version = rewritten.run(GITHUB_SERVER_URL=server.url, GITHUB_API_URL=api.url)
            assert server.refused
        assert version == "1.4.0"

    def test_git_connects_once_for_the_build_and_once_for_each_missing_start(
        self, rewritten: Project, tmp_path: Path
    ) -> None:
        rewritten.commit("fix: b")
        rewritten.git("reflog", "expire", "--expire=now", "--all")
        rewritten.git("gc", "--quiet", "--prune=now")
        with GitServer(tmp_path) as server:
            assert rewritten.run(GITHUB_SERVER_URL=server.url) == "1.3.1"
            # The build, the commit of 1.3.0, and its tag. The build contains the commit of 1.2.57.
            assert sum("/info/refs" in request.path for request in server.requests) == 3

    def test_an_initial_version_without_its_tag_follows_the_complete_history(
        self, project: Project, capsys: Output
    ) -> None:
        project.commit("feat: a")
        project.commit("fix: b")
        inputs = {"initial-version": "1.4.2"}
        assert project.run(inputs, GITHUB_WORKSPACE=project.clone()) == "1.5.0"
        printed = capsys.readouterr().out
        assert (
            "The commit of version 1.4.2 (refs/tags/v1.4.2) is not part of the repository. The "
            "complete history was read. `since` sets another start." in printed
        )

    def test_without_any_release_the_event_decides(
        self, project: Project, client: Client, name: str, capsys: Output
    ) -> None:
        project.commit("feat: a")
        client.request("PUT", f"/v1/versions/{name}/{'0' * 40}?version=1.2.57")
        project.step.event = {"commits": [{"message": "fix: b"}]}
        assert project.run(GITHUB_WORKSPACE=project.clone()) == "1.2.58"
        assert "it contains no commit and no tag of the last versions" in capsys.readouterr().out

    def test_a_token_that_git_would_take_for_an_option_reaches_no_git(
        self, project: Project, client: Client, name: str
    ) -> None:
        token = f"--output={project.folder}/written"
        client.request("PUT", f"/v1/versions/{name}/{quote(token, safe='')}?version=1.2.57")
        project.commit("feat: a")
        project.step.event = {"commits": [{"message": "fix: b"}]}
        assert project.run(GITHUB_WORKSPACE=project.clone()) == "1.2.58"
        assert not (project.folder / "written").exists()


def test_two_builds_never_count_one_feature_twice(
    released: Project, client: Client, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """The other build assigns its version while this one reads its commits."""
    workspace = str(released.folder / "workspace")
    feature = released.git("rev-parse", "HEAD^")
    read = Clone.commits
    others = iter([feature])

    def slow(clone: Clone, start: str, commit: str, paths: Sequence[str] = ()) -> Any:
        commits = read(clone, start, commit, paths)
        for other in others:
            client.request("PUT", f"/v1/versions/{name}/{other}?bump=minor")
        return commits

    monkeypatch.setattr(Clone, "commits", slow)
    assert released.run(GITHUB_WORKSPACE=workspace) == "0.1.1"
    assert "patch: fix: a typo (1 commit since 0.1.0)" in capsys.readouterr().out


def test_a_text_that_is_too_long_is_sent_without_the_bodies() -> None:
    body = "x" * 300
    messages = [f"fix: {number}\n\n{body}\n\nRefs: #{number}" for number in range(9_999)]
    messages.append(f"fix: last\n\n{body}\n\nBREAKING CHANGE: a")
    text = joined(messages)
    assert len(text) < MAX_TEXT_BYTES
    assert text.count("\0") == 9_999
    assert text.endswith("fix: last\n\nBREAKING CHANGE: a")
    with pytest.raises(Failure, match="headers and footers of 10000 commits exceed the 1 MiB"):
        joined([f"fix: {body}"] * 10_000)
