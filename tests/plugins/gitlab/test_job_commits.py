"""The commits that the job reads for `bump: auto`, from each of its sources."""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from plugins.gitlab.origin import JOB_TOKEN, Origin
from plugins.gitlab.project import Project
from plugins.gitlab.responses import dotenv_response
from support.git_server import GitServer
from support.pipelines import dotenv, run_script
from support.server import Client, Server
from support.stand_in import ReceivedRequest, Reply, StandIn

BASIC = f"Basic {b64encode(f'gitlab-ci-token:{JOB_TOKEN}'.encode()).decode()}"
TOOLS = "sh date mktemp rm sed grep tr od cut cat head tail wc"
OUTDATED = Reply.problem(409, "base_outdated", "The newest version is 1.3.0.")
MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "4",
    "CI_MERGE_REQUEST_TITLE": "Draft: A coupon",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}


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


def release(client: Client, origin: Origin, version: str, token: str = "") -> None:
    """Assign a version to a token, by default the newest commit."""
    token = token or origin.git("rev-parse", "HEAD")
    path = f"/v1/versions/{origin.project.encoded_name}/{quote(token, safe='')}"
    response = client.request("PUT", f"{path}?version={version}")
    assert response.status == 200, response.body


class TestRange:
    def test_all_commits_since_the_newest_version_count(
        self, origin: Origin, client: Client, git_server: GitServer
    ) -> None:
        release(client, origin, "1.2.57")
        for message in ("feat!: a", "feat: b", "fix: c\n\nIt's é."):
            origin.commit(message)
        run = origin.run(CI_DEBUG_TRACE="true")
        assert "major: feat!: a (3 commits since 1.2.57)\n" in run.output
        assert "warning" not in run.output
        assert JOB_TOKEN not in run.output
        assert BASIC.split()[1] not in run.output
        assert not [each for each in git_server.requests if JOB_TOKEN in each.path]
        assert origin.version() == "2.0.0"

    def test_the_job_token_is_in_no_argument_of_git(self, origin: Origin, tmp_path: Path) -> None:
        git = tmp_path / "tools" / "git"
        git.parent.mkdir()
        git.write_text(
            f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\nexec {shutil.which("git")} "$@"\n'
        )
        git.chmod(0o755)
        path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
        assert "(all 1 commit)" in origin.run(PATH=path).output
        arguments = (tmp_path / "arguments").read_text()
        assert "fetch --quiet --no-tags --filter=tree:0 http://127.0.0.1:" in arguments
        assert JOB_TOKEN not in arguments
        assert BASIC.split()[1] not in arguments

    def test_a_shell_trace_does_not_show_the_job_token(self, origin: Origin, url: str) -> None:
        commit = origin.git("rev-parse", "HEAD")
        variables = {**origin.variables, "MONOTRON_URL": url, "MONOTRON_NAME": f"trace-{commit}"}
        directory = origin.project.directory
        run = run_script({**variables, "CI_COMMIT_SHA": commit}, directory, ("sh", "-ex"))
        assert run.passed, run.output
        assert "patch: fix: first (all 1 commit)" in run.output
        assert "git fetch" not in run.output
        assert JOB_TOKEN not in run.output
        assert BASIC.split()[1] not in run.output

    def test_a_commit_with_a_version_keeps_it_and_reads_no_commits(
        self, origin: Origin, client: Client, git_server: GitServer
    ) -> None:
        release(client, origin, "1.2.57")
        report = origin.report(MONOTRON_ON_CONFLICT="reuse")
        assert (report["MONOTRON_VERSION"], report["MONOTRON_REUSED"]) == ("1.2.57", "true")
        assert git_server.requests == []

    def test_a_new_name_counts_the_complete_history(self, origin: Origin) -> None:
        origin.commit("feat: a")
        run = origin.run("HEAD")
        assert "minor: feat: a (all 2 commits)" in run.output

    def test_a_new_name_with_an_initial_version_counts_from_its_tag(self, origin: Origin) -> None:
        origin.commit("feat: a")
        origin.git("tag", "v1.4.2")
        origin.commit("fix: b")
        run = origin.run(MONOTRON_INITIAL_VERSION="1.4.2")
        assert "patch: fix: b (1 commit since 1.4.2)" in run.output
        assert origin.version() == "1.4.3"

    def test_an_older_commit_gets_no_version(self, origin: Origin) -> None:
        origin.commit("feat: a")
        assert origin.version() == "0.1.0"
        run = origin.run("HEAD^")
        assert "no release: No commits follow the newest version. (0 commits since 0.1.0)" in (
            run.output
        )

    def test_a_line_counts_from_its_own_version(self, origin: Origin, client: Client) -> None:
        release(client, origin, "1.2.57")
        release(client, origin, "2.0.0", origin.commit("feat!: a"))
        origin.git("checkout", "--quiet", "HEAD^")
        origin.commit("fix: b")
        assert origin.version(MONOTRON_LINE="1.2") == "1.2.58"

    def test_a_version_with_metadata_is_a_base(self, origin: Origin) -> None:
        assert origin.version(MONOTRON_BUILD_METADATA="sha.7d4c379") == "0.0.1+sha.7d4c379"
        origin.commit("feat: a")
        assert origin.version() == "0.1.0"


