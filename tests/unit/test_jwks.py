"""The keys of issuers: which are used, when they are fetched, and what an issuer can do to us."""

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
from monotron.auth.oidc import jwks as keysets
from monotron.auth.oidc.bounded_get import MAX_BYTES, FetchFailed
from monotron.auth.oidc.discovery import fetch_keys
from monotron.auth.oidc.jwks import COLD_PAUSE, FRESH, KEPT, UNKNOWN_KID_PAUSE, parse_keys
from monotron.auth.oidc.ssrf import may_connect
from monotron.auth.oidc.verifier import NOT_ACCEPTED, TokenVerifier
from monotron.errors import Unauthenticated
from support.claims import AUDIENCE, NOW, github
from support.issuer import (
    DISCOVERY,
    JWKS,
    IssuerServer,
    Signer,
    ec_key,
    hold,
    jwks,
    rsa_key,
    say,
    say_bytes,
    write_ca,
)


class Clock:
    """Time that passes when it is told to; *step* of it at each look."""

    def __init__(self, step: float = 0) -> None:
        self.now = 1000.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    with IssuerServer() as server:
        yield server


def in_house(server: IssuerServer, **changes: Any) -> Issuer:
    return Issuer(**{"url": server.url, "kind": "github", "allow_private": True, **changes})


