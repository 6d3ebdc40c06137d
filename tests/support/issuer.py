"""A real issuer of identity tokens on loopback, which can be told to misbehave, and its keys."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/jwks"

Trick = Callable[[BaseHTTPRequestHandler], None]
"""Answers a request instead of the issuer."""


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(
    header: Mapping[str, Any] | bytes,
    claims: Mapping[str, Any] | bytes,
    sign: Callable[[bytes], bytes],
) -> str:
    """A token (RFC 7515 §7.1), of JSON as it is given: no library would write the odd ones."""
    parts = [
        each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, claims)
    ]
    signed = ".".join(map(base64url, parts))
    return f"{signed}.{base64url(sign(signed.encode()))}"


@cache
def rsa_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One of a few keys that all tests of a process share: they take long to make."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _number(value: int, size: int | None = None) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Signer:
    """A key with its name, as RS256 or ES256."""

    kid: str
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def alg(self) -> str:
        return "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Its public part (RFC 7517). A change to None leaves the member out."""
        jwk: dict[str, Any] = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        if isinstance(self.key, rsa.RSAPrivateKey):
            public = self.key.public_key().public_numbers()
            jwk |= {"kty": "RSA", "n": _number(public.n), "e": _number(public.e)}
        else:
            point = self.key.public_key().public_numbers()
            jwk |= {"kty": "EC", "crv": "P-256"}
            jwk |= {"x": _number(point.x, 32), "y": _number(point.y, 32)}
        return {name: value for name, value in {**jwk, **changes}.items() if value is not None}

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, claims: Mapping[str, Any] | bytes, **header: Any) -> str:
        """A token of the claims, signed. A change of the header to None leaves the member out."""
        full = {"typ": "JWT", "alg": self.alg, "kid": self.kid, **header}
        return compact({k: v for k, v in full.items() if v is not None}, claims, self.sign)


def jwks(*signers: Signer) -> bytes:
    return json.dumps({"keys": [signer.jwk() for signer in signers]}).encode()


class IssuerServer:
    """Serves discovery and keys, over https with a certificate of *ca* for *host* if it is given.

    *tricks* answer at their path instead. Every request is remembered, by path, in `requests`.
    """

    def __init__(self, ca: trustme.CA | None = None, host: str = "127.0.0.1") -> None:
        self.signers = [Signer("first", rsa_key(1))]
        self.requests: list[str] = []
        self.tricks: dict[str, Trick] = {}
        self._context: ssl.SSLContext | None = None
        if ca is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ca.issue_cert(host).configure_cert(self._context)
        self.port = 0
        self.up()
        self.url = f"{'https' if ca else 'http'}://{host}:{self.port}"

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return self.requests.count(JWKS)

    def rotate(self) -> Signer:
        """A new key instead of the old ones."""
        self.signers = [Signer(f"{self.signers[0].kid}+", rsa_key(2))]
        return self.signers[0]

    def up(self) -> None:
        """Listen, at the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), self._handler(), self._context)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def down(self) -> None:
        """Refuse connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.close_connection = True
                issuer.requests.append(self.path)
                if self.path in issuer.tricks:
                    issuer.tricks[self.path](self)
                elif self.path == DISCOVERY:
                    document = {"issuer": issuer.url, "jwks_uri": issuer.url + JWKS}
                    say(json.dumps(document).encode())(self)
                elif self.path == JWKS:
                    say(jwks(*issuer.signers))(self)
                else:
                    say(b"", 404)(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()


class _Server(ThreadingHTTPServer):
    # A handler that a test holds must not hold the test run.
    daemon_threads = True

    def __init__(self, address: Any, handler: Any, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(address, handler)

    def get_request(self) -> Any:
        connected, address = super().get_request()
        if self._context is not None:
            # The handshake comes with the first read, in the handler's thread.
            connected = self._context.wrap_socket(
                connected, server_side=True, do_handshake_on_connect=False
            )
        return connected, address

    def handle_error(self, *_: object) -> None:
        """A client that hangs up, which most of these tests make it do, is no error."""


# Tricks


def say(body: bytes, status: int = 200, **headers: str) -> Trick:
    """One whole answer."""

    def trick(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return trick


def say_bytes(*parts: bytes, between: Callable[[], None] = lambda: None) -> Trick:
    """These bytes as they are, header and all, each by itself; until nobody listens any more."""

    def trick(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
            between()

    return trick


def hold(release: threading.Event, then: Trick | None = None) -> Trick:
    """No answer before the event is set, and perhaps none then."""

    def trick(handler: BaseHTTPRequestHandler) -> None:
        release.wait(30)
        if then is not None:
            then(handler)

    return trick


def write_ca(ca: trustme.CA, directory: Path) -> Path:
    """The file of a CA's certificate."""
    path = directory / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path