class TestOtherStarts:
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
        warned = "The commit of version 1.2.57 is not part of the repository." in run.output
        assert warned == (token == "0" * 40)
        assert not list(origin.project.directory.glob("pwned"))

    def test_without_a_tag_the_message_of_the_pipeline_decides(
        self, origin: Origin, client: Client
    ) -> None:
        release(client, origin, "1.2.57", "0" * 40)
        origin.commit("feat: a")
        run = origin.run(CI_COMMIT_MESSAGE="fix: b")
        assert "patch: fix: b (1 commit of the pipeline)" in run.output
        assert (
            "warning: Only the message of one commit was read: it contains neither the commit of "
            "version 1.2.57 nor the tag v1.2.57."
        ) in run.output

    @pytest.mark.parametrize("since", ["v1", "other", "HASH"])
    def test_since_sets_the_start(self, since: str, origin: Origin, client: Client) -> None:
        release(client, origin, "1.2.57", "0" * 40)
        since = since.replace("HASH", origin.commit("feat!: a"))
        origin.git("branch", "other")
        origin.git("tag", "v1")
        origin.commit("feat: b")
        assert f"(1 commit since {since})" in origin.run(MONOTRON_SINCE=since).output
        assert origin.version() == "1.3.0"

    @pytest.mark.parametrize(
        ("since", "error"),
        [
            ("v9.9.9", "MONOTRON_SINCE is 'v9.9.9', which is not a commit, tag or branch of"),
            ("--output=pwned", "MONOTRON_SINCE must be a commit, a tag or a branch, not '--out"),
        ],
    )
    def test_an_invalid_since_fails(self, since: str, error: str, origin: Origin) -> None:
        run = origin.run(MONOTRON_SINCE=since)
        assert run.code == 1
        assert error in run.output


class TestPaths:
    PATHS = "docs\n\n  api/**\n"

    def test_only_commits_that_change_the_paths_count(self, origin: Origin) -> None:
        assert origin.version() == "0.0.1"
        origin.commit("feat(web)!: a", "web/a")
        assert origin.version(MONOTRON_PATHS=self.PATHS) == ""
        origin.commit("fix(api): b", "api/deep/b")
        origin.commit("feat: c", "README")
        run = origin.run(MONOTRON_PATHS=self.PATHS)
        assert "patch: fix(api): b (1 commit since 0.0.1)" in run.output

    def test_without_git_the_commits_of_paths_are_unknown(
        self, origin: Origin, tmp_path: Path
    ) -> None:
        tools = tools_without_git(tmp_path)
        run = origin.run(MONOTRON_PATHS="api", CI_COMMIT_MESSAGE="fix: a", PATH=tools)
        assert run.code == 1
        assert "The commits that change MONOTRON_PATHS are unknown: this image has no git." in (
            run.output
        )

    @pytest.mark.parametrize("path", ["/api", ":(exclude)api", "!api"])
    def test_a_path_that_git_would_interpret_is_refused(self, path: str, origin: Origin) -> None:
        run = origin.run(MONOTRON_PATHS=path)
        assert run.code == 1
        assert (
            f"MONOTRON_PATHS must contain paths from the root of the repository, not '{path}'"
            in (run.output)
        )

    @pytest.mark.parametrize("option", ["SINCE", "PATHS"])
    def test_other_bumps_refuse_options_of_auto(self, option: str, project: Project) -> None:
        assert "MONOTRON_SINCE and MONOTRON_PATHS require MONOTRON_BUMP auto." in project.failure(
            **{f"MONOTRON_{option}": "v1"}
        )