class Verifier:
    """One `TokenVerifier` for one issuer, by a clock of the test's."""

    def __init__(self, server: IssuerServer, **options: Any) -> None:
        self.server = server
        self.clock = Clock()
        self.tokens = TokenVerifier(
            [in_house(server)], AUDIENCE, clock=lambda: NOW, monotonic=self.clock, **options
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


class TestWhenKeysAreFetched:
    def test_once_for_any_number_of_tokens(self, verifier: Verifier) -> None:
        for _ in range(20):
            verifier.verify(verifier.server.signers[0])
        assert verifier.server.requests == [DISCOVERY, JWKS]

    def test_once_for_tokens_that_come_together(self, verifier: Verifier) -> None:
        token = verifier.server.signers[0].token(verifier.claims())
        found = verifier.verify_all([token] * 50)
        assert all(isinstance(each, Identity) for each in found)
        assert verifier.server.fetches == 1

    def test_a_new_key_is_found_at_once_by_all_who_come_with_it(self, verifier: Verifier) -> None:
        verifier.verify(verifier.server.signers[0])
        token = verifier.server.rotate().token(verifier.claims())
        found = verifier.verify_all([token] * 10)
        assert all(isinstance(each, Identity) for each in found)
        assert verifier.server.fetches == 2

    @pytest.mark.parametrize("warm", [True, False])
    @pytest.mark.parametrize("together", [True, False])
    def test_100_unknown_kids_make_at_most_one_fetch(
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
        verifier.clock.pass_(UNKNOWN_KID_PAUSE)
        verifier.refuse(signer, kid="another")
        verifier.refuse(signer, kid="yet another")
        assert verifier.server.fetches - before == 2

    def test_a_revoked_key_holds_for_an_hour_at_most(self, verifier: Verifier) -> None:
        old = verifier.server.signers[0]
        verifier.verify(old)
        verifier.server.rotate()
        verifier.clock.pass_(FRESH - 1)
        verifier.verify(old)
        verifier.clock.pass_(1)
        verifier.refuse(old)
        assert verifier.server.fetches == 2

    def test_one_caller_who_leaves_takes_nothing_from_the_others(
        self, server: IssuerServer
    ) -> None:
        release = threading.Event()
        server.tricks[JWKS] = hold(release, say(jwks(*server.signers)))
        verifier = Verifier(server)
        token = server.signers[0].token(verifier.claims())

        async def leave() -> Identity:
            first, second = (asyncio.create_task(verifier.tokens.verify(token)) for _ in range(2))
            while JWKS not in server.requests:
                await asyncio.sleep(0.001)
            first.cancel()
            release.set()
            return await second

        assert asyncio.run(leave()).jti
        assert server.fetches == 1


class TestWhenTheIssuerIsDown:
    def test_its_keys_hold_for_24_h_and_come_back(self, verifier: Verifier) -> None:
        signer = verifier.server.signers[0]
        verifier.verify(signer)
        verifier.server.down()
        verifier.clock.pass_(KEPT - 1)
        verifier.verify(signer)
        verifier.clock.pass_(1)
        verifier.refuse(signer)
        verifier.server.up()
        verifier.clock.pass_(UNKNOWN_KID_PAUSE)
        verifier.verify(signer)

    @pytest.mark.parametrize("trick", [say(b'{"keys": []}'), say(b"{"), say(b"", 500)])
    def test_what_is_no_set_of_keys_replaces_none(self, verifier: Verifier, trick: Any) -> None:
        verifier.verify(verifier.server.signers[0])
        verifier.server.tricks[JWKS] = trick
        verifier.clock.pass_(FRESH)
        verifier.verify(verifier.server.signers[0])
        assert verifier.server.fetches == 2

    def test_without_keys_it_is_asked_every_10_s_and_the_log_says_so_each_minute(
        self, verifier: Verifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        signer = verifier.server.signers[0]
        verifier.server.tricks[JWKS] = say(b"", 503)
        with caplog.at_level(logging.WARNING, "monotron.auth"):
            for _ in range(12):
                verifier.refuse(signer)
                verifier.refuse(signer)
                verifier.clock.pass_(COLD_PAUSE)
        assert verifier.server.fetches == 12
        assert len(caplog.records) == 2
        assert f"{verifier.server.url} could not be fetched: it answers 503" in caplog.text
        assert "eyJ" not in caplog.text
        del verifier.server.tricks[JWKS]
        verifier.verify(signer)

    def test_with_old_keys_it_is_asked_once_a_minute(self, verifier: Verifier) -> None:
        signer = verifier.server.signers[0]
        verifier.verify(signer)
        verifier.server.tricks[JWKS] = say(b"", 503)
        verifier.clock.pass_(FRESH)
        for second in range(120):
            verifier.verify(signer)
            verifier.refuse(signer, kid=f"kid-{second}")
            verifier.clock.pass_(1)
        assert verifier.server.fetches == 3

    def test_nobody_waits_for_a_resolver_that_is_stuck(
        self, server: IssuerServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keysets, "PATIENCE", 0.01)
        release = threading.Event()

        def stuck(_: Issuer) -> bytes:
            release.wait(30)
            return b""

        verifier = Verifier(server, fetch=stuck)

        async def try_() -> None:
            try:
                with pytest.raises(Unauthenticated):
                    await verifier.tokens.verify(server.signers[0].token(verifier.claims()))
            finally:
                release.set()

        asyncio.run(try_())


# Fetching


def fetch(server: IssuerServer, **changes: Any) -> bytes:
    return fetch_keys(in_house(server, **changes))


@pytest.fixture
def fails(server: IssuerServer) -> Callable[..., None]:
    """Asserts that the keys cannot be fetched, for that reason."""

    def fails(reason: str, *, monotonic: Any = time.monotonic, **changes: Any) -> None:
        with pytest.raises(FetchFailed, match=reason):
            fetch_keys(in_house(server, **changes), monotonic=monotonic)

    return fails


class TestDiscovery:
    def test_it_leads_to_the_keys(self, server: IssuerServer) -> None:
        assert fetch(server) == jwks(*server.signers)

    def test_a_jwks_url_of_the_operators_needs_none(self, server: IssuerServer) -> None:
        server.tricks["/mine?a=b"] = say(jwks(*server.signers))
        assert fetch(server, jwks_url=server.url + "/mine?a=b") == jwks(*server.signers)
        assert server.requests == ["/mine?a=b"]

    def test_a_slash_at_the_end_of_the_url_is_not_doubled(self, server: IssuerServer) -> None:
        document = {"issuer": server.url + "/", "jwks_uri": server.url + JWKS}
        server.tricks[DISCOVERY] = say(json.dumps(document).encode())
        assert fetch(server, url=server.url + "/") == jwks(*server.signers)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"issuer": "https://evil.example"}, "of the issuer 'https://evil.example'"),
            ({"issuer": "{url}/"}, "to the letter"),
            ({"issuer": None}, "to the letter"),
            ({"jwks_uri": "http://169.254.169.254/latest/meta-data"}, "another host"),
            ({"jwks_uri": "http://127.0.0.1:1/jwks"}, "another host"),
            ({"jwks_uri": "https://evil.example/jwks"}, "another host"),
            ({"jwks_uri": "{url}@evil.example/jwks"}, "must name a host"),
            ({"jwks_uri": "file:///etc/passwd"}, "must begin with https"),
            ({"jwks_uri": "{url}\\@evil.example"}, "must name a host"),
            ({"jwks_uri": "{url}/jwks#x"}, "no fragment"),
            ({"jwks_uri": "{url}/a b"}, "printable"),
            ({"jwks_uri": "{url}/\r\nX: y"}, "printable"),
            ({"jwks_uri": 7}, "must be a URL"),
            ({"jwks_uri": None}, "must be a URL"),
        ],
    )
    def test_one_that_lies_is_not_followed(
        self, server: IssuerServer, fails: Any, changes: dict[str, Any], reason: str
    ) -> None:
        document: dict[str, Any] = {"issuer": server.url, "jwks_uri": server.url + JWKS}
        for name, value in changes.items():
            document[name] = value.format(url=server.url) if isinstance(value, str) else value
        server.tricks[DISCOVERY] = say(json.dumps(document).encode())
        fails(reason)
        assert server.requests == [DISCOVERY]

    @pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"issuer": "a", "issuer": "b"}'])
    def test_garbage_is_none(self, server: IssuerServer, fails: Any, body: bytes) -> None:
        server.tricks[DISCOVERY] = say(body)
        fails("discovery document cannot be used")


