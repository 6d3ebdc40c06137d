"""Credentials: their header formats, and the responses to invalid ones."""

from __future__ import annotations

import random
import statistics
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from monotron.auth import key_format
from support.credentials import bearer, new_grant
from support.server import ROOT, ROOT_ENV, Client, Response, Server, basic

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], list[Response]]

ROOT_SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]


@pytest.fixture(scope="module")
def grant(guarded: Server) -> dict[str, Any]:
    """An API key of account 1 with all scopes on series."""
    with guarded.client(authorization=ROOT) as root:
        api_key: dict[str, Any] = new_grant(root, 1, "*:series")["api_key"]
        return api_key


@pytest.fixture
def signed_in(stranger: Client) -> Callable[[str], Response]:
    """Sends a request with this Authorization header."""
    return lambda header: stranger.request("GET", "/v1/series", headers={"Authorization": header})


def b64(text: str | bytes) -> str:
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


class TestValidCredentials:
    @pytest.mark.parametrize(
        "header",
        [
            "Bearer SECRET", "bearer SECRET", "BEARER SECRET", "bEaReR SECRET",
            "Bearer   SECRET", "Bearer SECRET  ", "Bearer KEY:SECRET",
            "Basic b64(KEY:SECRET)", "basic b64(KEY:SECRET)", "BASIC   b64(KEY:SECRET)",
        ],
    )  # fmt: skip
    def test_an_api_key_is_accepted_as_basic_and_bearer(
        self, header: str, grant: dict[str, Any], signed_in: Callable[[str], Response]
    ) -> None:
        assert signed_in(written(header, grant["key"], grant["secret"])).status == 200

    @pytest.mark.parametrize("header", ["Bearer KEY:SECRET", "Basic b64(KEY:SECRET)"])
    def test_the_root_key_is_accepted_as_basic_and_bearer(
        self, header: str, signed_in: Callable[[str], Response]
    ) -> None:
        assert signed_in(written(header, *ROOT_ENV.values())).status == 200

    def test_credentials_are_accepted_after_a_challenge(
        self, guarded: Server, grant: dict[str, Any]
    ) -> None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, guarded.url, grant["key"], grant["secret"])
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        with opener.open(f"{guarded.url}/v1/series") as response:
            assert response.status == 200


def written(header: str, key: str, secret: str) -> str:
    header = header.replace("b64(KEY:SECRET)", b64(f"{key}:{secret}"))
    return header.replace("KEY", key).replace("SECRET", secret)


MALFORMED = [
    "", " ", "Bearer", "Bearer ", "Basic", "Basic ", "SECRET", "KEY:SECRET", "Digest SECRET",
    "Token SECRET", "Bearer=SECRET", "BearerSECRET", "Bearer,SECRET", "Bearer SECRET,",
    "Bearer\tSECRET", "Bearer SEC RET", "Bearer Bearer SECRET", 'Bearer "SECRET"', "Bearer KEY",
    "Bearer KEY:", "Bearer :SECRET", "Bearer SECRET:KEY", "Bearer KEY:KEY", "Bearer SECRET:SECRET",
    "Bearer root:", "Bearer :", "Bearer ::", f"Bearer root:{ROOT_SECRET}:", f"Bearer {ROOT_SECRET}",
    "Bearer root:root", f"Bearer Root:{ROOT_SECRET}", "Bearer SECRET, Bearer SECRET", "Negotiate x",
    "Basic SECRET", "Basic KEY:SECRET", "Basic !!!!", "Basic a", "Basic ====", "Bearer é",
    "Bearer ✨", "Bearer $ne", 'Bearer {"$gt": ""}', "Bearer ' OR 1=1 --", "Bearer SECRET\x85",
    "Bearer \xa0SECRET", "Bearer " + 8192 * "x", "Bearer " + "mtk_k_" + 8 * "0" + "_" + 36 * "0",
    "Bearer e30.e30.e30", "Basic " + b64(b"\xff\xfe:\xff"), "Basic " + b64(6000 * "x"),
    *("Basic " + b64(text) for text in (
        "root", ":", "", "::", "root:", f":{ROOT_SECRET}", f"root:{ROOT_SECRET}\x00", "\nroot:x",
        f"root:{ROOT_SECRET}\n", f" root:{ROOT_SECRET}", f"root :{ROOT_SECRET}", "root:" + 99 * "é",
    )),
    "Basic " + b64(f"root:{ROOT_SECRET}")[:-2], "Basic " + b64(f"root:{ROOT_SECRET}") + " x",
]  # fmt: skip
"""SECRET is replaced by the secret of an API key, KEY by its name."""


