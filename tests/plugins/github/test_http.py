"""Requests and their retries, over real sockets and with a simulated clock."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest

from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import HttpResponse, RetryPolicy, send
from monotron_ci.urls import checked_url, server_url
from support.stand_in import HANG_UP, Reply, StandIn

COMPLETE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine"
OK = Reply(200, b"fine", {"Content-Type": "text/plain"})


class Clock:
    """Time that passes only during pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.warnings: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def policy(self, seconds: float = 60.0, retries: int = 8) -> RetryPolicy:
        return RetryPolicy(seconds, retries, lambda: self.now, self.sleep, self.warnings.append)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put(stand_in: StandIn, policy: RetryPolicy) -> HttpResponse:
    return send(urllib.request.Request(stand_in.url, b"body", method="PUT"), policy)


class TestRetries:
    @pytest.mark.parametrize("reply", [HANG_UP, *map(Reply, (408, 429, 500, 502, 503, 504))])
    def test_a_temporary_error_is_retried_with_the_same_request(
        self, reply: Reply, clock: Clock
    ) -> None:
        with StandIn([reply, reply, OK]) as stand_in:
            assert put(stand_in, clock.policy()).body == b"fine"
        assert len(clock.pauses) == 2
        assert {(each.method, each.body) for each in stand_in.requests} == {("PUT", b"body")}

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 507, 302])
    def test_a_permanent_error_is_not_retried(self, status: int, clock: Clock) -> None:
        with StandIn([Reply(status), OK]) as stand_in:
            assert put(stand_in, clock.policy()).status == status
        assert not clock.pauses

    def test_pauses_double_and_vary(self, clock: Clock) -> None:
        with StandIn([Reply(503)]) as stand_in:
            assert put(stand_in, clock.policy(seconds=1000)).status == 503
        assert len(clock.pauses) == 8
        for attempt, pause in enumerate(clock.pauses):
            average = min(10.0, 0.25 * 2**attempt)
            assert average * 0.5 <= pause <= average * 1.5
        assert len({pause / 2**attempt for attempt, pause in enumerate(clock.pauses[:5])}) == 5

    @pytest.mark.parametrize(
        "headers",
        [
            {"Retry-After": "17"},
            {
                "Date": "Tue, 24 Nov 2026 08:00:00 GMT",
                "Retry-After": "Tue, 24 Nov 2026 08:00:17 GMT",
            },
        ],
        ids=["seconds", "date by the clock of the server"],
    )
    def test_retry_after_sets_the_pause(self, headers: dict[str, str], clock: Clock) -> None:
        with StandIn([Reply(429, headers=headers), OK]) as stand_in:
            put(stand_in, clock.policy())
        assert clock.pauses == [17.0]

    @pytest.mark.parametrize("value", ["\u00b2", "-5", "1.5", "9" * 400, "soon", ""], ids=ascii)
    def test_an_invalid_retry_after_is_ignored(self, value: str, clock: Clock) -> None:
        with StandIn([Reply(429, headers={"Retry-After": value}), OK]) as stand_in:
            assert put(stand_in, clock.policy()).body == b"fine"
        assert clock.pauses[0] < 1

    def test_a_retry_after_beyond_the_time_limit_ends_the_retries(self, clock: Clock) -> None:
        with StandIn([Reply(429, headers={"Retry-After": "61"})]) as stand_in:
            assert put(stand_in, clock.policy()).status == 429
        assert not clock.pauses

    def test_the_time_limit_ends_the_retries(self, clock: Clock) -> None:
        with StandIn([HANG_UP]) as stand_in, pytest.raises(NoResponse) as raised:
            put(stand_in, clock.policy(seconds=3, retries=100))
        assert clock.now <= 3
        attempts = len(stand_in.requests)
        assert raised.value.cause == (
            f"No response from {stand_in.url}: connection closed after {attempts} attempts."
        )

    def test_a_slow_response_is_not_read_beyond_the_time_limit(self, clock: Clock) -> None:
        def advance() -> float:  # reading the clock takes a second, so the response is slow
            clock.now += 1
            return clock.now

        with StandIn([Reply(200, b"x" * (3 << 20))]) as stand_in:
            policy = RetryPolicy(6, 0, advance, clock.sleep)
            with pytest.raises(NoResponse, match=r": timed out after 1 attempt\."):
                put(stand_in, policy)
        assert clock.now < 20

    def test_all_requests_share_the_time_limit(self, clock: Clock) -> None:
        policy = clock.policy(seconds=10)
        busy = Reply(503, headers={"Retry-After": "8"})
        with StandIn([busy, OK, busy]) as stand_in:
            assert put(stand_in, policy).body == b"fine"
            assert put(stand_in, policy).status == 503
            clock.now = 10
            with pytest.raises(NoResponse, match="timed out"):
                put(stand_in, policy)
        assert clock.pauses == [8.0]
        assert len(stand_in.requests) == 3

    def test_zero_retries_send_one_request(self, clock: Clock) -> None:
        with StandIn([HANG_UP]) as stand_in, pytest.raises(NoResponse, match="after 1 attempt"):
            put(stand_in, clock.policy(retries=0))
        assert len(stand_in.requests) == 1

    def test_each_retry_is_reported_with_its_cause(self, clock: Clock) -> None:
        busy = Reply(429, headers={"Retry-After": "17"})
        with StandIn([busy, HANG_UP, OK]) as stand_in:
            put(stand_in, clock.policy())
        seconds = [f"{pause:.1f}" for pause in clock.pauses]
        assert clock.warnings == [
            "the server responded 429; retrying in 17.0 s (1/8)",
            f"no response (connection closed); retrying in {seconds[1]} s (2/8)",
        ]

    def test_a_refused_connection_is_reported_as_such(self, clock: Clock) -> None:
        with StandIn([OK]) as stopped:
            pass
        with pytest.raises(NoResponse) as raised:
            put(stopped, clock.policy(retries=1))
        assert raised.value.cause == (
            f"Cannot connect to {stopped.url}: connection refused (2 attempts)."
        )
        (warning,) = clock.warnings
        assert warning.startswith("cannot connect (connection refused); retrying in 0.")


