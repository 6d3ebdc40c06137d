"""Patience with a service that does not answer, against real sockets and a clock of the test's."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from monotron_ci.client import LAST, Client
from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import HttpResponse, RetryPolicy, checked_url, send
from support.stand_in import HANG_UP, Heard, Say, StandIn

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine"
FINE = Say(200, b"fine", {"Content-Type": "text/plain"})


class Clock:
    """A time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, seconds: float = 60.0, retries: int = 8) -> RetryPolicy:
        return RetryPolicy(seconds, retries, lambda: self.now, self.sleep)


def ask(stand_in: StandIn, patience: RetryPolicy) -> HttpResponse:
    return send(urllib.request.Request(stand_in.url, b"body", method="PUT"), patience)


class TestRetries:
    @pytest.mark.parametrize("trouble", [HANG_UP, *map(Say, (408, 429, 500, 502, 503, 504))])
    def test_trouble_that_passes_is_waited_out_with_the_same_request(self, trouble: Say) -> None:
        clock = Clock()
        with StandIn([trouble, trouble, FINE]) as stand_in:
            assert ask(stand_in, clock.patience()).body == b"fine"
        assert len(clock.pauses) == 2
        assert {(heard.method, heard.body) for heard in stand_in.heard} == {("PUT", b"body")}

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 507, 302])
    def test_an_answer_that_will_not_change_is_taken(self, status: int) -> None:
        clock = Clock()
        with StandIn([Say(status), FINE]) as stand_in:
            assert ask(stand_in, clock.patience()).status == status
        assert not clock.pauses

    def test_pauses_grow_and_differ(self) -> None:
        clock = Clock()
        with StandIn([Say(503)]) as stand_in:
            assert ask(stand_in, clock.patience(seconds=1000)).status == 503
        assert len(clock.pauses) == 8
        for attempt, pause in enumerate(clock.pauses):
            usual = min(10.0, 0.25 * 2**attempt)
            assert usual * 0.5 <= pause <= usual * 1.5
        assert len({pause / 2**attempt for attempt, pause in enumerate(clock.pauses[:5])}) == 5

    def test_the_server_says_how_long_to_wait(self) -> None:
        clock = Clock()
        with StandIn([Say(429, headers={"Retry-After": "17"}), FINE]) as stand_in:
            ask(stand_in, clock.patience())
        assert clock.pauses == [17.0]

    def test_the_server_may_say_until_when_by_its_own_clock(self) -> None:
        clock = Clock()
        headers = {
            "Date": "Tue, 24 Nov 2026 08:00:00 GMT",
            "Retry-After": "Tue, 24 Nov 2026 08:00:17 GMT",
        }
        with StandIn([Say(503, headers=headers), FINE]) as stand_in:
            ask(stand_in, clock.patience())
        assert clock.pauses == [17.0]

    @pytest.mark.parametrize("asked", ["\u00b2", "-5", "1.5", "9" * 400, "soon", ""], ids=ascii)
    def test_a_wait_that_makes_no_sense_is_not_kept(self, asked: str) -> None:
        clock = Clock()
        with StandIn([Say(429, headers={"Retry-After": asked}), FINE]) as stand_in:
            assert ask(stand_in, clock.patience()).body == b"fine"
        assert clock.pauses[0] < 1

    def test_a_wait_beyond_the_time_is_not_begun(self) -> None:
        clock = Clock()
        with StandIn([Say(429, headers={"Retry-After": "61"})]) as stand_in:
            assert ask(stand_in, clock.patience()).status == 429
        assert not clock.pauses

    def test_the_time_ends_even_where_tries_are_left(self) -> None:
        clock = Clock()
        with StandIn([HANG_UP]) as stand_in, pytest.raises(Failure, match="did not answer") as told:
            ask(stand_in, clock.patience(seconds=3, retries=100))
        assert clock.now <= 3
        assert f"{len(stand_in.heard)} times tried" in told.value.cause

    def test_an_answer_that_drips_is_not_awaited_beyond_the_time(self) -> None:
        clock = Clock()

        def look() -> float:  # every look at the clock costs a second: the answer is slow
            clock.now += 1
            return clock.now

        with StandIn([Say(200, b"x" * (3 << 20))]) as stand_in:
            patience = RetryPolicy(6, 0, look, clock.sleep)
            with pytest.raises(NoResponse, match="no answer in time"):
                ask(stand_in, patience)
        assert clock.now < 20

    def test_all_requests_share_the_time(self) -> None:
        clock = Clock()
        patience = clock.patience(seconds=10)
        slow = Say(503, headers={"Retry-After": "8"})
        with StandIn([slow, FINE, slow]) as stand_in:
            assert ask(stand_in, patience).body == b"fine"
            assert ask(stand_in, patience).status == 503
            clock.now = 10
            with pytest.raises(NoResponse, match="no time was left"):
                ask(stand_in, patience)
        assert clock.pauses == [8.0]
        assert len(stand_in.heard) == 3

    def test_no_retries_means_one_request(self) -> None:
        with StandIn([HANG_UP]) as stand_in, pytest.raises(Failure, match="Once tried"):
            ask(stand_in, Clock().patience(retries=0))
        assert len(stand_in.heard) == 1

    def test_a_body_that_was_cut_off_is_asked_for_again(self) -> None:
        clock = Clock()
        with StandIn([Say(200, b"fi", length=4), FINE]) as stand_in:
            assert ask(stand_in, clock.patience()).body == b"fine"
        with StandIn([Say(200, b"fi", length=4)]) as stand_in, pytest.raises(Failure, match="cut"):
            ask(stand_in, clock.patience(retries=1))

    @pytest.mark.parametrize("cut", range(16, len(WHOLE) - 4, 7))
    def test_an_answer_that_was_cut_off_in_its_headers_is_asked_for_again(self, cut: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                for each in (WHOLE[:cut], WHOLE):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(each)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            request = urllib.request.Request(f"http://127.0.0.1:{server.getsockname()[1]}")
            assert send(request, Clock().patience()).body == b"fine"
            thread.join(30)

    def test_an_endless_body_is_not_read_to_its_end(self) -> None:
        with StandIn([Say(200, b"x" * (3 << 20))]) as stand_in:
            assert len(ask(stand_in, Clock().patience()).body) == 1 << 20

    def test_a_server_that_does_not_speak_tls_is_not_asked(self) -> None:
        with StandIn([FINE]) as stand_in:
            request = urllib.request.Request(stand_in.url.replace("http:", "https:"))
            with pytest.raises(Failure, match="did not answer"):
                send(request, Clock().patience(retries=1))
        assert not stand_in.heard


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = subprocess.run(
        [*command, "-keyout", "/dev/stdout"], capture_output=True, check=True, cwd=file.parent
    )
    file.write_bytes(made.stdout)
    return file


class TestTls:
    def test_a_certificate_that_is_not_trusted_is_told_at_once_with_the_cure(
        self, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with StandIn([FINE], tls=context) as stand_in:
            with pytest.raises(NoResponse, match=r"is not trusted: self.signed cert") as told:
                ask(stand_in, clock.patience())
            assert "SSL_CERT_FILE" in told.value.cure
            assert not clock.pauses
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert ask(stand_in, clock.patience()).body == b"fine"


class TestProxies:
    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)

    def test_a_key_never_goes_to_a_proxy_in_clear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with StandIn([FINE]) as proxy, StandIn([Say.json(ENTRY)]) as stand_in:
            monkeypatch.setenv("http_proxy", proxy.url)
            client = Client(stand_in.url, Credential("key"), Clock().patience(retries=0))
            assert client.peek("a").value == 7
        assert not proxy.heard

    def test_https_goes_by_the_proxy_of_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with StandIn([FINE]) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            request = urllib.request.Request("https://monotron.invalid")
            with pytest.raises(NoResponse, match="Tunnel connection failed: 501"):
                send(request, Clock().patience(retries=0))


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed_with_the_key(self, status: int) -> None:
        with StandIn([FINE]) as elsewhere:
            leads = Say(status, headers={"Location": f"{elsewhere.url}/v1/series/a"})
            with StandIn([leads]) as stand_in:
                client = Client(stand_in.url, Credential("key"), Clock().patience())
                with pytest.raises(Failure, match="redirects elsewhere"):
                    client.peek("a")
        assert not elsewhere.heard


class TestAddresses:
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
    def test_https_and_loopback_are_taken(self, url: str) -> None:
        assert checked_url(url, "url") == url.strip().rstrip("/")

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
    def test_everything_else_is_refused_without_being_shown(self, url: str) -> None:
        with pytest.raises(Failure) as told:
            checked_url(url, "The input `url`")
        assert "The input `url`" in told.value.cause
        assert "secret" not in str(told.value)


class TestCredentials:
    def test_a_key_is_one_line_of_visible_characters(self) -> None:
        assert parse_credential(" mtk_a-b.c:d \n", "key") == "mtk_a-b.c:d"

    @pytest.mark.parametrize("text", ["", "a b", "a\nb", "a\r\nX-Header: 1", "é", "a\x00b"])
    def test_anything_else_is_refused_without_being_shown(self, text: str) -> None:
        with pytest.raises(Failure) as told:
            parse_credential(f"secret{text}" if text else "", "api-key")
        assert "secret" not in str(told.value)

    def test_no_repr_shows_it(self) -> None:
        assert "secret" not in repr(Credential("secret"))
        assert "secret" not in repr([Credential("secret")])

    @pytest.mark.parametrize(
        ("key", "header"),
        [("one-string", "Bearer one-string"), ("key:secret", "Basic a2V5OnNlY3JldA==")],
    )
    def test_a_key_goes_out_in_one_header(self, key: str, header: str) -> None:
        entry = {"creator_id": 1, "key": "a", "token": "t", "value": 1}
        with StandIn([Say.json(entry)]) as stand_in:
            Client(stand_in.url, Credential(key), Clock().patience()).peek("a")
        (heard,) = stand_in.heard
        assert heard.headers["Authorization"] == header

    def test_an_error_that_gives_the_key_back_is_shown_without_it(self) -> None:
        with StandIn([Say.problem(403, "forbidden", "You are secret-key.")]) as stand_in:
            client = Client(stand_in.url, Credential("secret-key"), Clock().patience())
            with pytest.raises(Failure, match=r"You are \*\*\*\.") as told:
                client.peek("a")
        assert "secret-key" not in str(told.value)

    @pytest.mark.parametrize("echo", ["Basic a2V5OnNlY3JldA==", "key:secret", "a secret"])
    def test_nor_in_the_form_in_which_it_was_sent(self, echo: str) -> None:
        with StandIn([Say.problem(403, "forbidden", f"You are {echo}.")]) as stand_in:
            client = Client(stand_in.url, Credential("key:secret"), Clock().patience())
            with pytest.raises(Failure) as told:
                client.peek("a")
        assert "***" in str(told.value)
        assert "secret" not in str(told.value)
        assert "a2V5" not in str(told.value)


ENTRY = {"creator_id": 1, "key": "a", "token": "t", "value": 7}
VERSION = {
    "creator_id": 1,
    "name": "a",
    "token": "t",
    "version": "1.3.0-rc.2+sha.1",
    "tag": "v1.3.0-rc.2+sha.1",
    "major": 1,
    "minor": 3,
    "patch": 0,
    "prerelease": "rc.2",
    "metadata": "sha.1",
    "bump": "minor",
    "previous": "1.2.57",
    "latest": False,
    "reused": False,
    "reason": None,
    "created_at": "2026-11-23T18:19:00Z",
}


def client_of(stand_in: StandIn) -> Client:
    return Client(stand_in.url, None, Clock().patience(retries=0))


class TestAnswers:
    def test_a_number_and_a_version_are_read(self) -> None:
        with StandIn([Say.json(ENTRY, Monotron_Reused="true")]) as stand_in:
            entry = client_of(stand_in).next("a", "t")
        assert (entry.value, entry.token, entry.reused) == (7, "t", True)
        with StandIn([Say.json(VERSION)]) as stand_in:
            version = client_of(stand_in).version("a", "t", {"bump": "minor"})
        assert (version.version, version.prerelease) == ("1.3.0-rc.2+sha.1", "rc.2")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"value": "7"},
            {"value": 7.0},
            {"value": True},
            {"value": 0},
            {"value": -1},
            {"value": 1 << 63},
            {"value": None},
            {"key": "b"},
            {"token": "u"},
            {"token": 1},
            {"token": "\ud800"},
        ],
        ids=str,
    )
    def test_a_number_that_is_not_the_one_asked_for_is_refused(
        self, wrong: dict[str, object]
    ) -> None:
        with (
            StandIn([Say.json({**ENTRY, **wrong})]) as stand_in,
            pytest.raises(Failure, match="is not Monotron's"),
        ):
            client_of(stand_in).next("a", "t")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"version": "1.3.0\nX=1"},
            {"version": "1.3.1-rc.2"},
            {"version": "1.3.0"},
            {"version": "v1.3.0-rc.2"},
            {"version": "1.3"},
            {"version": 1},
            {"version": None},
            {"version": "1.3.0-rc.2+é"},
            {"version": "٣.3.0-rc.2"},
            {"major": "1"},
            {"major": 1.0},
            {"major": True},
            {"major": 2},
            {"minor": None},
            {"patch": -1},
            {"prerelease": None},
            {"prerelease": ["rc"]},
            {"previous": "1.2\n3"},
            {"previous": 1},
            {"previous": ["1.2.3"]},
            {"bump": "Minor!"},
            {"bump": {"a": 1}},
            {"latest": "true"},
            {"reused": 1},
            {"reason": 1},
            {"created_at": 1},
            {"name": "b"},
            {"token": "u"},
            {"token": None},
        ],
        ids=str,
    )
    def test_a_version_that_is_not_the_one_asked_for_is_refused(
        self, wrong: dict[str, object]
    ) -> None:
        with (
            StandIn([Say.json({**VERSION, **wrong})]) as stand_in,
            pytest.raises(Failure, match="is not Monotron's"),
        ):
            client_of(stand_in).version("a", "t", {})

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"null", b'"1.0.0"', b"{", b"\xff", b"1" * 5000, b"[" * 200_000]
    )
    def test_a_body_that_is_no_version_is_refused(self, body: bytes) -> None:
        say = Say(200, body, {"Content-Type": "application/json"})
        with StandIn([say]) as stand_in:
            for ask in (
                lambda client: client.find("a"),
                lambda client: client.next("a", "t"),
                lambda client: client.releases("a", 10),
            ):
                with pytest.raises(Failure, match="is not Monotron's"):
                    ask(client_of(stand_in))

    @pytest.mark.parametrize(
        "not_found",
        [
            Say(404, b"Not found", {"Content-Type": "text/html"}),
            Say.problem(404, "not_found", "Nothing is served at this path."),
            Say.problem(404, "no_such_page", "What?"),
            Say.json({"code": "series_not_found", "detail": "x"}, 404),
            Say.problem(200, "series_not_found", "x"),
        ],
        ids=["proxy", "path", "foreign", "no problem", "200"],
    )
    def test_only_our_own_not_found_means_nothing_yet(self, not_found: Say) -> None:
        with StandIn([not_found]) as stand_in, pytest.raises(Failure):
            client_of(stand_in).peek("a")
        with StandIn([not_found]) as stand_in, pytest.raises(Failure):
            client_of(stand_in).find("a")

    @pytest.mark.parametrize(
        ("status", "code", "again"),
        [(422, "token_taken", False), (503, "draining", True), (429, "too_many_requests", True)],
    )
    def test_a_refusal_is_told_apart_from_what_passes(
        self, status: int, code: str, again: bool
    ) -> None:
        with (
            StandIn([Say.problem(status, code, "x")]) as stand_in,
            pytest.raises(Failure, match=f"{status} {code}: x") as told,
        ):
            client_of(stand_in).next("a", "t")
        assert (told.value.code, isinstance(told.value, NoResponse)) == (code, again)

    def test_no_number_is_previewed_after_the_last(self) -> None:
        def service(heard: Heard) -> Say:
            if heard.path.endswith("/t"):
                return Say.problem(404, "entry_not_found", "x")
            return Say.json({**ENTRY, "value": LAST})

        with StandIn(service) as stand_in, pytest.raises(Failure, match="its last value") as told:
            client_of(stand_in).preview("a", "t")
        assert told.value.code == "series_exhausted"

    def test_our_own_not_found_means_nothing_yet(self) -> None:
        with StandIn([Say.problem(404, "series_not_found", "x")]) as stand_in:
            assert client_of(stand_in).peek("a").value == 0
            assert client_of(stand_in).preview("a", "t").value == 1
        with StandIn([Say.problem(404, "version_not_found", "x")]) as stand_in:
            assert client_of(stand_in).find("a").version == "0.0.0"
            assert client_of(stand_in).find("a", "t").version == "0.0.0"


class TestPaths:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("gh:acme:shop", "gh%3Aacme%3Ashop"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("é😀", "%C3%A9%F0%9F%98%80"),
            ("a\r\nb", "a%0D%0Ab"),
            ("..a", "..a"),
        ],
    )
    def test_a_name_is_one_segment_of_the_path(self, name: str, path: str) -> None:
        with StandIn([Say.json({**ENTRY, "key": name})]) as stand_in:
            client_of(stand_in).peek(name)
        assert stand_in.heard[0].path == f"/v1/series/{path}"

    @pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
    def test_what_no_path_can_hold_is_refused(self, name: str) -> None:
        attempts: list[Callable[[Client], object]] = [
            lambda client: client.next(name, "t"),
            lambda client: client.next("a", name),
            lambda client: client.version(name, "t", {}),
        ]
        with StandIn([FINE]) as stand_in:
            for attempt in attempts:
                with pytest.raises(Failure, match="no name, key or token"):
                    attempt(client_of(stand_in))
        assert not stand_in.heard