class TestMalformedCredentials:
    @pytest.mark.parametrize("header", MALFORMED, ids=count())
    def test_malformed_credentials_are_refused_with_401(
        self, header: str, grant: dict[str, Any], send_to_guarded: Send, problem: Problem
    ) -> None:
        header = header.replace("KEY", grant["key"]).replace("SECRET", grant["secret"])
        data = f"PUT /v1/series/k/T HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n".encode()
        (response,) = send_to_guarded(data)
        problem(response, 401, "unauthenticated", applied="no")
        assert grant["secret"] not in response.text

    @pytest.mark.parametrize("byte", [0x00, 0x01, 0x08, 0x0B, 0x1B, 0x7F, 0x80, 0xFF])
    def test_credentials_with_a_control_or_raw_byte_are_refused(
        self, byte: int, grant: dict[str, Any], send_to_guarded: Send
    ) -> None:
        for text in b"\\Bearer SECRET", b"Bearer \\SECRET", b"Bearer SEC\\RET", b"Bearer SECRET\\":
            header = text.replace(b"\\", bytes([byte]))
            header = header.replace(b"SECRET", grant["secret"].encode())
            data = b"GET /v1/series HTTP/1.1\r\nHost: x\r\nAuthorization: " + header + b"\r\n\r\n"
            received = send_to_guarded(data)
            assert [response.status for response in received] in ([], [400], [401])

    @pytest.mark.parametrize("verb", ["GET", "PUT"])
    def test_two_authorization_headers_are_refused(
        self,
        verb: str,
        grant: dict[str, Any],
        guarded: Server,
        send_to_guarded: Send,
        problem: Problem,
    ) -> None:
        good, wrong = bearer(grant["secret"]), "Bearer wrong"
        with guarded.client(authorization=good) as client:  # cached
            assert client.request("GET", "/v1/series").status == 200
        for first, second in (good, good), (good, wrong), (wrong, good), (wrong, wrong), (ROOT, ""):
            data = (
                f"{verb} /v1/series/twice/T HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {first}\r\nauthorization: {second}\r\n\r\n"
            ).encode()
            (response,) = send_to_guarded(data)
            problem(response, 400, "invalid_request", applied=None if verb == "GET" else "no")


class TestErrors:
    def test_missing_credentials_have_an_error_with_an_example(
        self, stranger: Client, problem: Problem
    ) -> None:
        detail = problem(stranger.request("GET", "/v1/series"), 401, "unauthenticated")["detail"]
        assert detail.startswith("This server requires authentication")
        assert "`Authorization: Bearer SECRET`" in detail

    def test_a_key_in_another_header_is_not_supported(
        self, stranger: Client, problem: Problem
    ) -> None:
        response = stranger.request("GET", "/v1/series", headers={"X-API-Key": "hunter2"})
        detail = problem(response, 401, "unauthenticated")["detail"]
        assert "such as `X-API-Key`, are not supported" in detail
        assert "hunter2" not in detail

    @pytest.mark.parametrize("scheme", ["Token", "Digest", "ApiKey"])
    def test_an_unsupported_scheme_is_named_without_the_secret(
        self, scheme: str, signed_in: Callable[[str], Response], problem: Problem
    ) -> None:
        detail = problem(signed_in(f"{scheme} hunter2"), 401, "unauthenticated")["detail"]
        expected = f"The `Authorization` header has the scheme `{scheme}`, which is not supported."
        assert detail.startswith(expected)
        assert "`Authorization: Bearer SECRET`" in detail
        assert "hunter2" not in detail

    @pytest.mark.parametrize("header", ["hunter2", "hunter2 hunter2", "Token"])
    def test_a_secret_without_a_scheme_is_not_shown(
        self, header: str, signed_in: Callable[[str], Response], problem: Problem
    ) -> None:
        detail = problem(signed_in(header), 401, "unauthenticated")["detail"]
        assert detail.startswith("The `Authorization` header has no known scheme.")
        assert "hunter2" not in detail

    def test_an_identity_token_is_named_if_the_server_has_no_issuers(
        self, signed_in: Callable[[str], Response], problem: Problem
    ) -> None:
        token = ".".join([b64('{"alg":"RS256"}').rstrip("="), b64("{}").rstrip("="), "c2lnbmVk"])
        detail = problem(signed_in(f"Bearer {token}"), 401, "unauthenticated")["detail"]
        assert detail.startswith("This server does not accept identity tokens, and one was sent.")
        assert token not in detail

    def test_invalid_credentials_have_an_error_with_the_possible_reasons(
        self, signed_in: Callable[[str], Response], problem: Problem
    ) -> None:
        detail = problem(signed_in("Bearer x"), 401, "unauthenticated")["detail"]
        assert detail.startswith("Invalid credentials: the key is mistyped, revoked or unknown.")