HEAD = b"HTTP/1.1 200 OK\r\n"


class TestBounds:
    @pytest.mark.parametrize("path", [DISCOVERY, JWKS])
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirects_are_not_followed(
        self, server: IssuerServer, fails: Any, path: str, status: int
    ) -> None:
        server.tricks[path] = say(b"", status, Location=server.url + "/elsewhere")
        fails(f"answers {status}, and redirects")
        assert "/elsewhere" not in server.requests

    @pytest.mark.parametrize("status", [201, 204, 400, 404, 500])
    def test_only_200_is_an_answer(self, server: IssuerServer, fails: Any, status: int) -> None:
        server.tricks[JWKS] = say(b"", status)
        fails(f"it answers {status}")

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
    def test_a_huge_answer_is_not_read(
        self, server: IssuerServer, fails: Any, parts: list[bytes]
    ) -> None:
        server.tricks[JWKS] = say_bytes(*parts)
        fails(f"more than {MAX_BYTES // 1024} KiB")

    @pytest.mark.parametrize(
        "answer", [b"", b"\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 2OO OK\r\n\r\n", b"\x00" * 100]
    )
    def test_what_is_no_http_is_no_answer(
        self, server: IssuerServer, fails: Any, answer: bytes
    ) -> None:
        server.tricks[JWKS] = say_bytes(answer)
        fails("does not speak HTTP|cannot be reached")

    @pytest.mark.parametrize(
        "head", [b"", HEAD, HEAD + b"Content-Length: 1000\r\n\r\n", HEAD + b"X: "]
    )
    def test_what_drips_ends_after_5_s_in_all(
        self, server: IssuerServer, fails: Any, head: bytes
    ) -> None:
        # A second passes at each look at the clock, and a byte comes after each, or after 50 ms.
        looks = threading.Semaphore(0)
        clock = Clock(step=1)

        def look() -> float:
            looks.release()
            return clock()

        def wait() -> None:
            looks.acquire(timeout=0.05)

        server.tricks[JWKS] = say_bytes(head, *[b"x"] * 200, between=wait)
        fails("longer than 5 s", monotonic=look, jwks_url=server.url + JWKS)

    def test_silence_ends_after_5_s(self, server: IssuerServer, fails: Any) -> None:
        release = threading.Event()
        server.tricks[JWKS] = hold(release)
        # Looked at for the start, to connect, to send, and to read: for that 10 ms are left.
        clock = Clock(step=4.99 / 3)
        try:
            fails("longer than 5 s", monotonic=clock, jwks_url=server.url + JWKS)
        finally:
            release.set()

    def test_a_port_where_nobody_listens_cannot_be_reached(
        self, server: IssuerServer, fails: Any
    ) -> None:
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
    def test_only_a_public_address_is_connected_to(self, host: str, address: str) -> None:
        issuer = Issuer(f"https://{host}:1", "github")
        with pytest.raises(FetchFailed, match="no public address"):
            fetch_keys(issuer, resolve=lambda *_: ["140.82.112.3", address])

    @pytest.mark.parametrize(
        "address", ["140.82.112.3", "2606:50c0:8000::154", "64:ff9b::8c52:7003"]
    )
    def test_a_public_one_may_be(self, address: str) -> None:
        assert may_connect(address, allow_private=False)

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "fd00::1"])
    def test_an_in_house_one_may_be_if_the_operator_says_so(self, address: str) -> None:
        assert may_connect(address, allow_private=True)

    @pytest.mark.parametrize(
        "address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.1.1"]
    )
    def test_one_that_is_no_hosts_never(self, address: str) -> None:
        assert not may_connect(address, allow_private=True)

    def test_a_name_is_resolved_once_and_that_very_address_connected_to(
        self, server: IssuerServer
    ) -> None:
        asked = []

        def rebinding(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.1"]

        jwks_url = f"http://nowhere.invalid:{server.port}{JWKS}"
        issuer = in_house(server, jwks_url=jwks_url)
        assert fetch_keys(issuer, resolve=rebinding) == jwks(*server.signers)
        assert asked == [("nowhere.invalid", server.port)]

    def test_the_next_address_is_tried_if_one_does_not_answer(self, server: IssuerServer) -> None:
        resolve = lambda *_: ["::1", "127.0.0.1"]  # noqa: E731
        assert fetch_keys(in_house(server), resolve=resolve) == jwks(*server.signers)

    def test_a_name_without_an_address_cannot_be_reached(self, server: IssuerServer) -> None:
        with pytest.raises(FetchFailed, match="no address"):
            fetch_keys(in_house(server), resolve=lambda *_: [])


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

    def test_the_certificate_is_checked_for_the_hosts_name(
        self, secure: IssuerServer, ca: trustme.CA, tmp_path: Path, fetch: Any
    ) -> None:
        issuer = in_house(secure, ca_file=write_ca(ca, tmp_path))
        assert fetch(issuer) == jwks(*secure.signers)

    def test_one_for_another_name_is_not_trusted(
        self, secure: IssuerServer, ca: trustme.CA, tmp_path: Path, fetch: Any
    ) -> None:
        url = f"https://other.example:{secure.port}"
        with pytest.raises(FetchFailed, match="certificate is not trusted"):
            fetch(in_house(secure, url=url, ca_file=write_ca(ca, tmp_path)))
        assert secure.requests == []

    def test_one_of_another_ca_is_not_trusted(
        self, secure: IssuerServer, tmp_path: Path, fetch: Any
    ) -> None:
        for ca_file in (None, write_ca(trustme.CA(), tmp_path)):
            with pytest.raises(FetchFailed, match="certificate is not trusted"):
                fetch(in_house(secure, ca_file=ca_file))

    def test_plain_http_at_an_https_url_is_no_answer(
        self, server: IssuerServer, fetch: Any
    ) -> None:
        with pytest.raises(FetchFailed, match="cannot be reached"):
            fetch(in_house(server, url=f"https://127.0.0.1:{server.port}"))


# What a set may hold


def parse(*keys: Any) -> list[str]:
    return list(parse_keys(json.dumps({"keys": keys}).encode()))


class TestSets:
    rsa = staticmethod(lambda **changes: Signer("rsa", rsa_key(1)).jwk(**changes))
    ec = staticmethod(lambda **changes: Signer("ec", ec_key(1)).jwk(**changes))

    def test_rsa_and_p_256_keys_for_signatures_are_taken(self) -> None:
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
    def test_another_rsa_key_is_passed_over(self, changes: dict[str, Any]) -> None:
        assert parse(self.rsa(**changes), self.ec()) == ["ec"]

    def test_a_short_rsa_key_is_passed_over(self) -> None:
        assert parse(Signer("short", rsa_key(9, 1024)).jwk(), self.ec()) == ["ec"]

    @pytest.mark.parametrize(
        "changes",
        [{"crv": "P-384"}, {"crv": "secp256k1"}, {"alg": "RS256"}, {"x": "AAAA"}, {"y": None}],
    )
    def test_another_ec_key_is_passed_over(self, changes: dict[str, Any]) -> None:
        assert parse(self.ec(**changes), self.rsa()) == ["rsa"]

    def test_a_point_that_is_not_on_the_curve_is_passed_over(self) -> None:
        assert parse(self.ec(x="A" * 42 + "E"), self.rsa()) == ["rsa"]

    def test_what_is_no_key_at_all_is_passed_over(self) -> None:
        assert parse(None, 7, [], {}, self.ec()) == ["ec"]

    def test_a_private_part_is_not_looked_at(self) -> None:
        held = parse_keys(json.dumps({"keys": [self.rsa(d="AQAB", p="AQAB", q="AQAB")]}).encode())
        assert not hasattr(held["rsa"].key, "private_numbers")

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (b"", "cannot be used"),
            (b"\xff", "cannot be used"),
            (b"[]", "cannot be used"),
            (b'{"keys": [], "keys": []}', "cannot be used"),
            (b"{}", "must have a list"),
            (b'{"keys": {}}', "must have a list"),
            (b'{"keys": []}', "no key"),
            (b'{"keys": [{"kty": "oct"}]}', "no key"),
            (json.dumps({"keys": [{}] * 33}).encode(), "at most 32"),
        ],
    )
    def test_a_set_without_a_usable_key_is_none(self, document: bytes, reason: str) -> None:
        with pytest.raises(FetchFailed, match=reason):
            parse_keys(document)

    def test_two_keys_of_one_name_spoil_the_set(self) -> None:
        with pytest.raises(FetchFailed, match="two keys of one name"):
            parse(self.rsa(), self.ec(kid="rsa"))
        assert parse(self.rsa(), self.ec(kid="rsa", use="enc")) == ["rsa"]
