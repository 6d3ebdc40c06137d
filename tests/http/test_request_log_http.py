"""What the log contains of requests: no secrets, and the reason of each rejected sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.claims import github
from support.credentials import JSON, bearer, new_account, new_key
from support.encodings import ENCODINGS, Encode
from support.keyless import Keyless, keyless_for_main
from support.log_lines import line_of, lines_of
from support.server import ROOT, ROOT_ENV, Client, Server

ROOT_SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]


@pytest.fixture(scope="module")
def logging_server() -> Iterator[Server]:
    args = ["--log-format=json", "--trusted-proxies=127.0.0.1"]
    with Server("sqlite://", env=ROOT_ENV, args=args) as server:
        yield server


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """A server that trusts the branch main of acme/shop."""
    folder = tmp_path_factory.mktemp("trusting")
    with keyless_for_main("github", folder, MONOTRON_FAILURES_PER_ADDRESS="0") as monotron:
        yield monotron


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


class TestRequests:
    def test_a_line_has_what_is_known_about_the_request(self, logging_server: Server) -> None:
        with logging_server.client(authorization=ROOT) as root:
            account = new_account(root)
            secret = new_key(root, account, "*:series")
        with logging_server.client(authorization=bearer(secret)) as client:
            responses = [
                client.request("PUT", f"/v1/accounts/{account}/series/web/T"),
                client.request("GET", "/v1/series/unknown"),
                client.request("DELETE", f"/v1/accounts/{account + 1}/series/web"),
            ]
        lines = [line_of(logging_server, response) for response in responses]
        for line in lines:
            assert line.pop("duration_ms") > 0
            assert line.pop("client") == "127.0.0.1"
            assert line.pop("process") == logging_server.pid
            assert line.pop("principal").startswith("key:mtk_k_")
        members = ("level", "method", "route", "status", "account", "assigned", "code", "reason")
        assert [[line.get(name) for name in members] for line in lines] == [
            ["info", "PUT", "/v1/series/{key}/{token}", 200, account, "1", None, None],
            *(
                [
                    *("warning", "GET", "/v1/series/{key}", 404, account, None),
                    *("series_not_found", None),
                ],
                [
                    *("warning", "DELETE", "/v1/series/{key}", 403, account + 1, None),
                    "forbidden",
                    f"These credentials belong to account {account} and cannot use another one",
                ],
            ),
        ]

    def test_a_withdrawal_is_not_logged_as_an_assignment(self, logging_server: Server) -> None:
        with logging_server.client(authorization=ROOT) as root:
            assigned = root.request("PUT", "/v1/versions/log/T?bump=minor")
            path = "/v1/releases/log/0.1.0/withdrawal"
            withdrawn = root.request("PUT", path, '{"reason": "wrong"}', JSON)
        assert (assigned.status, withdrawn.status) == (200, 200)
        assert line_of(logging_server, assigned)["assigned"] == "0.1.0"
        assert not line_of(logging_server, withdrawn).get("assigned")

    def test_the_client_of_a_trusted_proxy_is_logged(self, logging_server: Server) -> None:
        with logging_server.client(authorization=ROOT) as root:
            headers = {"X-Forwarded-For": "198.51.100.1, 2001:db8::7"}
            response = root.request("GET", "/v1/series", headers=headers)
        assert line_of(logging_server, response)["client"] == "2001:db8::7"

    def test_probes_and_scrapes_are_logged_at_debug_unless_they_fail(self) -> None:
        args = ["--log-format=json", "--log-level=debug", "--metrics-listen=127.0.0.1:0"]
        with Server("sqlite://", env=ROOT_ENV, args=args) as server:
            port = re.search(r"Metrics +http://127.0.0.1:(\d+)/", server.output())
            assert port
            with Client(f"http://127.0.0.1:{port[1]}") as scraper, server.client() as client:
                paths = ["/livez", "/readyz", "/metrics", "/v1"]
                assert [client.request("GET", path).status for path in paths] == [
                    200,
                    200,
                    401,
                    200,
                ]
                assert scraper.request("GET", "/metrics").status == 200
            server.stop()
            lines = [line for line in lines_of(server) if line["message"] == "request"]
        assert [(line["path"], line["level"]) for line in lines] == [
            *(("/livez", "debug"), ("/readyz", "debug"), ("/metrics", "warning"), ("/v1", "info")),
            ("/metrics", "debug"),
        ]

    def test_probes_are_not_logged_by_default(self, logging_server: Server) -> None:
        with logging_server.client() as client:
            assert client.request("GET", "/readyz").status == 200
            assert client.request("GET", "/livez").status == 200
        assert not [line for line in lines_of(logging_server) if line.get("path") == "/readyz"]


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

    @pytest.mark.parametrize(
        ("claims", "claim"),
        [
            ({"ref": "refs/heads/alice"}, "ref"),
            ({"repository_id": "778"}, "repository_id, repository_owner_id"),
            ({"repository_owner_id": "43"}, "repository_owner_id"),
            ({"aud": "https://alice.example.com"}, "aud"),
            ({"event_name": "pull_request_target"}, "event_name"),
            ({"ref": ...}, "ref"),
        ],
        ids=str,
    )
    def test_a_rejected_job_is_explained_by_the_request_id_alone(
        self, trusting: Keyless, claims: dict[str, Any], claim: str
    ) -> None:
        token = trusting.token(github(**claims))
        with trusting.server.client(authorization=bearer(token)) as job:
            response = job.request("PUT", "/v1/series/gh:acme:shop/T")
        assert response.status == 401
        line = line_of(trusting.server, response)
        assert (line["issuer"], line["project"]) == (trusting.issuer.url, "acme/shop")
        assert (line["claim"], line["code"]) == (claim, "unauthenticated")
        assert line["reason"]

    @pytest.mark.parametrize(
        ("project", "logged"),
        [
            ("a\r\n\x1b[31m\u2028/b", "a\r\n\x1b[31m\u2028/b"),
            ('"}, "status": 200', '"}, "status": 200'),
            (2000 * "x", f"{117 * 'x'}..."),
            (200 * "\U0001f600", f"{27 * chr(0x1F600)}..."),
            ("mtk_k_AbCdEfGh_" + 36 * "S", "mtk_k_AbCdEfGh_***"),
        ],
        ids=["control characters", "JSON", "long", "long in bytes", "API key"],
    )
    def test_a_hostile_project_is_escaped_and_shortened(
        self, trusting: Keyless, project: str, logged: str
    ) -> None:
        token = trusting.token(github(repository=project, ref="refs/heads/x"))
        with trusting.server.client(authorization=bearer(token)) as job:
            response = job.request("PUT", "/v1/series/gh:acme:shop/T")
        line = line_of(trusting.server, response)
        assert line["status"] == response.status == 401
        assert line["project"] == logged

    def test_an_unverified_token_is_logged_with_its_issuer_only(self, trusting: Keyless) -> None:
        token = trusting.token(github())
        forged = f"{token.rpartition('.')[0]}.{token[-8:]}"
        with trusting.server.client(authorization=bearer(forged)) as job:
            response = job.request("PUT", "/v1/series/gh:acme:shop/T")
        line = line_of(trusting.server, response)
        assert line["issuer"] == trusting.issuer.url
        assert "project" not in line
        assert line["reason"] == "identity token: invalid signature"

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