class TestInvalidCredentials:
    @pytest.fixture(scope="class", name="wrong")
    @classmethod
    def _wrong(cls, guarded: Server) -> dict[str, str]:
        """Headers of each kind that an attacker would like to distinguish."""
        with guarded.client(authorization=ROOT) as root:
            live, revoked = (new_grant(root, 1, "*:series")["api_key"] for _ in range(2))
            path = f"/v1/accounts/1/grants/{revoked['key']}"
            assert root.request("DELETE", path).status == 200
        other = key_format.new_key()
        body = f"{live['key']}_{other.secret[15:45]}"
        return {
            "an unknown key": bearer(other.secret),
            "an unknown key as Basic": basic(*other),
            "a wrong secret": bearer(body + key_format._checksum(body)),
            "a wrong secret as Basic": basic(live["key"], other.secret),
            "a revoked key": bearer(revoked["secret"]),
            "a revoked key as Basic": basic(revoked["key"], revoked["secret"]),
            "no key": "Bearer x",
            "a wrong root secret": basic("root", "wrong"),
            "a wrong root key": basic("toor", ROOT_SECRET),
        }

    def test_all_invalid_credentials_have_the_same_response(
        self, wrong: dict[str, str], signed_in: Callable[[str], Response], problem: Problem
    ) -> None:
        responses = {}
        for kind, header in wrong.items():
            response = signed_in(header)
            problem(response, 401, "unauthenticated")
            responses[kind] = (response.body, [
                pair for pair in response.headers.items() if pair[0] not in ("Date", "X-Request-Id")
            ])  # fmt: skip
        assert len({str(each) for each in responses.values()}) == 1

    def test_the_response_time_does_not_reveal_the_kind(
        self, wrong: dict[str, str], signed_in: Callable[[str], Response]
    ) -> None:
        """Compares medians of interleaved requests, with a factor that exceeds noise."""
        kinds = ["an unknown key", "a wrong secret", "a revoked key"]
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(100):
            for kind in random.sample(kinds, len(kinds)):
                began = time.perf_counter()
                assert signed_in(wrong[kind]).status == 401
                seconds[kind].append(time.perf_counter() - began)
        medians = {kind: statistics.median(each) for kind, each in seconds.items()}
        print({kind: f"{1000 * median:.2f} ms" for kind, median in medians.items()})
        assert max(medians.values()) < 5 * min(medians.values())

    def test_a_thousand_random_secrets_are_refused(self, guarded: Server) -> None:
        def guess(number: int) -> list[int]:
            with guarded.client() as client:
                guesses = [bearer(key_format.new_key().secret) for _ in range(number)]
                all_headers = [{"Authorization": header} for header in guesses]
                return [
                    client.request("GET", "/v1/series", None, each).status for each in all_headers
                ]

        with ThreadPoolExecutor(8) as guessers:
            statuses = [status for each in guessers.map(guess, [125] * 8) for status in each]
        assert statuses == 1000 * [401]

    def test_a_secret_with_one_wrong_character_is_refused(
        self, grant: dict[str, Any], signed_in: Callable[[str], Response]
    ) -> None:
        secret = grant["secret"]
        for at in range(15, 45):
            body = secret[:at] + ("a" if secret[at] != "a" else "b") + secret[at + 1 : 45]
            assert signed_in(bearer(body + key_format._checksum(body))).status == 401