class TestResponses:
    def test_a_truncated_body_is_requested_again(self, clock: Clock) -> None:
        truncated = Reply(200, b"fi", length=4)
        with StandIn([truncated, OK]) as stand_in:
            assert put(stand_in, clock.policy()).body == b"fine"
        with StandIn([truncated]) as stand_in, pytest.raises(NoResponse, match="truncated"):
            put(stand_in, clock.policy(retries=1))

    @pytest.mark.parametrize("length", range(16, len(COMPLETE) - 4, 7))
    def test_truncated_headers_are_requested_again(self, length: int, clock: Clock) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                for response in (COMPLETE[:length], COMPLETE):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(response)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            request = urllib.request.Request(f"http://127.0.0.1:{server.getsockname()[1]}")
            assert send(request, clock.policy()).body == b"fine"
            thread.join(30)

    def test_a_long_body_is_read_up_to_a_limit(self, clock: Clock) -> None:
        with StandIn([Reply(200, b"x" * (3 << 20))]) as stand_in:
            assert len(put(stand_in, clock.policy()).body) == 1 << 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrusted certificate for 127.0.0.1 and its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    process = subprocess.run(
        [*command, "-keyout", "/dev/stdout"], capture_output=True, check=True, cwd=file.parent
    )
    file.write_bytes(process.stdout)
    return file


class TestTls:
    def test_an_untrusted_certificate_fails_immediately_and_the_hint_solves_it(
        self, certificate: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with StandIn([OK], tls=context) as stand_in:
            message = rf"Cannot verify the TLS certificate of {stand_in.url}: self.signed cert"
            with pytest.raises(NoResponse, match=message) as raised:
                put(stand_in, clock.policy())
            assert "SSL_CERT_FILE" in raised.value.hint
            assert not clock.pauses
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert put(stand_in, clock.policy()).body == b"fine"


class TestProxies:
    @pytest.fixture(autouse=True)
    def without_proxies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)

    def test_plain_http_uses_no_proxy(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        with StandIn([Reply(404)]) as proxy, StandIn([OK]) as stand_in:
            monkeypatch.setenv("http_proxy", proxy.url)
            assert put(stand_in, clock.policy(retries=0)).body == b"fine"
        assert not proxy.requests

    def test_https_uses_the_proxy_of_the_environment(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with StandIn([OK]) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            request = urllib.request.Request("https://monotron.invalid")
            with pytest.raises(NoResponse, match="tunnel connection failed: 501"):
                send(request, clock.policy(retries=0))


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://monotron.example.com",
            "https://monotron.example.com:8443/base/",
            "http://127.0.0.1:3030",
            "http://localhost:3030/",
            "http://[::1]:3030",
            "  https://monotron.example.com/  ",
        ],
    )
    def test_https_and_loopback_urls_are_accepted(self, url: str) -> None:
        assert checked_url(url, "`url`") == url.strip().rstrip("/")

    @pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
    def test_the_url_of_a_server_may_end_in_v1(self, end: str) -> None:
        assert (
            server_url(f"https://m.example.com/base{end}", "`url`") == "https://m.example.com/base"
        )
        assert server_url(f"https://m.example.com{end}", "`url`") == "https://m.example.com"

    @pytest.mark.parametrize(
        "url",
        [
            "http://monotron.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "monotron.example.com",
            "https://",
            "https://user:secret@monotron.example.com",
            "https://monotron.example.com/?key=secret",
            "https://monotron.example.com/#x",
            "https://mono tron.example.com",
            "https://monotron.example.com/\r\nX-Header: 1",
            "https://monotron.example.com:port",
            "https://[::1",
            "https://mönotron.example.com",
            "-https://monotron.example.com",
            "https://monotron..example.com",
            f"https://{'a' * 64}.example.com",
        ],
    )
    def test_any_other_url_is_refused_without_being_shown(self, url: str) -> None:
        with pytest.raises(Failure) as raised:
            checked_url(url, "`url`")
        assert raised.value.cause.startswith("`url` must ")
        assert "secret" not in str(raised.value)
