"""Where the job reads commits for `bump: auto`, and the text that it sends."""

from __future__ import annotations

import shutil

import pytest

from plugins.gitlab.origin import JOB_TOKEN, Origin, release
from plugins.gitlab.responses import dotenv_response
from support.git_server import GitServer
from support.pipelines import dotenv
from support.server import Client, Server
from support.stand_in import ReceivedRequest, Reply, StandIn

OUTDATED = Reply.problem(409, "base_outdated", "The newest version is 1.3.0.")


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

    def test_no_objects_are_fetched_into_a_partial_clone(self, origin: Origin) -> None:
        assert origin.version() == "0.0.1"
        origin.commit("feat: a", "api/a")
        origin.git("config", "uploadpack.allowFilter", "true")
        shutil.rmtree(origin.project.directory)
        origin.clone("--filter=tree:0", "--no-checkout")
        packs = origin.project.directory / ".git" / "objects" / "pack"
        before = set(packs.iterdir())
        run = origin.run(MONOTRON_PATHS="api")
        assert "minor: feat: a (1 commit since 0.0.1)" in run.output
        assert set(packs.iterdir()) == before

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

    def test_no_redirect_receives_the_job_token(self, origin: Origin) -> None:
        with StandIn([Reply(404)]) as other:
            redirect = Reply(302, b"", {"Location": f"{other.url}/a/info/refs"})
            with StandIn([redirect]) as repository:
                run = origin.run(CI_REPOSITORY_URL=f"{repository.url}/a", CI_COMMIT_MESSAGE="a")
                assert "Authorization" in repository.requests[0].headers
            assert other.requests == []
        assert "git fetch failed: fatal: " in run.output

    def test_the_message_of_the_pipeline_is_not_that_of_another_commit(
        self, origin: Origin
    ) -> None:
        token = origin.git("rev-parse", "HEAD")
        origin.commit("feat: a")
        variables = {"MONOTRON_IDEMPOTENCY_TOKEN": token, "CI_COMMIT_MESSAGE": "feat: a"}
        run = origin.run(CI_JOB_TOKEN="wrong", **variables)
        assert run.code == 1
        assert "error: No commit messages were found: git fetch failed: fatal: " in run.output

    def test_without_any_message_the_job_fails(self, origin: Origin) -> None:
        run = origin.run(CI_JOB_TOKEN="wrong")
        assert run.code == 1
        assert "error: No commit messages were found: git fetch failed" in run.output


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
        newest = dotenv_response("MONOTRON_VERSION=1.2.57\nMONOTRON_AUTO_AFTER=\n")

        def respond(request: ReceivedRequest) -> Reply:
            if request.method == "PUT":
                return OUTDATED
            if origin.git("rev-parse", "HEAD") in request.path:
                return Reply.problem(404, "version_not_found", "No version.")
            return dotenv_response("") if "/releases/" in request.path else newest

        with StandIn(respond) as stand_in:
            run = origin.run(MONOTRON_URL=stand_in.url, CI_COMMIT_MESSAGE="fix: a")
        assert run.code == 1
        assert "error: base_outdated (409): The newest version is 1.3.0." in run.output
        assert [each.method for each in stand_in.requests] == ["GET", "GET", "GET", "PUT"] * 5
        assert "&base=1.2.57&" in stand_in.requests[-1].path


class TestText:
    def test_ten_thousand_commits_count(self, origin: Origin) -> None:
        origin.append("feat: a", *(f"fix: {number}" for number in range(9_998)))
        assert "minor: feat: a (all 10000 commits)" in origin.run().output

    def sent(self, origin: Origin, **variables: str) -> bytes:
        def respond(request: ReceivedRequest) -> Reply:
            if request.method == "PUT":
                return dotenv_response()
            return Reply.problem(404, "version_not_found", "No version.")

        with StandIn(respond) as stand_in:
            run = origin.run(MONOTRON_URL=stand_in.url, **variables)
        assert run.passed, run.output
        (request,) = (each for each in stand_in.requests if each.method == "PUT")
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
