"""The keys of issuers: which are accepted, when they are fetched, and misbehaving issuers."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from monotron.auth.oidc import Identity, Issuer
from monotron.auth.oidc.bounded_get import MAX_BYTES, FetchFailed
from monotron.auth.oidc.discovery import fetch_keys
from monotron.auth.oidc.jwks import (
    FAILURE_PAUSE_SECONDS,
    FRESH_SECONDS,
    STALE_SECONDS,
    UNKNOWN_KID_PAUSE_SECONDS,
    JwksCache,
    parse_keys,
)
from monotron.auth.oidc.ssrf import is_allowed_address
from monotron.auth.oidc.verifier import NOT_ACCEPTED, TokenVerifier
from monotron.errors import Unauthenticated
from support.claims import AUDIENCE, NOW, github
from support.issuer import (
    DISCOVERY,
    JWKS,
    IssuerServer,
    Signer,
    block,
    ec_key,
    jwks,
    respond,
    rsa_key,
    send_bytes,
    write_ca,
)


class Clock:
    """A clock that tests advance, and that advances by *step* with each reading."""

    def __init__(self, step: float = 0) -> None:
        self.now = 1000.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    with IssuerServer() as server:
        yield server


def private_issuer(server: IssuerServer, **changes: Any) -> Issuer:
    return Issuer(**{"url": server.url, "kind": "github", "allow_private": True, **changes})


class Verifier:
    """A `TokenVerifier` for one issuer, with a clock that the test advances."""

    def __init__(self, server: IssuerServer, **options: Any) -> None:
        self.server = server
        self.clock = Clock()
        self.tokens = TokenVerifier(
            [private_issuer(server)], AUDIENCE, clock=lambda: NOW, monotonic=self.clock, **options
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        return github(iss=self.server.url, **changes)

    def verify(self, signer: Signer, **header: Any) -> Identity:
        return asyncio.run(self.tokens.verify(signer.token(self.claims(), **header)))

    def refuse(self, signer: Signer, **header: Any) -> None:
        with pytest.raises(Unauthenticated) as caught:
            self.verify(signer, **header)
        assert caught.value.detail == NOT_ACCEPTED

    def verify_all(self, tokens: list[str]) -> list[Identity | BaseException]:
        async def together() -> list[Identity | BaseException]:
            return await asyncio.gather(*map(self.tokens.verify, tokens), return_exceptions=True)

        return asyncio.run(together())


@pytest.fixture
def verifier(server: IssuerServer) -> Verifier:
    return Verifier(server)


class TestFetches:
    def test_keys_are_fetched_once_for_any_number_of_tokens(self, verifier: Verifier) -> None:
        for _ in range(20):
            verifier.verify(verifier.server.signers[0])
        assert verifier.server.requests == [DISCOVERY, JWKS]

    def test_concurrent_tokens_share_one_fetch(self, verifier: Verifier) -> None:
        token = verifier.server.signers[0].token(verifier.claims())
        outcomes = verifier.verify_all([token] * 50)
        assert all(isinstance(each, Identity) for each in outcomes)
        assert verifier.server.fetches == 1

    def test_a_new_key_is_fetched_immediately_for_all_its_tokens(self, verifier: Verifier) -> None:
        verifier.verify(verifier.server.signers[0])
        token = verifier.server.rotate().token(verifier.claims())
        outcomes = verifier.verify_all([token] * 10)
        assert all(isinstance(each, Identity) for each in outcomes)
        assert verifier.server.fetches == 2

    @pytest.mark.parametrize("warm", [True, False])
    @pytest.mark.parametrize("together", [True, False])
    def test_100_unknown_kids_cause_at_most_one_fetch(
        self, verifier: Verifier, warm: bool, together: bool
    ) -> None:
        signer = verifier.server.signers[0]
        if warm:
            verifier.verify(signer)
        before = verifier.server.fetches
        tokens = [signer.token(verifier.claims(), kid=f"kid-{number}") for number in range(100)]
        for turn in [tokens] if together else [[token] for token in tokens]:
            assert all(isinstance(each, Unauthenticated) for each in verifier.verify_all(turn))
        assert verifier.server.fetches - before == 1
        verifier.verify(signer)
        verifier.clock.advance(UNKNOWN_KID_PAUSE_SECONDS)
        verifier.refuse(signer, kid="another")
        verifier.refuse(signer, kid="yet another")
        assert verifier.server.fetches - before == 2

    def test_a_revoked_key_is_accepted_for_an_hour_at_most(self, verifier: Verifier) -> None:
        old = verifier.server.signers[0]
        verifier.verify(old)
        verifier.server.rotate()
        verifier.clock.advance(FRESH_SECONDS - 1)
        verifier.verify(old)
        verifier.clock.advance(1)
        verifier.refuse(old)
        assert verifier.server.fetches == 2

    def test_a_cancelled_caller_does_not_cancel_the_fetch_of_others(
        self, server: IssuerServer
    ) -> None:
        release = threading.Event()
        server.misbehaviors[JWKS] = block(release, respond(jwks(*server.signers)))
        verifier = Verifier(server)
        token = server.signers[0].token(verifier.claims())

        async def cancel_one() -> Identity:
            first, second = (asyncio.create_task(verifier.tokens.verify(token)) for _ in range(2))
            while JWKS not in server.requests:
                await asyncio.sleep(0.001)
            first.cancel()
            release.set()
            return await second

        assert asyncio.run(cancel_one()).token_id
        assert server.fetches == 1


class TestUnavailableIssuer:
    def test_keys_are_accepted_for_24_h_and_fetched_again_later(self, verifier: Verifier) -> None:
        signer = verifier.server.signers[0]
        verifier.verify(signer)
        verifier.server.down()
        verifier.clock.advance(STALE_SECONDS - 1)
        verifier.verify(signer)
        verifier.clock.advance(1)
        verifier.refuse(signer)
        verifier.server.up()
        verifier.clock.advance(UNKNOWN_KID_PAUSE_SECONDS)
        verifier.verify(signer)

    @pytest.mark.parametrize(
        "misbehavior", [respond(b'{"keys": []}'), respond(b"{"), respond(b"", 500)]
    )
    def test_an_invalid_set_of_keys_does_not_replace_the_previous_one(
        self, verifier: Verifier, misbehavior: Any
    ) -> None:
        verifier.verify(verifier.server.signers[0])
        verifier.server.misbehaviors[JWKS] = misbehavior
        verifier.clock.advance(FRESH_SECONDS)
        verifier.verify(verifier.server.signers[0])
        assert verifier.server.fetches == 2

    def test_without_keys_a_fetch_is_retried_every_10_s_and_logged_every_minute(
        self, verifier: Verifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        signer = verifier.server.signers[0]
        verifier.server.misbehaviors[JWKS] = respond(b"", 503)
        with caplog.at_level(logging.WARNING, "monotron.auth"):
            for _ in range(12):
                verifier.refuse(signer)
                verifier.refuse(signer)
                verifier.clock.advance(FAILURE_PAUSE_SECONDS)
        assert verifier.server.fetches == 12
        assert len(caplog.records) == 2
        assert (
            f"keys of the issuer {verifier.server.url}: it responds with status 503" in caplog.text
        )
        assert "eyJ" not in caplog.text
        del verifier.server.misbehaviors[JWKS]
        verifier.verify(signer)

    def test_with_previous_keys_a_fetch_is_retried_once_a_minute(self, verifier: Verifier) -> None:
        signer = verifier.server.signers[0]
        verifier.verify(signer)
        verifier.server.misbehaviors[JWKS] = respond(b"", 503)
        verifier.clock.advance(FRESH_SECONDS)
        for second in range(120):
            verifier.verify(signer)
            verifier.refuse(signer, kid=f"kid-{second}")
            verifier.clock.advance(1)
        assert verifier.server.fetches == 3

    def test_a_stuck_resolver_does_not_block_callers(self) -> None:
        release = threading.Event()

        def stuck(_: Issuer) -> bytes:
            release.wait(30)
            return b""

        async def key() -> object:
            issuer = Issuer("https://issuer.example", "github")
            cache = JwksCache(issuer, stuck, Clock(), fetch_timeout_seconds=0.01)
            try:
                return await cache.key("first")
            finally:
                release.set()

        assert asyncio.run(key()) is None


# Fetching


def fetch(server: IssuerServer, **changes: Any) -> bytes:
    return fetch_keys(private_issuer(server, **changes))


@pytest.fixture
def fails(server: IssuerServer) -> Callable[..., None]:
    """Asserts that the keys cannot be fetched, for this reason."""

    def fails(reason: str, *, monotonic: Any = time.monotonic, **changes: Any) -> None:
        with pytest.raises(FetchFailed, match=reason):
            fetch_keys(private_issuer(server, **changes), monotonic=monotonic)

    return fails


class TestDiscovery:
    def test_the_discovery_document_leads_to_the_keys(self, server: IssuerServer) -> None:
        assert fetch(server) == jwks(*server.signers)

    def test_a_configured_jwks_url_needs_no_discovery_document(self, server: IssuerServer) -> None:
        server.misbehaviors["/mine?a=b"] = respond(jwks(*server.signers))
        assert fetch(server, jwks_url=server.url + "/mine?a=b") == jwks(*server.signers)
        assert server.requests == ["/mine?a=b"]

    def test_a_trailing_slash_of_the_url_is_not_doubled(self, server: IssuerServer) -> None:
        document = {"issuer": server.url + "/", "jwks_uri": server.url + JWKS}
        server.misbehaviors[DISCOVERY] = respond(json.dumps(document).encode())
        assert fetch(server, url=server.url + "/") == jwks(*server.signers)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"issuer": "https://evil.example"}, "names the issuer 'https://evil.example'"),
            ({"issuer": "{url}/"}, "exactly this value"),
            ({"issuer": None}, "exactly this value"),
            ({"jwks_uri": "http://169.254.169.254/latest/meta-data"}, "another host"),
            ({"jwks_uri": "http://127.0.0.1:1/jwks"}, "another host"),
            ({"jwks_uri": "https://evil.example/jwks"}, "another host"),
            ({"jwks_uri": "{url}@evil.example/jwks"}, "must contain a host"),
            ({"jwks_uri": "file:///etc/passwd"}, "must start with https"),
            ({"jwks_uri": "{url}\\@evil.example"}, "must contain a host"),
            ({"jwks_uri": "{url}/jwks#x"}, "not contain a fragment"),
            ({"jwks_uri": "{url}/a b"}, "printable"),
            ({"jwks_uri": "{url}/\r\nX: y"}, "printable"),
            ({"jwks_uri": 7}, "must be a URL"),
            ({"jwks_uri": None}, "must be a URL"),
        ],
    )
    def test_a_discovery_document_with_invalid_values_is_not_followed(
        self, server: IssuerServer, fails: Any, changes: dict[str, Any], reason: str
    ) -> None:
        document: dict[str, Any] = {"issuer": server.url, "jwks_uri": server.url + JWKS}
        for name, value in changes.items():
            document[name] = value.format(url=server.url) if isinstance(value, str) else value
        server.misbehaviors[DISCOVERY] = respond(json.dumps(document).encode())
        fails(reason)
        assert server.requests == [DISCOVERY]

    @pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"issuer": "a", "issuer": "b"}'])
    def test_an_invalid_discovery_document_is_refused(
        self, server: IssuerServer, fails: Any, body: bytes
    ) -> None:
        server.misbehaviors[DISCOVERY] = respond(body)
        fails("invalid discovery document")


HEAD = b"HTTP/1.1 200 OK\r\n"


class TestBounds:
    @pytest.mark.parametrize("path", [DISCOVERY, JWKS])
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirects_are_not_followed(
        self, server: IssuerServer, fails: Any, path: str, status: int
    ) -> None:
        server.misbehaviors[path] = respond(b"", status, Location=server.url + "/elsewhere")
        fails(f"responds with status {status}, but redirects")
        assert "/elsewhere" not in server.requests

    @pytest.mark.parametrize("status", [201, 204, 400, 404, 500])
    def test_only_a_response_with_status_200_is_accepted(
        self, server: IssuerServer, fails: Any, status: int
    ) -> None:
        server.misbehaviors[JWKS] = respond(b"", status)
        fails(f"it responds with status {status}")

    @pytest.mark.parametrize(
        "parts",
        [
            [HEAD, b"Content-Length: 10000000000\r\n\r\n", *[b"x" * 65536] * 8],
            [HEAD, b"\r\n", *[b"x" * 65536] * 8],
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", *[b"x" * 65536] * 8],
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\n", *[b"8\r\nxxxxxxxx\r\n" * 8192] * 8],
            [HEAD, *[b"X: " + b"x" * 60000 + b"\r\n"] * 8, b"\r\n"],
            [b"HTTP/1.1 100 Continue\r\n\r\n" * 4096] * 8,
        ],
        ids=["length", "no length", "huge chunk", "small chunks", "header", "100 Continue"],
    )
    def test_a_huge_response_is_not_read(
        self, server: IssuerServer, fails: Any, parts: list[bytes]
    ) -> None:
        server.misbehaviors[JWKS] = send_bytes(*parts)
        # Python 3.14 refuses a response after many interim ones, before it has read too much.
        refusal = "|not valid HTTP" if parts[0].startswith(b"HTTP/1.1 100") else ""
        fails(f"more than {MAX_BYTES // 1024} KiB{refusal}")

    @pytest.mark.parametrize(
        "answer", [b"", b"\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 2OO OK\r\n\r\n", b"\x00" * 100]
    )
    def test_a_response_that_is_not_http_is_refused(
        self, server: IssuerServer, fails: Any, answer: bytes
    ) -> None:
        server.misbehaviors[JWKS] = send_bytes(answer)
        fails("not valid HTTP|cannot be reached")

    @pytest.mark.parametrize(
        "head", [b"", HEAD, HEAD + b"Content-Length: 1000\r\n\r\n", HEAD + b"X: "]
    )
    def test_a_slow_response_is_aborted_after_5_s(
        self, server: IssuerServer, fails: Any, head: bytes
    ) -> None:
        # Each reading of the clock takes a second. A byte follows each reading, or after 50 ms.
        readings = threading.Semaphore(0)
        clock = Clock(step=1)

        def read_clock() -> float:
            readings.release()
            return clock()

        def wait() -> None:
            readings.acquire(timeout=0.05)

        server.misbehaviors[JWKS] = send_bytes(head, *[b"x"] * 200, between=wait)
        fails("timed out after 5 s", monotonic=read_clock, jwks_url=server.url + JWKS)

    def test_a_missing_response_is_aborted_after_5_s(
        self, server: IssuerServer, fails: Any
    ) -> None:
        release = threading.Event()
        server.misbehaviors[JWKS] = block(release)
        # Read at the start, to connect, to send, and to receive, for which 10 ms are left.
        clock = Clock(step=4.99 / 3)
        try:
            fails("timed out after 5 s", monotonic=clock, jwks_url=server.url + JWKS)
        finally:
            release.set()

    def test_a_closed_port_cannot_be_reached(self, server: IssuerServer, fails: Any) -> None:
        server.down()
        fails("cannot be reached")
        server.up()


class TestAddresses:
    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("127.0.0.1", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("rebind.example", "127.0.0.1"),
            ("rebind.example", "::1"),
            ("intranet.example", "10.1.2.3"),
            ("intranet.example", "172.31.0.1"),
            ("intranet.example", "192.168.1.1"),
            ("carrier.example", "100.64.0.1"),
            ("intranet.example", "fd00::1"),
            ("metadata.example", "169.254.169.254"),
            ("metadata.example", "fe80::1"),
            ("mapped.example", "::ffff:127.0.0.1"),
            ("mapped.example", "::ffff:169.254.169.254"),
            ("nat64.example", "64:ff9b::a9fe:a9fe"),
            ("6to4.example", "2002:7f00:1::"),
            ("any.example", "0.0.0.0"),
            ("any.example", "::"),
            ("multicast.example", "224.0.0.1"),
            ("multicast.example", "ff0e::1"),
            ("reserved.example", "240.0.0.1"),
            ("broadcast.example", "255.255.255.255"),
            ("site.example", "fec0::1"),
        ],
    )
    def test_a_private_or_reserved_address_is_never_contacted(
        self, host: str, address: str
    ) -> None:
        issuer = Issuer(f"https://{host}:1", "github")
        with pytest.raises(FetchFailed, match="not public"):
            fetch_keys(issuer, resolve=lambda *_: ["140.82.112.3", address])

    @pytest.mark.parametrize(
        "address", ["140.82.112.3", "2606:50c0:8000::154", "64:ff9b::8c52:7003"]
    )
    def test_a_public_address_is_allowed(self, address: str) -> None:
        assert is_allowed_address(address, allow_private=False)

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "fd00::1"])
    def test_a_private_address_is_allowed_if_the_operator_allows_it(self, address: str) -> None:
        assert is_allowed_address(address, allow_private=True)

    @pytest.mark.parametrize(
        "address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.1.1"]
    )
    def test_a_link_local_or_reserved_address_is_never_allowed(self, address: str) -> None:
        assert not is_allowed_address(address, allow_private=True)

    def test_a_name_is_resolved_once_and_this_address_is_contacted(
        self, server: IssuerServer
    ) -> None:
        requested = []

        def rebinding(host: str, port: int) -> list[str]:
            requested.append((host, port))
            return ["127.0.0.1"]

        jwks_url = f"http://nowhere.invalid:{server.port}{JWKS}"
        issuer = private_issuer(server, jwks_url=jwks_url)
        assert fetch_keys(issuer, resolve=rebinding) == jwks(*server.signers)
        assert requested == [("nowhere.invalid", server.port)]

    def test_the_next_address_is_tried_if_one_does_not_respond(self, server: IssuerServer) -> None:
        resolve = lambda *_: ["::1", "127.0.0.1"]  # noqa: E731
        assert fetch_keys(private_issuer(server), resolve=resolve) == jwks(*server.signers)

    def test_a_name_without_an_address_cannot_be_reached(self, server: IssuerServer) -> None:
        with pytest.raises(FetchFailed, match="no address"):
            fetch_keys(private_issuer(server), resolve=lambda *_: [])


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


class TestTls:
    @pytest.fixture
    def secure(self, ca: trustme.CA) -> Iterator[IssuerServer]:
        with IssuerServer(ca, "issuer.example") as server:
            yield server

    @pytest.fixture
    def fetch(self) -> Callable[[Issuer], bytes]:
        return partial(fetch_keys, resolve=lambda *_: ["127.0.0.1"])

    def test_a_certificate_for_the_host_is_accepted(
        self, secure: IssuerServer, ca: trustme.CA, tmp_path: Path, fetch: Any
    ) -> None:
        issuer = private_issuer(secure, ca_file=write_ca(ca, tmp_path))
        assert fetch(issuer) == jwks(*secure.signers)

    def test_a_certificate_for_another_host_is_not_trusted(
        self, secure: IssuerServer, ca: trustme.CA, tmp_path: Path, fetch: Any
    ) -> None:
        url = f"https://other.example:{secure.port}"
        with pytest.raises(FetchFailed, match="certificate is not trusted"):
            fetch(private_issuer(secure, url=url, ca_file=write_ca(ca, tmp_path)))
        assert secure.requests == []

    def test_a_certificate_of_another_ca_is_not_trusted(
        self, secure: IssuerServer, tmp_path: Path, fetch: Any
    ) -> None:
        for ca_file in (None, write_ca(trustme.CA(), tmp_path)):
            with pytest.raises(FetchFailed, match="certificate is not trusted"):
                fetch(private_issuer(secure, ca_file=ca_file))

    def test_plain_http_at_an_https_url_is_refused(self, server: IssuerServer, fetch: Any) -> None:
        with pytest.raises(FetchFailed, match="cannot be reached"):
            fetch(private_issuer(server, url=f"https://127.0.0.1:{server.port}"))


# The content of a set of keys


def parse(*keys: Any) -> list[str]:
    return list(parse_keys(json.dumps({"keys": keys}).encode()))


class TestSets:
    rsa = staticmethod(lambda **changes: Signer("rsa", rsa_key(1)).jwk(**changes))
    ec = staticmethod(lambda **changes: Signer("ec", ec_key(1)).jwk(**changes))

    def test_rsa_and_p_256_keys_for_signatures_are_accepted(self) -> None:
        assert parse(self.rsa(), self.ec()) == ["rsa", "ec"]
        assert parse(self.rsa(alg=None), self.ec(alg=None, x5c=["?"], new=1)) == ["rsa", "ec"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"kid": None},
            {"kid": ""},
            {"kid": 1},
            {"use": "enc"},
            {"use": None},
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": None},
            {"alg": "RS512"},
            {"alg": "HS256"},
            {"alg": "none"},
            {"alg": "ES256"},
            {"n": "AQAB"},
            {"n": "A" * 10000},
            {"n": None},
            {"n": 7},
            {"n": "!"},
            {"e": "AA"},
            {"e": "A" * 100},
        ],
    )
    def test_another_rsa_key_is_ignored(self, changes: dict[str, Any]) -> None:
        assert parse(self.rsa(**changes), self.ec()) == ["ec"]

    def test_a_short_rsa_key_is_ignored(self) -> None:
        assert parse(Signer("short", rsa_key(9, 1024)).jwk(), self.ec()) == ["ec"]

    @pytest.mark.parametrize(
        "changes",
        [{"crv": "P-384"}, {"crv": "secp256k1"}, {"alg": "RS256"}, {"x": "AAAA"}, {"y": None}],
    )
    def test_another_ec_key_is_ignored(self, changes: dict[str, Any]) -> None:
        assert parse(self.ec(**changes), self.rsa()) == ["rsa"]

    def test_a_point_that_is_not_on_the_curve_is_ignored(self) -> None:
        assert parse(self.ec(x="A" * 42 + "E"), self.rsa()) == ["rsa"]

    def test_a_value_that_is_not_a_key_is_ignored(self) -> None:
        assert parse(None, 7, [], {}, self.ec()) == ["ec"]

    def test_a_private_part_is_ignored(self) -> None:
        held = parse_keys(json.dumps({"keys": [self.rsa(d="AQAB", p="AQAB", q="AQAB")]}).encode())
        assert not hasattr(held["rsa"].key, "private_numbers")

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (b"", "invalid set of keys"),
            (b"\xff", "invalid set of keys"),
            (b"[]", "invalid set of keys"),
            (b'{"keys": [], "keys": []}', "invalid set of keys"),
            (b"{}", "must be a list"),
            (b'{"keys": {}}', "must be a list"),
            (b'{"keys": []}', "no usable key"),
            (b'{"keys": [{"kty": "oct"}]}', "no usable key"),
            (json.dumps({"keys": [{}] * 33}).encode(), "at most 32"),
        ],
    )
    def test_a_set_without_a_usable_key_is_refused(self, document: bytes, reason: str) -> None:
        with pytest.raises(FetchFailed, match=reason):
            parse_keys(document)

    def test_a_set_with_two_keys_of_the_same_name_is_refused(self) -> None:
        with pytest.raises(FetchFailed, match="two keys have the same `kid`"):
            parse(self.rsa(), self.ec(kid="rsa"))
        assert parse(self.rsa(), self.ec(kid="rsa", use="enc")) == ["rsa"]