def tools_without_git(tmp_path: Path) -> str:
    """A folder with the tools of an image without git."""
    tools = tmp_path / "tools"
    tools.mkdir()
    busybox, curl = shutil.which("busybox"), shutil.which("curl")
    assert busybox
    assert curl
    for tool in TOOLS.split():
        (tools / tool).symlink_to(busybox)
    (tools / "curl").symlink_to(curl)
    return str(tools)


class TestSources:
    def test_a_complete_clone_is_read_without_a_fetch(
        self, origin: Origin, git_server: GitServer
    ) -> None:
        assert origin.version() == "0.0.1"
        origin.commit("feat: a")
        origin.commit("fix: b")
        shutil.rmtree(origin.project.directory)
        origin.clone()
        git_server.requests.clear()
        assert "(2 commits since 0.0.1)" in origin.run().output
        assert git_server.requests == []

    def test_a_shallow_clone_is_neither_read_nor_changed(self, origin: Origin) -> None:
        """Although it contains both ends of the range."""
        assert origin.version() == "0.0.1"
        for message in ("feat: a", "fix: b", "fix: c"):
            origin.commit(message)
        shutil.rmtree(origin.project.directory)
        origin.clone("--depth=2")
        shallow = origin.project.directory / ".git" / "shallow"
        before = shallow.read_text()
        assert "(3 commits since 0.0.1)" in origin.run().output
        assert shallow.read_text() == before

    @pytest.mark.parametrize(
        ("variables", "reason"),
        [
            ({"CI_REPOSITORY_URL": ""}, "CI_REPOSITORY_URL is not an https:// URL."),
            ({"CI_REPOSITORY_URL": "http://git.example.com/a"}, "CI_REPOSITORY_URL is not an"),
            ({"CI_JOB_TOKEN": "wrong"}, "git fetch failed: fatal: "),
            ({"CI_COMMIT_SHA": "7d4c379"}, "'7d4c379' is not the complete hash of a commit."),
        ],
        ids=["no repository", "http", "a rejected token", "a short hash"],
    )
    def test_the_message_of_the_pipeline_is_the_last_source(
        self, variables: dict[str, str], reason: str, origin: Origin
    ) -> None:
        run = origin.run(**{"CI_COMMIT_MESSAGE": "feat: a", **variables})
        assert run.passed, run.output
        assert "minor: feat: a (1 commit of the pipeline)" in run.output
        assert f"warning: Only the message of one commit was read: {reason}" in run.output
        assert JOB_TOKEN not in run.output

    def test_without_any_message_the_job_fails(self, origin: Origin) -> None:
        run = origin.run(CI_JOB_TOKEN="wrong")
        assert run.code == 1
        assert "error: No commit messages were found: git fetch failed" in run.output


