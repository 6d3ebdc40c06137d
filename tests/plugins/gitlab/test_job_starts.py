"""The commit after which `bump: auto` reads commits, if that of the newest version is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.gitlab.gitlab_api import GitLabApi
from plugins.gitlab.origin import BASIC, Origin, release
from plugins.gitlab.tools import tools_without_git
from support.git_server import GitServer
from support.server import Client
from support.stand_in import ReceivedRequest, Reply
from support.versions import withdraw

GONE = "0" * 39
"""The beginning of hashes that the repository does not contain."""


class TestTags:
    @pytest.mark.parametrize("token", ["0" * 40, "SHA-2026-11-28", "--output=pwned", "main"])
    def test_the_tag_of_the_version_replaces_a_token_that_is_not_a_commit(
        self, token: str, origin: Origin, client: Client
    ) -> None:
        release(client, origin, "1.2.57", token)
        origin.git("tag", "v1.2.57")
        origin.commit("feat: a")
        origin.commit("fix: b")
        run = origin.run()
        assert "(2 commits since 1.2.57)" in run.output
        warning = (
            "warning: The commit of version 1.2.57 is not part of the repository. The commits since"
            " the tag v1.2.57 were read. MONOTRON_SINCE sets another start.\n"
        )
        assert (warning in run.output) == (token == "0" * 40)
        assert not list(origin.project.directory.glob("pwned"))

    def test_without_any_start_the_message_of_the_pipeline_decides(
        self, origin: Origin, client: Client
    ) -> None:
        release(client, origin, "1.2.57", "0" * 40)
        origin.commit("feat: a")
        run = origin.run(CI_COMMIT_MESSAGE="fix: b")
        assert "patch: fix: b (1 commit of the pipeline)" in run.output
        assert (
            "warning: Only the message of one commit was read: the repository contains no commit "
            "and no tag of the last versions."
        ) in run.output


class FailingGitServer(GitServer):
    """Fails if one commit is fetched."""

    def __init__(self, folder: Path, commit: str) -> None:
        self._commit = commit
        super().__init__(folder, BASIC)

    def _respond(self, request: ReceivedRequest) -> Reply:
        if f"want {self._commit}".encode() in request.body:
            return Reply(500)
        return super()._respond(request)


class FailingApi(GitLabApi):
    """Fails if one commit is requested."""

    broken = ""

    def _one(self, revision: str) -> Reply:
        return Reply(500) if revision == self.broken else super()._one(revision)


@pytest.fixture
def rewritten(origin: Origin, client: Client) -> Origin:
    """After version 1.2.57, the commit of 1.3.0 was replaced by another one."""
    release(client, origin, "1.2.57")
    release(client, origin, "1.3.0", origin.commit("feat: a"))
    origin.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "feat: b")
    origin.commit("fix: c")
    return origin


class TestFailures:
    def test_a_start_that_cannot_be_fetched_is_not_taken_for_a_removed_one(
        self, rewritten: Origin, tmp_path: Path
    ) -> None:
        """GitLab keeps commits that were rewritten."""
        commit = rewritten.git("rev-parse", "HEAD@{2}")
        with FailingGitServer(tmp_path, commit) as server:
            url = f"{server.url}/acme/shop.git"
            run = rewritten.run(CI_REPOSITORY_URL=url, CI_COMMIT_MESSAGE="fix: c")
        assert "Only the message of one commit was read: git fetch failed: fatal: " in run.output
        assert "patch: fix: c (1 commit of the pipeline)" in run.output

    def test_a_start_that_the_api_cannot_read_is_not_taken_for_a_removed_one(
        self, rewritten: Origin, tmp_path: Path
    ) -> None:
        token = "glpat-0123456789abcdef"
        with FailingApi(rewritten.git, ("PRIVATE-TOKEN", token)) as api:
            api.broken = rewritten.git("rev-parse", "HEAD@{2}")
            variables = {**api.variables, "MONOTRON_GITLAB_TOKEN": token, "MONOTRON_RETRIES": "0"}
            variables["PATH"] = tools_without_git(tmp_path)
            run = rewritten.run(**variables, CI_COMMIT_MESSAGE="fix: c")
        assert "this image has no git; GitLab's API: GitLab returned 500. " in run.output
        assert "patch: fix: c (1 commit of the pipeline)" in run.output

    def test_git_connects_once_for_the_pipeline_and_once_for_each_missing_start(
        self, rewritten: Origin, git_server: GitServer
    ) -> None:
        rewritten.git("reflog", "expire", "--expire=now", "--all")
        rewritten.git("gc", "--quiet", "--prune=now")
        request = {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }
        # The pipeline, which contains the commit of 1.2.57, the commit of 1.3.0, and its tag.
        # For a merge request, also the target branch.
        for variables, number in ({}, 3), (request, 4):
            git_server.requests.clear()
            output = rewritten.run(MONOTRON_DRY_RUN="true", **variables).output
            assert "(2 commits since 1.2.57)" in output
            connections = [each for each in git_server.requests if "/info/refs" in each.path]
            authorized = [each for each in connections if "Authorization" in each.headers]
            assert (len(connections), len(authorized)) == (number, number)

    def test_the_commits_of_a_withdrawn_version_are_read_again(
        self, origin: Origin, client: Client, name: str
    ) -> None:
        release(client, origin, "1.2.57")
        origin.commit("feat: a")
        assert origin.version() == "1.3.0"
        assert withdraw(client, name, "1.3.0").status == 200
        assert "MONOTRON_ON_WITHDRAWN: new" in origin.run().output
        for _ in range(2):
            assert origin.version(MONOTRON_ON_WITHDRAWN="new") == "1.4.0"


class TestOlderReleases:
    """The newest final versions have tokens that are not part of the repository."""

    @pytest.mark.parametrize(
        ("versions", "message", "line"),
        [
            (["1.2.57", "1.2.58"], "fix: b", "patch: fix: 1 commit since 1.2.57"),
            (["1.2.57", "1.2.58"], "feat: b", "minor: feat: b"),
            (["1.2.57", "1.3.0"], "feat: b", "patch: fix: 1 commit since 1.2.57"),
            (["1.2.57", "1.3.0"], "feat!: b", "major: feat!: b"),
            (["1.2.57", "2.0.0"], "feat!: b", "patch: fix: 1 commit since 1.2.57"),
            (["1.2.57", "1.3.0", "1.3.1"], "feat: b", "patch: fix: 1 commit since 1.2.57"),
            (["1.2.57", "1.3.0"], "docs: b", "no release: "),
            (["1.2.57", "2.0.0"], "fix: b\n\nRelease-As: 2.5.0", "exact: Release-As: 2.5.0"),
        ],
        ids=str,
    )
    def test_commits_count_unless_the_releases_since_then_contain_them(
        self, origin: Origin, client: Client, versions: list[str], message: str, line: str
    ) -> None:
        release(client, origin, versions[0])
        for number, version in enumerate(versions[1:]):
            release(client, origin, version, f"{GONE}{number}")
        origin.commit(message)
        run = origin.run(MONOTRON_SKIP_TYPES="docs")
        assert run.output.startswith(
            f"warning: The commit of version {versions[-1]} is not part of the repository. The "
            "commits since 1.2.57 were read. MONOTRON_SINCE sets another start.\n"
        )
        assert f"\n{line}" in run.output
        assert "(1 commit since 1.2.57)" in run.output

    def test_the_tag_of_an_older_release_is_a_start(self, origin: Origin, client: Client) -> None:
        for number, version in enumerate(["1.2.56", "1.2.57", "1.2.58"]):
            release(client, origin, version, f"{GONE}{number}")
        origin.git("tag", "v1.2.57")
        origin.commit("feat: a")
        assert "minor: feat: a (1 commit since 1.2.57)" in origin.run().output

    def test_a_pre_release_is_not_a_start(self, origin: Origin, client: Client) -> None:
        release(client, origin, "1.2.57")
        commit = origin.commit("feat: a")
        path = f"/v1/versions/{origin.project.encoded_name}/{commit}"
        client.request("PUT", f"{path}?bump=patch&prerelease=rc")
        release(client, origin, "1.2.58", f"{GONE}1")
        origin.commit("fix: b")
        assert "minor: feat: a (2 commits since 1.2.57)" in origin.run().output

    def test_at_most_twenty_older_releases_are_tried(self, origin: Origin, client: Client) -> None:
        release(client, origin, "1.0.0")
        for number in range(1, 22):
            release(client, origin, f"1.0.{number}", f"token {number}")
        origin.commit("feat: a")
        preview = {"MONOTRON_DRY_RUN": "true", "CI_COMMIT_MESSAGE": "fix: b"}
        assert "patch: fix: b (1 commit of the pipeline)" in origin.run(**preview).output
        path = f"/v1/releases/{origin.project.encoded_name}/1.0.21/withdrawal"
        assert client.request("PUT", path, '{"reason": "a mistake"}').status == 200
        run = origin.run(**preview)
        assert "minor: feat: a (1 commit since 1.0.0)" in run.output
        assert "The commits since 1.0.0 were read." in run.output


class TestSince:
    @pytest.mark.parametrize("since", ["v1", "other", "HASH"])
    def test_since_sets_the_start(self, since: str, origin: Origin, client: Client) -> None:
        release(client, origin, "1.2.57", "0" * 40)
        since = since.replace("HASH", origin.commit("feat!: a"))
        origin.git("branch", "other")
        origin.git("tag", "v1")
        origin.commit("feat: b")
        assert f"(1 commit since {since})" in origin.run(MONOTRON_SINCE=since).output
        assert origin.version() == "1.3.0"

    def test_a_tag_takes_precedence_over_an_abbreviated_hash(
        self, origin: Origin, client: Client
    ) -> None:
        release(client, origin, "1.2.57")
        short = origin.commit("feat: a")[:7]
        origin.commit("fix: b")
        origin.git("tag", short)
        origin.commit("fix: c")
        run = origin.run(MONOTRON_SINCE=short, MONOTRON_DRY_RUN="true")
        assert f"patch: fix: c (1 commit since {short})" in run.output
        origin.git("tag", "--delete", short)
        run = origin.run(MONOTRON_SINCE=short)
        assert f"patch: fix: c (2 commits since {short})" in run.output

    @pytest.mark.parametrize(
        ("since", "error"),
        [
            ("v9.9.9", "MONOTRON_SINCE is 'v9.9.9', which is not a commit, tag or branch of"),
            ("v1..v2", "MONOTRON_SINCE is 'v1..v2', which is not a commit, tag or branch of"),
            ("--output=pwned", "MONOTRON_SINCE must be a commit, a tag or a branch, not '--out"),
        ],
    )
    def test_an_invalid_since_fails(self, since: str, error: str, origin: Origin) -> None:
        run = origin.run(MONOTRON_SINCE=since)
        assert run.code == 1
        assert error in run.output
