"""`on-unavailable` and `on-no-credentials`: steps that are skipped, and those that must fail."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from plugins.github.action_step import ActionStep
from support.credentials import new_account
from support.server import ROOT as ROOT_KEY
from support.server import ROOT_ENV, Server
from support.stand_in import HANG_UP, Reply, StandIn

Output = pytest.CaptureFixture[str]

VERSION = {"bump": "minor"}
NUMBER = {"mode": "counter"}
ANNOTATION = "::warning title=Monotron::"


def check_skipped(step: ActionStep, name: str, printed: str) -> None:
    """Check that outputs are empty, and that log and summary state which input skipped the step."""
    false = {output for output, text in step.outputs.items() if text == "false"}
    assert false == {"changed", "reused", "is_latest", "latest_in_major", "latest_in_minor"}
    assert {o for o, text in step.outputs.items() if text} == {*false, "reason"}
    assert f"The step is skipped, as `{name}: skip` requests." in printed
    assert printed.count(ANNOTATION) == 1
    assert "### Monotron: skipped\n" in step.summary
    assert f"Monotron: skipped ({step.outputs['reason']})\n" in printed


class TestUnavailable:
    @pytest.mark.parametrize("inputs", [VERSION, NUMBER], ids=["version", "number"])
    @pytest.mark.parametrize(
        "reply",
        [
            HANG_UP,
            Reply.problem(503, "draining", "Soon."),
            Reply(502, b"<html>Bad gateway", {"Content-Type": "text/html"}),
            Reply.json({"message": "x"}, 500),
        ],
        ids=["no response", "draining", "proxy", "500"],
    )
    def test_a_server_that_does_not_work_skips_the_step(
        self, inputs: dict[str, str], reply: Reply, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([reply]) as service:
            step.url = service.url
            assert step.run({**inputs, "on-unavailable": "skip"}) == 0
        check_skipped(step, "on-unavailable", capsys.readouterr().out)

    def test_a_server_that_has_stopped_skips_the_step(
        self, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([HANG_UP]) as service:
            step.url = service.url
        inputs = {"on-unavailable": "skip", "create-tag": "true", "github-token": "t"}
        assert step.run(inputs) == 0
        check_skipped(step, "on-unavailable", capsys.readouterr().out)
        assert step.outputs["reason"].startswith(f"Cannot connect to {step.url}: connection refus")

    def test_a_server_that_has_stopped_fails_the_step_by_default(self, step: ActionStep) -> None:
        with StandIn([HANG_UP]) as service:
            step.url = service.url
        assert step.run({}) == 1
        assert not step.output_lines

    @pytest.mark.parametrize(
        "reply",
        [
            Reply.problem(401, "unauthenticated", "No."),
            Reply.problem(409, "value_would_fall", "No."),
            Reply.problem(429, "too_many_requests", "Later."),
            Reply(302, b"", {"Location": "https://example.com"}),
            Reply(200, b"<html>Sign in", {"Content-Type": "text/html"}),
            Reply(404, b"Not found", {"Content-Type": "text/html"}),
        ],
        ids=["401", "409", "429", "redirect", "login page", "404"],
    )
    def test_any_other_response_fails_the_step(self, reply: Reply, step: ActionStep) -> None:
        with StandIn([reply]) as service:
            step.url = service.url
            assert step.run({"on-unavailable": "skip", "api-key": "k"}) == 1
        assert not step.output_lines

    def test_an_identity_provider_without_a_response_fails_the_step(
        self, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([HANG_UP]) as github:
            environ = {
                "ACTIONS_ID_TOKEN_REQUEST_URL": github.url,
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
            }
            assert step.run({"on-unavailable": "skip"}, **environ) == 1
        assert "::error title=Monotron::No response from" in capsys.readouterr().out


@pytest.fixture(scope="module")
def protected_url() -> Iterator[str]:
    """The URL of a server that requires credentials."""
    with Server("sqlite://", env=ROOT_ENV) as server:
        with server.client(authorization=ROOT_KEY) as root:
            new_account(root)
        yield server.url


SKIP = {"on-no-credentials": "skip"}


class TestNoCredentials:
    """A job of a fork or of Dependabot, for which secrets are empty."""

    @pytest.mark.parametrize("inputs", [VERSION, NUMBER, {"bump": "none"}], ids=str)
    def test_the_step_is_skipped_on_request(
        self, inputs: dict[str, str], protected_url: str, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({**inputs, **SKIP, "api-key": "", "url": protected_url}) == 0
        check_skipped(step, "on-no-credentials", capsys.readouterr().out)
        assert step.outputs["reason"].startswith("This job has no credentials. unauthenticated")

    def test_a_job_that_cannot_request_an_identity_token_is_skipped_on_request(
        self, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([]) as service:
            assert step.run({**SKIP, "audience": "https://m.example.com", "url": service.url}) == 0
        assert service.requests == []
        check_skipped(step, "on-no-credentials", capsys.readouterr().out)

    @pytest.mark.parametrize("audience", ["", "https://m.example.com"])
    def test_the_error_proposes_an_identity_token_first_and_mentions_forks(
        self, audience: str, protected_url: str, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({"audience": audience, "url": protected_url}) == 1
        printed = capsys.readouterr().out.replace("%0A", "\n")
        assert printed.startswith("::error title=Monotron::This job has no ")
        texts = [
            "\n\nSign in without a stored secret, which Dependabot can do, too:\n\n"
            f"permissions:\n  id-token: write\n\nwith:\n  audience: {protected_url}\n",
            "For Dependabot, store it as a Dependabot secret, too:\n\nwith:\n  api-key: ${{",
            "Pull requests from forks get neither.",
            "with:\n  on-no-credentials: skip\n",
        ]
        places = [printed.index(text) for text in texts]
        assert places == sorted(places)

    def test_a_server_without_credentials_is_used(self, step: ActionStep) -> None:
        assert step.run({**SKIP, **VERSION}) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "true")

    def test_an_invalid_api_key_fails_the_step(
        self, protected_url: str, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({**SKIP, "api-key": "wrong-key", "url": protected_url}) == 1
        assert "::error title=Monotron::unauthenticated (401): " in capsys.readouterr().out

    def test_an_identity_token_that_is_not_trusted_fails_the_step(
        self, step: ActionStep, capsys: Output
    ) -> None:
        refusal = Reply.problem(401, "unauthenticated", "No.")
        token = Reply.json({"value": "eyJ.identity.token"})
        with StandIn([token]) as runner, StandIn([refusal]) as service:
            environ = {
                "ACTIONS_ID_TOKEN_REQUEST_URL": runner.url,
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
            }
            assert step.run({**SKIP, "url": service.url}, **environ) == 1
        assert "Create a trust policy for these jobs" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["on-unavailable", "on-no-credentials"])
def test_an_unknown_value_is_refused(name: str, step: ActionStep, capsys: Output) -> None:
    assert step.run({name: json.dumps(True)}) == 1
    assert f"`{name}` must be `fail` or `skip`, not 'true'." in capsys.readouterr().out
