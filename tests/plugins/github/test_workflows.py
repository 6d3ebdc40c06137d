"""Workflows as users write them, run by a real runner against a real server."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from monotron_ci.outputs import GRAMMAR
from support.server import Client, Server
from support.stand_in import HANG_UP, ReceivedRequest, Reply, StandIn
from support.workflows import (
    ROOT,
    Repository,
    annotation_of,
    expect,
    expected,
    print_outputs,
    step,
    workflow,
)

COMMIT = "a" * 40
OTHER = "b" * 40
KEY = "mtk_live_0123456789abcdef"


def pull_request(*labels: str, title: str = "a title", branch: str = "topic") -> dict[str, object]:
    return {
        "pull_request": {
            "head": {"sha": COMMIT, "ref": branch},
            "labels": [{"name": label} for label in labels],
            "title": title,
        }
    }


def push(*messages: str) -> dict[str, object]:
    return {"commits": [{"message": message} for message in messages]}


class TestVersions:
    def test_a_push_gets_a_version_with_all_outputs(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        head = repository.git("rev-parse", "HEAD")
        text = workflow(
            step(url=server.url, name=name, bump="minor", build_metadata="sha.7d4c379")
            + expect(
                version="0.1.0+sha.7d4c379",
                tag="v0.1.0+sha.7d4c379",
                major="0",
                minor="1",
                patch="0",
                prerelease="",
                previous_version="",
                release_type="minor",
                changed="true",
                reused="false",
                is_latest="true",
                docker_tag="0.1.0_sha.7d4c379",
                idempotency_token=head,
                build_number="",
                value="",
            )
        )
        run = expected(repository.run(text))
        assert "Monotron: `0.1.0+sha.7d4c379`" in run.summary
        assert f"| name | `{name}` |" in run.summary
        assert "| reason | `input bump: minor` |" in run.summary
        assert "| reused | false |" in run.summary

    def test_the_default_name_is_the_repository_without_a_slash(
        self, server: Server, client: Client, repository: Repository
    ) -> None:
        text = workflow(step(url=server.url) + expect(changed="true"))
        run = expected(repository.run(text, env={"GITHUB_REPOSITORY": "acme/shop"}))
        assert "| name | `gh:acme:shop` |" in run.summary
        assert client.request("GET", "/v1/versions/gh:acme:shop").status == 200

    def test_a_re_run_after_another_commit_gets_the_same_version(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="minor")
        first = repository.git("rev-parse", "HEAD")
        expected(repository.run(workflow(call + expect(version="0.1.0", reused="false"))))
        repository.commit("second")
        newer = expect(version="0.2.0", previous_version="0.1.0")
        expected(repository.run(workflow(call + newer)))
        repository.git("checkout", "--quiet", first)
        same = expect(version="0.1.0", reused="true", changed="true", is_latest="false")
        expected(repository.run(workflow(call + same)))

    def test_all_jobs_of_a_matrix_get_the_same_version(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name) + print_outputs()
        matrix = "strategy:\n  matrix:\n    part: [1, 2, 3, 4]"
        run = repository.run(workflow(call, job=matrix))
        assert run.succeeded, run.output
        assert [outputs["version"] for outputs in run.outputs()] == ["0.0.1"] * 4

    def test_another_bump_for_the_same_commit_is_an_error_with_the_yaml_to_write(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        text = workflow(
            step("first", url=server.url, name=name, bump="minor")
            + expect("first", version="0.1.0")
            + step("reused", url=server.url, name=name, bump="major", on_conflict="reuse")
            + expect("reused", version="0.1.0", reused="true")
            + step(url=server.url, name=name, bump="major")
        )
        annotation = annotation_of(repository.run(text))
        assert "token_taken (422): " in annotation
        assert "with:\n  on-conflict: reuse" in annotation


class TestDocumentation:
    @pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
    def test_the_workflows_in_the_documentation_of_the_action_run(
        self, number: int, server: Server, repository: Repository
    ) -> None:
        page = (ROOT / "docs" / "ci" / "github.md").read_text()
        blocks = re.findall(r"^```yaml\n(- .*?|jobs:.*?)^```$", page, re.DOTALL | re.MULTILINE)
        assert len(blocks) == 5
        lines = blocks[number].replace("https://monotron.example.com", server.url)
        lines = lines.replace("docker build", "echo docker build").replace(
            "./publish", "echo published"
        )
        text = workflow(lines) if lines.startswith("- ") else f"on: [push]\n{lines}"
        with StandIn([Reply.json({"value": "eyJ.identity.token"})]) as issuer:
            run = repository.run(
                text,
                payload=push("feat: a coupon"),
                secrets={"MONOTRON_API_KEY": KEY},
                env={
                    "GITHUB_REPOSITORY": f"acme/page-{number}",
                    "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/?api-version=2.0",
                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
                },
            )
        assert run.succeeded, run.output
        docker = "docker build -t shop:0.1.0 ."
        line = [docker, docker, "Monotron: 0.0.1", "build 1", "published"][number]
        assert line in run.printed


class TestBumps:
    def test_a_label_of_the_pull_request_takes_precedence_over_its_title(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto", minor_labels="feature, Enhancement")
        outputs = expect(version="0.1.0", release_type="minor", idempotency_token=COMMIT)
        event = pull_request("docs", "enhancement", title="fix: a typo")
        text = workflow(call + outputs, on="pull_request")
        run = expected(repository.run(text, event="pull_request", payload=event))
        assert "label 'enhancement'" in run.summary

    def test_the_messages_of_the_pushed_commits_select_the_bump(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        text = workflow(step(url=server.url, name=name, bump="auto") + expect(version="0.1.0"))
        event = push("fix: a typo", "feat: a coupon\n\nBREAKING CHANGE: no cash", "chore: tidy")
        run = expected(repository.run(text, payload=event))
        assert "3 commits of the event: BREAKING CHANGE: no cash" in run.summary


class TestCounter:
    def test_a_run_gets_the_same_number_in_all_steps_and_re_runs(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        text = workflow(
            step("unused", uses="actions/peek", url=server.url, name=name)
            + expect("unused", value="0")
            + step(url=server.url, name=name, mode="counter")
            + expect(value="1", build_number="1", reused="false", changed="true", version="")
            + step("next", uses="actions/next", url=server.url, name=name)
            + expect("next", value="1", reused="true")
            + step("other", uses="actions/next", url=server.url, name=name, idempotency_token="x")
            + expect("other", value="2", reused="false")
            + step("current", uses="actions/peek", url=server.url, name=name)
            + expect("current", value="2")
        )
        expected(repository.run(text))
        text = workflow(step(url=server.url, name=name, mode="counter") + expect(value="1"))
        expected(repository.run(text))


class TestTags:
    @pytest.mark.parametrize("status", [201, 422])
    def test_the_outputs_are_written_whether_or_not_the_tag_can_be_created(
        self, status: int, server: Server, repository: Repository, name: str
    ) -> None:
        def api(request: ReceivedRequest) -> Reply:
            if request.method == "POST":
                return Reply.json({}, status)
            return Reply.json({"object": {"type": "commit", "sha": OTHER}})

        token = "${{ secrets.TOKEN }}"
        inputs = {"create_tag": "true", "github_token": token, "from_scratch": "true"}
        call = step(url=server.url, name=name, **inputs)
        with StandIn(api) as github:
            run = repository.run(
                workflow(call + expect(tag="v0.0.1").replace("- run", "- if: always()\n  run")),
                secrets={"TOKEN": "ghs_secret"},
                env={"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": "acme/shop"},
            )
        assert any("EXPECTED" in line for line in run.printed), run.output
        assert json.loads(github.requests[0].body) == {
            "ref": "refs/tags/v0.0.1",
            "sha": repository.git("rev-parse", "HEAD"),
        }
        assert run.succeeded == (status == 201)
        if not run.succeeded:
            message = f"The tag v0.0.1 already exists on {OTHER[:12]}, not on "
            assert message in annotation_of(run)


class TestErrors:
    def test_an_unreachable_server_fails_the_job_after_visible_retries(
        self, repository: Repository
    ) -> None:
        with StandIn([HANG_UP]) as stopped:
            url = stopped.url
        run = repository.run(workflow(step(url=url, retries="1", timeout="5")))
        message = f"Cannot connect to {url}: connection refused (2 attempts)."
        assert message in annotation_of(run)
        warning = r"warning: cannot connect \(connection refused\); retrying in 0\.\d s \(1/1\)"
        assert [line for line in run.printed if re.fullmatch(warning, line)]

    def test_a_missing_url_is_an_error_with_the_yaml_to_write(self, repository: Repository) -> None:
        annotation = annotation_of(repository.run(workflow(step(name="x"))))
        assert "with:\n  url: https://monotron.example.com" in annotation

    def test_a_busy_server_gets_the_same_request_again(
        self, client: Client, repository: Repository, name: str
    ) -> None:
        replies = [Reply(503, b"busy", {"Content-Type": "text/plain"}), HANG_UP]

        def service(request: ReceivedRequest) -> Reply:
            if replies:
                return replies.pop(0)
            response = client.request(request.method, request.path)
            return Reply.json(response.json(), response.status)

        with StandIn(service) as proxy:
            call = step(url=proxy.url, name=name, bump="minor", from_scratch="true")
            expected(repository.run(workflow(call + expect(version="0.1.0"))))
        path = f"/v1/versions/{name}/{repository.git('rev-parse', 'HEAD')}?bump=minor"
        assert [request.path for request in proxy.requests] == [path] * 3


class TestSecrets:
    def test_the_api_key_is_sent_as_a_header_and_appears_nowhere_else(
        self, repository: Repository
    ) -> None:
        processes: list[str] = []

        def service(request: ReceivedRequest) -> Reply:
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit() and int(folder.name) != os.getpid():
                    try:
                        processes.append((folder / "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue  # the process has ended
            return Reply.problem(401, "unauthenticated", f"Not {request.headers['Authorization']}")

        with StandIn(service) as stand_in:
            call = step(url=stand_in.url, api_key="${{ secrets.KEY }}")
            run = repository.run(workflow(call), secrets={"KEY": KEY})
        annotation_of(run)
        (request,) = stand_in.requests
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in request.path
        assert any("python3" in line and "actions" in line for line in processes)
        assert not [line for line in processes if "python3" in line and KEY in line]
        # The mask itself contains the key. It precedes all other output.
        first = next(line for line in run.lines if line.get("command"))
        assert (first["command"], first["arg"]) == ("add-mask", KEY)
        assert KEY not in run.unmasked
        assert KEY not in run.summary


HOSTILE = (
    """'"; touch pwned; echo "$(touch pwned)`touch pwned`\n::set-output name=tag::x\nversion=9"""
)


class TestHostileText:
    def test_a_hostile_title_and_label_run_nothing_and_add_no_output(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto") + expect(version="0.1.0", tag="v0.1.0")
        event = pull_request(HOSTILE, "minor", title=HOSTILE)
        text = workflow(call, on="pull_request")
        run = expected(repository.run(text, event="pull_request", payload=event))
        assert not list(repository.folder.parent.rglob("pwned"))
        assert {line["name"] for line in run.commands("set-output")} == set(GRAMMAR)

    def test_a_hostile_branch_name_as_token_and_name_is_refused(
        self, server: Server, repository: Repository
    ) -> None:
        branch = "${{ github.head_ref }}"
        call = step(url=server.url, name=branch, idempotency_token=branch)
        run = repository.run(
            workflow(call, on="pull_request"),
            event="pull_request",
            payload=pull_request(branch=HOSTILE),
        )
        assert re.match(r"invalid_(name|token) \(400\): ", annotation_of(run))
        assert not list(repository.folder.parent.rglob("pwned"))
