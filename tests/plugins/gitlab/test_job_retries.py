"""Which failures the job retries, and which it reports immediately."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from plugins.gitlab.project import Project, run_against
from plugins.gitlab.responses import VERSION_LINES, dotenv_response, html_response
from support.pipelines import dotenv
from support.stand_in import HANG_UP, ReceivedRequest, Reply, StandIn

DRAINING = Reply.problem(503, "draining", "It failed. Do this.")
BUSY = Reply.problem(429, "too_many_requests", "It failed. Do this.", Retry_After="1")


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (BUSY, "HTTP 429"),
        (Reply.problem(503, "draining", "Soon.", Retry_After="1"), "HTTP 503"),
        (html_response(502), "HTTP 502"),
        (HANG_UP, "curl: (52) Empty reply from server"),
        (
            dotenv_response(VERSION_LINES.replace("1.3.0", "1.33333.0"), missing_bytes=20),
            "curl: (18) transfer closed with 20 bytes remaining to read",
        ),
    ],
    ids=["429", "503", "502", "hang up", "cut off"],
)
def test_a_failed_request_is_repeated_unchanged_and_logged(
    tmp_path: Path, response: Reply, cause: str
) -> None:
    stand_in, run = run_against(tmp_path, response, dotenv_response(), MONOTRON_BUMP="minor")
    assert run.passed, run.output
    first, second = stand_in.requests
    assert first == second
    assert run.output.startswith(f"warning: {cause}; retrying in 1 s (1/8)\n")
    assert dotenv(tmp_path / "project")["MONOTRON_VERSION"] == "1.3.0"


def test_a_retry_is_in_the_log_before_the_request_is_repeated(tmp_path: Path) -> None:
    log = tmp_path / "project" / "log"
    logged = []

    def respond(_: ReceivedRequest) -> Reply:
        logged.append(log.read_text())
        return HANG_UP if len(logged) == 1 else dotenv_response()

    with StandIn(respond) as stand_in:
        project = Project(stand_in.url, tmp_path / "project")
        project.run(shell=("sh", "-c", 'exec sh -e "$@" >log 2>&1', "sh"))
    assert logged == ["", "warning: curl: (52) Empty reply from server; retrying in 1 s (1/8)\n"]


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (HANG_UP, "curl: (52)"),
        (dotenv_response(missing_bytes=5), "curl: (18)"),
        (DRAINING, "draining (503): It failed."),
        (BUSY, "too_many_requests (429): It failed."),
    ],
    ids=["hang up", "cut off", "503", "429"],
)
def test_the_last_error_is_shown_after_all_retries(
    tmp_path: Path, response: Reply, text: str
) -> None:
    with StandIn([response]) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure(MONOTRON_RETRIES="0")
    assert text in output
    assert len(stand_in.requests) == 1


@pytest.mark.parametrize("retry_after", ["", "60", "08", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_the_time_limit_includes_all_attempts_and_pauses(tmp_path: Path, retry_after: str) -> None:
    response = Reply(DRAINING.status, DRAINING.body, {**DRAINING.headers})
    if retry_after:
        response = Reply(503, DRAINING.body, {**DRAINING.headers, "Retry-After": retry_after})
    with StandIn([response]) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure(MONOTRON_TIMEOUT="2")
    assert "error: draining (503): It failed." in output
    assert len(stand_in.requests) <= (1 if retry_after == "60" else 2)


def test_a_refused_connection_is_retried(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    output = project.failure(MONOTRON_URL=url, MONOTRON_RETRIES="1")
    assert "curl: (7) " in output
    assert "; retrying in 1 s (1/1)\n" in output


def test_an_interrupted_tls_handshake_is_retried(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def close() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                connection.recv(65536)
                connection.close()

        thread = threading.Thread(target=close)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        output = project.failure(MONOTRON_URL=url, MONOTRON_RETRIES="1")
        thread.join()
    assert "does not use TLS" not in output
    assert "; retrying in 1 s (1/1)\n" in output


def test_a_port_without_tls_is_reported_immediately(project: Project, url: str) -> None:
    https = url.replace("http:", "https:")
    output = project.failure(MONOTRON_URL=https)
    assert f"error: {https} does not use TLS. It responds to plain HTTP only." in output
    assert "retrying" not in output


def test_an_unknown_certificate_is_reported_immediately(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with StandIn([dotenv_response()], tls=context) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure()
    assert f"error: No response from {stand_in.url}: curl: (60) SSL certificate problem" in output
    assert "retrying" not in output
