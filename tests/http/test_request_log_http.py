"""What the log contains of requests: no secrets, and the reason of each rejected sign-in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.claims import github
from support.credentials import bearer, new_key
from support.encodings import ENCODINGS, Encode
from support.keyless import Keyless, keyless_for_main
from support.server import ROOT, ROOT_ENV, Response, Server

ROOT_SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]


@pytest.fixture(scope="module")
def logging_server() -> Iterator[Server]:
    with Server("sqlite://", env=ROOT_ENV, args=["--log-format=json"]) as server:
        yield server


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """A server that trusts the branch main of acme/shop."""
    with keyless_for_main("github", tmp_path_factory.mktemp("trusting")) as monotron:
        yield monotron


def lines_of(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log().splitlines()]


def line_of(server: Server, response: Response) -> dict[str, Any]:
    """The log line of the request ID of the response."""
    with server.client() as client:
        assert client.request("GET", "/livez").status == 200  # earlier lines have been written then
    request_id = response.headers["X-Request-Id"]
    (line,) = [each for each in lines_of(server) if each.get("request_id") == request_id]
    return line


class TestSecrets:
    @pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
    def test_the_log_contains_no_secret_in_any_encoding(
        self, logging_server: Server, encode: Encode
    ) -> None:
        with logging_server.client(authorization=ROOT) as root:
            secrets = [ROOT_SECRET, new_key(root, 1, "*:series")]
            for text in [encode(secret) for secret in secrets]:
                headers = {"X-Request-Id": text[:64], "X-API-Key": text, "Referer": text}
                for path in f"/v1/series/{text}/T", f"/v1/series/k/T?reuse={text}", f"/{text}":
                    root.request("PUT", path, headers=headers)
            with logging_server.client() as stranger:
                for text in [encode(secret) for secret in secrets]:
                    stranger.request("GET", f"/{text}", headers={"Authorization": text})
                    stranger.request(re.sub(r"\W", "-", text), "/v1")
        for line in logging_server.log().splitlines():
            for secret in secrets:
                assert encode(secret) not in line
                assert secret not in line
                assert secret[-20:] not in line

    def test_a_request_id_that_is_an_api_key_is_replaced(self, logging_server: Server) -> None:
        with logging_server.client(authorization=ROOT) as root:
            secret = new_key(root, 1, "*:series")
            response = root.request("GET", "/v1/series", headers={"X-Request-Id": secret})
        assert secret not in str(response.headers)
        assert line_of(logging_server, response)["status"] == 200

    def test_a_guess_of_the_root_secret_is_returned_unchanged(self, logging_server: Server) -> None:
        """Otherwise, strangers could find out the root secret without signing in."""
        with logging_server.client() as stranger:
            for guess in (ROOT_SECRET, ROOT_SECRET[::-1]):
                headers = {"X-Request-Id": guess}
                response = stranger.request("PUT", f"/v1/series/a/{guess}/c", headers=headers)
                assert response.headers["X-Request-Id"] == guess
                assert guess in response.text


class TestRejectedSignIns:
    @pytest.fixture(scope="class")
    @classmethod
    def logging_server(cls) -> Iterator[Server]:
        """A server of its own: more rejected requests would be summarized."""
        with Server("sqlite://", env=ROOT_ENV, args=["--log-format=json"]) as server:
            yield server

    def test_the_reason_is_logged_with_the_request_id(self, logging_server: Server) -> None:
        with logging_server.client() as stranger:
            headers = {"Authorization": "Bearer wrong", "X-Request-Id": "rejected-1"}
            response = stranger.request("GET", "/v1/series", headers=headers)
        assert response.status == 401
        reason = line_of(logging_server, response)["reason"]
        assert reason == "Invalid credentials: the key is mistyped, revoked or unknown"

    def test_the_reason_of_a_limit_is_logged(self) -> None:
        args = ["--log-format=json", "--failures-per-address=1"]
        with Server("sqlite://", env=ROOT_ENV, args=args) as server, server.client() as stranger:
            headers = {"Authorization": "Bearer wrong"}
            statuses = [stranger.request("GET", "/v1/series", headers=headers) for _ in range(2)]
            assert [response.status for response in statuses] == [401, 429]
            reason = line_of(server, statuses[1])["reason"]
        assert reason == "Too many failed sign-ins from this address (limit: 1 per minute)"

    def test_an_accepted_sign_in_has_no_reason(self, logging_server: Server) -> None:
        with logging_server.client(authorization=ROOT) as root:
            response = root.request("GET", "/v1/series")
        assert "reason" not in line_of(logging_server, response)

    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            (
                {"ref": "refs/heads/alice"},
                ": no trust policy with these claims matches (different: ref)",
            ),
            (
                {"repository_id": "778"},
                ": no trust policy for this project matches",
            ),
            (
                {"repository_owner_id": "43"},
                ": no trust policy for this project matches (different: repository_owner_id)",
            ),
            ({"aud": "https://alice.example.com"}, None),
        ],
        ids=["another branch", "another repository", "another owner", "another audience"],
    )
    def test_a_rejected_job_is_logged_with_issuer_and_project_only(
        self, trusting: Keyless, claims: dict[str, str], reason: str | None
    ) -> None:
        token = trusting.token({**github(), "actor": "alice", **claims})
        with trusting.server.client(authorization=bearer(token)) as job:
            response = job.request("PUT", "/v1/series/gh:acme:shop/T")
        assert response.status == 401
        logged = line_of(trusting.server, response)["reason"]
        job_name = f"github@{trusting.issuer.url.partition('://')[2]}:acme/shop:9876543210"
        assert logged.startswith(job_name)
        if reason is not None:
            assert logged == job_name + reason
            assert "alice" not in trusting.server.log()

    def test_the_reason_of_an_unverified_token_is_in_the_log_only(self, trusting: Keyless) -> None:
        token = trusting.token(github())
        with trusting.server.client(authorization=bearer(token[:-8] + "AAAAAAAA")) as job:
            response = job.request("PUT", "/v1/series/gh:acme:shop/T")
        assert "invalid signature" not in response.text
        line = line_of(trusting.server, response)
        assert line["reason"] == "identity token: invalid signature"


def test_a_flood_of_strangers_is_summarized(tmp_path: Path) -> None:
    with Server("sqlite://", env=ROOT_ENV, args=["--log-format=json"]) as server:
        with server.client() as stranger:
            for _ in range(300):
                assert stranger.request("GET", "/v1/series").status == 401
        server.stop()
        lines = lines_of(server)
    logged = [line for line in lines if line["message"] == "request"]
    summaries = [line for line in lines if "without valid credentials" in line["message"]]
    missing = sum(int(line["message"].split(" ")[0]) for line in summaries)
    assert len(logged) + missing == 300
