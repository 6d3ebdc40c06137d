"""Workflows as users write them, run by a real runner against a real server."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import section
from monotron_ci.outputs import GRAMMAR
from support.server import Client, Server
from support.stand_in import HANG_UP, Heard, Say, StandIn
from support.workflows import ROOT, Repository, Run, expect, seen, step, workflow

COMMIT = "a" * 40
OTHER = "b" * 40
KEY = "mtk_live_0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of the test's own, on the server that they share."""
    return str(request.node.name)


def passed(run: Run) -> Run:
    """The run, whose checks within the workflow were made and held."""
    assert run.succeeded, run.said
    assert any("EXPECTED" in line for line in run.printed), run.said
    return run


def failed(run: Run) -> str:
    """The one annotation of a run that failed."""
    assert not run.succeeded, run.said
    (annotation,) = set(run.annotations)
    assert "Traceback" not in run.said
    return annotation


def request_event(*labels: str, title: str = "a title", head: str = COMMIT) -> dict[str, object]:
    return {
        "pull_request": {
            "head": {"sha": head, "ref": "topic"},
            "labels": [{"name": label} for label in labels],
            "title": title,
        }
    }


def pushed(*messages: str) -> dict[str, object]:
    return {"commits": [{"message": message} for message in messages]}


class TestVersions:
    def test_a_push_gets_a_version_with_all_that_belongs_to_it(
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
        run = passed(repository.run(text))
        assert "Monotron: `0.1.0+sha.7d4c379`" in run.summary
        assert f"| of | `{name}` |" in run.summary
        assert "| decided by | `the input bump: minor` |" in run.summary
        assert "| given before | false |" in run.summary

    def test_the_default_name_is_the_repository_without_a_slash(
        self, server: Server, client: Client, repository: Repository
    ) -> None:
        run = passed(
            repository.run(
                workflow(step(url=server.url) + expect(changed="true")),
                env={"GITHUB_REPOSITORY": "acme/shop"},
            )
        )
        assert "| of | `gh:acme:shop` |" in run.summary
        assert client.request("GET", "/v1/versions/gh:acme:shop").status == 200

    def test_a_re_run_after_another_commit_gets_the_same_version(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="minor")
        first = repository.git("rev-parse", "HEAD")
        passed(repository.run(workflow(call + expect(version="0.1.0", reused="false"))))
        repository.commit("second")
        passed(repository.run(workflow(call + expect(version="0.2.0", previous_version="0.1.0"))))
        repository.git("checkout", "--quiet", first)
        again = expect(version="0.1.0", reused="true", changed="true", is_latest="false")
        passed(repository.run(workflow(call + again)))

    def test_five_jobs_of_a_matrix_get_one_version(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        run = repository.run(
            workflow(
                step(url=server.url, name=name) + seen(),
                job="strategy:\n  matrix:\n    part: [1, 2, 3, 4, 5]",
            )
        )
        assert run.succeeded, run.said
        assert [outputs["version"] for outputs in run.outputs()] == ["0.0.1"] * 5

    def test_a_dry_run_tells_the_version_and_counts_nothing(
        self, server: Server, client: Client, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="minor", dry_run="true")
        told = expect(version="0.1.0", changed="false", reused="false")
        run = passed(repository.run(workflow(call + told)))
        assert "a preview; nothing was counted" in run.summary
        assert client.request("GET", f"/v1/versions/{name}").status == 404

    def test_none_looks_only_and_says_zero_where_nothing_is(
        self, server: Server, client: Client, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="none")
        nothing = expect(version="0.0.0", tag="", docker_tag="", changed="false")
        passed(repository.run(workflow(call + nothing)))
        client.request("PUT", f"/v1/versions/{name}/x?bump=major")
        there = expect(version="1.0.0", tag="v1.0.0", changed="false", is_latest="true")
        passed(repository.run(workflow(call + there)))

    def test_a_pre_release_is_promoted_later(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        candidate = step("rc", url=server.url, name=name, bump="major", prerelease="rc")
        final = step("final", url=server.url, name=name, bump="final", tag_prefix="api/v")
        text = workflow(
            candidate
            + expect("rc", version="1.0.0-rc.1", prerelease="rc.1", is_latest="false")
            + final
            + expect("final", version="1.0.0", tag="api/v1.0.0", release_type="final")
        )
        passed(repository.run(text))

    def test_a_maintenance_line_goes_on_from_an_initial_version(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        first = step("first", url=server.url, name=name, initial_version="v1.4.2")
        newer = step("newer", url=server.url, name=name, bump="major", idempotency_token="x")
        hotfix = step("fix", url=server.url, name=name, line="1.4", idempotency_token="y")
        text = workflow(
            first
            + expect("first", version="1.4.3")
            + newer
            + expect("newer", version="2.0.0")
            + hotfix
            + expect("fix", version="1.4.4", is_latest="false", idempotency_token="y")
        )
        passed(repository.run(text))

    def test_another_bump_of_the_same_commit_fails_or_is_reused(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        passed(
            repository.run(
                workflow(step(url=server.url, name=name, bump="minor") + expect(version="0.1.0"))
            )
        )
        other = step(url=server.url, name=name, bump="major")
        annotation = failed(repository.run(workflow(other)))
        assert "422 token_taken" in annotation
        assert "on-conflict: reuse" in annotation
        kept = step(url=server.url, name=name, bump="major", on_conflict="reuse")
        passed(repository.run(workflow(kept + expect(version="0.1.0", reused="true"))))


class TestReadme:
    def test_the_five_lines_of_the_readme_are_all_it_takes(
        self, server: Server, client: Client, repository: Repository
    ) -> None:
        page = section((ROOT / "README.md").read_text(), "## In a GitHub workflow")
        lines = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0]
        assert len(lines.splitlines()) == 5
        client.request("PUT", "/v1/versions/gh:acme:five", '{"version": "1.2.57"}')
        run = repository.run(
            workflow(
                lines.replace("https://monotron.example.com", server.url)
                + expect(version="1.3.0", previous_version="1.2.57")
            ),
            env={"GITHUB_REPOSITORY": "acme/five"},
        )
        passed(run)

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_the_workflows_of_the_page_about_github_run(
        self, number: int, server: Server, repository: Repository
    ) -> None:
        page = (ROOT / "docs" / "ci" / "github.md").read_text()
        blocks = re.findall(r"^```yaml\n(- .*?|jobs:.*?)^```$", page, re.DOTALL | re.MULTILINE)
        assert len(blocks) == 3
        lines = blocks[number].replace("https://monotron.example.com", server.url)
        lines = lines.replace("docker build", "echo docker build")
        text = workflow(lines) if lines.startswith("- ") else f"on: [push]\n{lines}"
        with StandIn([Say.json({"value": "eyJ.identity.token"})]) as issuer:
            run = repository.run(
                text,
                payload=pushed("feat: a coupon"),
                secrets={"MONOTRON_API_KEY": KEY},
                env={
                    "GITHUB_REPOSITORY": f"acme/page-{number}",
                    "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/?api-version=2.0",
                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
                },
            )
        assert run.succeeded, run.said
        told = ["docker build -t shop:0.1.0 .", "Monotron: 0.0.1", "build 1"][number]
        assert told in run.printed


class TestDeciding:
    def test_a_label_of_the_pull_request_decides_before_its_title(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto", minor_labels="feature, Enhancement")
        event = request_event("docs", "enhancement", title="fix: a typo")
        told = expect(version="0.1.0", release_type="minor", idempotency_token=COMMIT)
        run = passed(
            repository.run(
                workflow(call + told, on="pull_request"), event="pull_request", payload=event
            )
        )
        assert "the label 'enhancement'" in run.summary

    def test_a_re_run_with_changed_labels_keeps_the_version(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto")
        for labels, reused in ((["minor"], "false"), (["major"], "true"), ([], "true")):
            told = expect(version="0.1.0", release_type="minor", reused=reused)
            passed(
                repository.run(
                    workflow(call + told, on="pull_request"),
                    event="pull_request",
                    payload=request_event(*labels),
                )
            )

    def test_without_labels_the_title_of_the_pull_request_decides(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto")
        run = passed(
            repository.run(
                workflow(call + expect(version="0.1.0"), on="pull_request"),
                event="pull_request",
                payload=request_event(title="feat(cart): a coupon"),
            )
        )
        assert "the title of the pull request: feat(cart): a coupon" in run.summary

    def test_the_messages_of_the_pushed_commits_decide(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto")
        event = pushed("fix: a typo", "feat: a coupon\n\nBREAKING CHANGE: no cash", "chore: tidy")
        run = passed(repository.run(workflow(call + expect(version="0.1.0")), payload=event))
        assert "the commits: BREAKING CHANGE: no cash" in run.summary

    def test_an_event_without_messages_is_told_what_to_write(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto")
        annotation = failed(repository.run(workflow(call)))
        assert "422 invalid_bump" in annotation
        assert "bump: patch" in annotation


class TestCounter:
    def test_a_run_gets_one_number_however_often_it_asks(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        text = workflow(
            step("peek", uses="actions/peek", url=server.url, name=name)
            + expect("peek", value="0")
            + step(url=server.url, name=name, mode="counter")
            + expect(value="1", build_number="1", reused="false", changed="true", version="")
            + step("next", uses="actions/next", url=server.url, name=name)
            + expect("next", value="1", reused="true")
            + step("own", uses="actions/next", url=server.url, name=name, idempotency_token="x")
            + expect("own", value="2", reused="false")
            + step("peek2", uses="actions/peek", url=server.url, name=name)
            + expect("peek2", value="2")
        )
        passed(repository.run(text))
        passed(
            repository.run(
                text.replace('WANT_value: "0"', 'WANT_value: "2"').replace(
                    'WANT_reused: "false"', 'WANT_reused: "true"'
                )
            )
        )

    def test_a_dry_run_tells_the_number_and_counts_nothing(
        self, server: Server, client: Client, repository: Repository, name: str
    ) -> None:
        client.request("PUT", f"/v1/series/{name}/x")
        call = step(url=server.url, name=name, mode="counter", dry_run="true")
        passed(repository.run(workflow(call + expect(value="2", changed="false"))))
        assert client.request("GET", f"/v1/series/{name}").json()["value"] == 1


class TestTags:
    def run(
        self, repository: Repository, server: Server, name: str, there: str | None
    ) -> tuple[Run, list[Heard]]:
        """A run that makes a tag, where one points at *there* already."""

        def github(heard: Heard) -> Say:
            if heard.method == "POST" and there is None:
                return Say.json({"ref": "refs/tags/v0.0.1"}, 201)
            if heard.method == "POST":
                return Say.json({"message": "Reference already exists"}, 422)
            if heard.path.endswith("/git/ref/tags/v0.0.1"):
                return Say.json({"object": {"type": "tag", "sha": "c" * 40}})
            return Say.json({"object": {"type": "commit", "sha": there}})

        call = step(
            url=server.url, name=name, create_tag="true", github_token="${{ secrets.TOKEN }}"
        )
        with StandIn(github) as api:
            run = repository.run(
                workflow(call + expect(tag="v0.0.1").replace("- run", "- if: always()\n  run")),
                secrets={"TOKEN": "ghs_secret"},
                env={"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "acme/shop"},
            )
        return run, api.heard

    def test_a_tag_is_made_over_the_api(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        run, (heard,) = self.run(repository, server, name, None)
        passed(run)
        assert heard.path == "/repos/acme/shop/git/refs"
        assert json.loads(heard.body) == {
            "ref": "refs/tags/v0.0.1",
            "sha": repository.git("rev-parse", "HEAD"),
        }
        assert heard.headers["Authorization"] == "Bearer ghs_secret"
        assert "the tag was made" in run.summary

    def test_the_same_commit_under_that_tag_counts_as_success(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        run, _ = self.run(repository, server, name, repository.git("rev-parse", "HEAD"))
        assert "the tag was there already" in passed(run).summary

    def test_another_commit_under_that_tag_is_an_error_with_the_outputs_written(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        run, _ = self.run(repository, server, name, OTHER)
        annotation = failed(run)
        assert f"The tag v0.0.1 exists and points at {OTHER[:12]}" in annotation
        assert any("EXPECTED" in line for line in run.printed), "outputs were there all the same"


class TestTrouble:
    def test_a_server_that_is_down_fails_the_job_with_an_annotation(
        self, repository: Repository
    ) -> None:
        with StandIn([HANG_UP]) as gone:
            url = gone.url
        call = step(url=url, retries="1", timeout="5")
        annotation = failed(repository.run(workflow(call)))
        assert f"{url} did not answer: Connection refused. 2 times tried." in annotation

    def test_a_missing_url_and_a_wrong_input_are_told_with_the_yaml_to_write(
        self, repository: Repository
    ) -> None:
        call = step(name="x").replace('url: ""', "")
        assert "with:\n  url: https://monotron.example.com" in failed(
            repository.run(workflow(call))
        ).replace("%0A", "\n")
        wrong = failed(repository.run(workflow(step(url="https://m.example.com", bump="huge"))))
        assert "The input `bump` must be one of major, minor, patch" in wrong

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (
                Say.problem(401, "unauthenticated", "No."),
                "api-key: ${{ secrets.MONOTRON_API_KEY }}",
            ),
            (Say.problem(403, "forbidden", "No."), "read,write:series"),
            (Say(404, b"Not found", {"Content-Type": "text/plain"}), "is not Monotron's"),
            (Say(200, b"<html>Sign in", {"Content-Type": "text/html"}), "is not Monotron's"),
            (Say(302, b"", {"Location": "https://elsewhere.example.com"}), "redirects elsewhere"),
            (Say.json({"version": "1.0.0"}), "is not Monotron's"),
            (Say(200, b'{"versi', {"Content-Type": "application/json"}, length=400), "cut off"),
            (Say(200, b'{"versi', {"Content-Type": "application/json"}), "is not Monotron's"),
        ],
        ids=["401", "403", "proxy 404", "login page", "redirect", "foreign", "truncated", "broken"],
    )
    def test_answers_that_are_no_version_fail_the_job(
        self, answer: Say, told: str, repository: Repository
    ) -> None:
        with StandIn([answer]) as stand_in:
            call = step(url=stand_in.url, retries="1", timeout="5")
            assert told in failed(repository.run(workflow(call)))

    def test_429_and_503_are_asked_again_with_the_same_request(
        self, client: Client, repository: Repository, name: str
    ) -> None:
        head = repository.git("rev-parse", "HEAD")
        trouble = [
            Say.problem(429, "too_many_requests", "Wait.", Retry_After="1"),
            Say(503, b"busy", {"Content-Type": "text/plain"}),
            HANG_UP,
        ]

        def service(heard: Heard) -> Say:
            if trouble:
                return trouble.pop(0)
            answer = client.request(heard.method, heard.path)
            return Say.json(answer.json(), answer.status)

        with StandIn(service) as stand_in:
            call = step(url=stand_in.url, name=name, bump="minor")
            passed(repository.run(workflow(call + expect(version="0.1.0"))))
        assert [heard.path for heard in stand_in.heard] == [
            f"/v1/versions/{name}/{head}?bump=minor"
        ] * 4


class TestSecrets:
    def test_the_key_arrives_as_a_header_and_is_nowhere_else(self, repository: Repository) -> None:
        processes: list[str] = []

        def service(heard: Heard) -> Say:
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit() and int(folder.name) != os.getpid():
                    try:
                        processes.append((folder / "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue  # it has ended
            return Say.problem(401, "unauthenticated", f"Not {heard.headers['Authorization']}")

        with StandIn(service) as stand_in:
            call = step(url=stand_in.url, api_key="${{ secrets.KEY }}")
            run = repository.run(workflow(call), secrets={"KEY": KEY})
        failed(run)
        (heard,) = stand_in.heard
        assert heard.headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in heard.path
        assert any("python3" in line and "actions" in line for line in processes)
        of_the_action = [line for line in processes if "python3" in line]
        assert not [line for line in of_the_action if KEY in line]
        # The runner's own log has the mask itself; everything else comes after it, without the key.
        first = next(line for line in run.lines if line.get("command"))
        assert (first["command"], first["arg"]) == ("add-mask", KEY)
        assert KEY not in json.dumps(
            [line for line in run.lines if line.get("command") != "add-mask"]
        )
        assert KEY not in run.summary

    def test_a_job_signs_in_with_an_identity_token(self, repository: Repository) -> None:
        def github(heard: Heard) -> Say:
            return Say.json({"count": 1, "value": "eyJ.identity.token"})

        with StandIn(github) as issuer, StandIn([Say.problem(403, "forbidden", "No.")]) as service:
            run = repository.run(
                workflow(step(url=service.url, audience="https://m.example.com/?a=b")),
                env={
                    "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/oidc?api-version=2.0",
                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
                },
            )
        failed(run)
        (asked,) = issuer.heard
        assert asked.path == (
            "/oidc?api-version=2.0&audience=https%3A%2F%2Fm.example.com%2F%3Fa%3Db"
        )
        assert asked.headers["Authorization"] == "Bearer runner-secret"
        assert service.heard[0].headers["Authorization"] == "Bearer eyJ.identity.token"
        masked = {str(line["arg"]) for line in run.commands("add-mask")}
        assert masked == {"eyJ.identity.token", "runner-secret"}

    def test_a_job_that_may_not_have_one_is_told_the_permission(
        self, repository: Repository
    ) -> None:
        run = repository.run(workflow(step(url="https://m.example.com", audience="monotron")))
        assert "permissions:\n  id-token: write" in failed(run)


HOSTILE = (
    """'"; touch pwned; echo "$(touch pwned)`touch pwned`\n::set-output name=tag::x\nversion=9"""
)


class TestHostileInputs:
    def test_a_hostile_title_and_label_run_nothing_and_add_nothing(
        self, server: Server, repository: Repository, name: str
    ) -> None:
        call = step(url=server.url, name=name, bump="auto") + expect(version="0.1.0", tag="v0.1.0")
        event = request_event(HOSTILE, "minor", title=HOSTILE)
        run = passed(
            repository.run(workflow(call, on="pull_request"), event="pull_request", payload=event)
        )
        assert not list(repository.folder.parent.rglob("pwned"))
        assert {line["name"] for line in run.commands("set-output")} == set(GRAMMAR)

    def test_a_hostile_branch_name_as_token_and_name_is_an_error_of_ours(
        self, server: Server, repository: Repository
    ) -> None:
        text = workflow(
            step(
                url=server.url,
                name="${{ github.head_ref }}",
                idempotency_token="${{ github.head_ref }}",
            ),
            on="pull_request",
        )
        event = request_event()
        event["pull_request"]["head"]["ref"] = HOSTILE  # type: ignore[index]
        run = repository.run(text, event="pull_request", payload=event)
        assert "400 invalid_" in failed(run)
        assert not list(repository.folder.parent.rglob("pwned"))