class TestMergeRequests:
    @pytest.fixture
    def branch(self, origin: Origin) -> Origin:
        """A branch with a fix. Its target has a feature without a version."""
        assert origin.version() == "0.0.1"
        origin.git("checkout", "--quiet", "-b", "branch")
        origin.commit("fix: a")
        origin.git("checkout", "--quiet", "main")
        origin.commit("feat: unreleased")
        origin.git("checkout", "--quiet", "branch")
        return origin

    def test_unreleased_commits_of_the_target_branch_count(self, branch: Origin) -> None:
        run = branch.run(**MERGE_REQUEST)
        assert "minor: feat: unreleased (the title and 2 commits since 0.0.1)" in run.output
        assert "Preview: nothing was assigned." in run.output

    def test_the_title_counts_without_its_draft_mark(self, branch: Origin) -> None:
        titled = {**MERGE_REQUEST, "CI_MERGE_REQUEST_TITLE": "Draft: feat!: b"}
        assert "minor: feat!: b (the title and" in branch.run(**titled).output

    def test_the_commit_of_a_merged_result_contains_all_commits(self, branch: Origin) -> None:
        source = branch.git("rev-parse", "HEAD")
        branch.git("merge", "--quiet", "-m", "Merge main into branch", "main")
        merged = branch.git("rev-parse", "HEAD")
        branch.git("reset", "--quiet", "--hard", "HEAD^")
        result = {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": source}
        run = branch.run(merged, **result, MONOTRON_PRERELEASE="mr")
        assert "minor: feat: unreleased (the title and 3 commits since 0.0.1)" in run.output
        assert branch.version(MONOTRON_PRERELEASE="mr") == "0.1.0-mr.1", "that of the source"


class TestConcurrentPipelines:
    def test_two_pipelines_do_not_count_the_same_commit(
        self, origin: Origin, client: Client, server: Server
    ) -> None:
        """The pipeline of `feat: a` is faster, after both have read the newest version."""
        release(client, origin, "1.2.57")
        feature = origin.commit("feat: a")
        origin.commit("fix: b")
        faster = iter([feature])

        def forward(request: ReceivedRequest) -> Reply:
            if request.method == "PUT":
                for commit in faster:
                    path = f"/v1/versions/{origin.project.encoded_name}/{commit}"
                    client.request("PUT", f"{path}?bump=minor")
            response = client.request(request.method, request.path, request.body)
            return Reply(response.status, response.body, dict(response.headers))

        with StandIn(forward) as proxy:
            run = origin.run(MONOTRON_URL=proxy.url)
        assert "so the commits are read again (1/5)" in run.output
        assert "patch: fix: b (1 commit since 1.3.0)" in run.output
        assert dotenv(origin.project.directory)["MONOTRON_VERSION"] == "1.3.1"

    def test_an_outdated_base_is_read_again_at_most_five_times(self, origin: Origin) -> None:
        newest = Reply.json({"version": "1.2.57", "auto_after": None})

        def respond(request: ReceivedRequest) -> Reply:
            if request.method == "PUT":
                return OUTDATED
            if "format=dotenv" in request.path:
                return Reply.problem(404, "version_not_found", "No version.")
            return newest

        with StandIn(respond) as stand_in:
            run = origin.run(MONOTRON_URL=stand_in.url, CI_COMMIT_MESSAGE="fix: a")
        assert run.code == 1
        assert "error: base_outdated (409): The newest version is 1.3.0." in run.output
        assert [each.method for each in stand_in.requests] == ["GET", "GET", "PUT"] * 5
        assert "&base=1.2.57" in stand_in.requests[-1].path


class TestText:
    def sent(self, origin: Origin, **variables: str) -> bytes:
        def respond(request: ReceivedRequest) -> Reply:
            if request.method == "PUT":
                return dotenv_response()
            return Reply.problem(404, "version_not_found", "No version.")

        with StandIn(respond) as stand_in:
            run = origin.run(MONOTRON_URL=stand_in.url, **variables)
        assert run.passed, run.output
        (request, _) = (each for each in stand_in.requests if each.method == "PUT")
        assert request.headers["Content-Type"] == "text/plain"
        return request.body

    def test_messages_are_sent_byte_by_byte_newest_first(self, origin: Origin) -> None:
        message = "feat: @file %00 \\n 'a' \"b\" `c` $(d) ${e}\n\n\tÜ 🎉\n -n %s"
        origin.commit(message)
        assert self.sent(origin) == f"{message}\n\0fix: first\n\0".encode()

    def test_the_message_of_a_variable_is_sent_byte_by_byte(self, origin: Origin) -> None:
        message = "@file %00 \\n 'a' \"b\" `c` $(d) ${e} \x1b[1m\r\n\n\tÜ 🎉\n -n %s\n\n"
        assert self.sent(origin, CI_COMMIT_MESSAGE=message, CI_JOB_TOKEN="wrong") == (
            message.encode()
        )

    def test_of_a_text_that_is_too_long_headers_and_footers_are_sent(self, origin: Origin) -> None:
        body = ("x" * 100 + "\n") * 11_000
        message = origin.path / "message"
        message.write_text(f"fix: a\n\n{body}\n\nBREAKING CHANGE: b\nRefs: #1\n\n[skip release]")
        origin.git("commit", "--quiet", "--allow-empty", "--file", str(message))
        assert self.sent(origin) == (
            b"fix: a\n\nBREAKING CHANGE: b\nRefs: #1\n[skip release]\n\0fix: first\n\n\0\n"
        )

    def test_headers_that_are_too_long_are_an_error(self, origin: Origin) -> None:
        message = origin.path / "message"
        message.write_text("x" * 1_100_000)
        origin.git("commit", "--quiet", "--allow-empty", "--file", str(message))
        run = origin.run()
        assert run.code == 1
        assert "The headers and footers of all 2 commits exceed the 1 MiB" in run.output
