"""A real issuer of identity tokens on loopback, which can misbehave, and its keys."""

from __future__ import annotations

import json
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support.stoppable import Stoppable

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/jwks"

Misbehavior = Callable[[BaseHTTPRequestHandler], None]
"""Responds to a request instead of the issuer."""


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(
    header: Mapping[str, Any] | bytes,
    claims: Mapping[str, Any] | bytes,
    sign: Callable[[bytes], bytes],
) -> str:
    """A token (RFC 7515 §7.1), also of JSON that no library would create."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)
    ]
    signed = ".".join(map(base64url, parts))
    return f"{signed}.{base64url(sign(signed.encode()))}"


@cache
def rsa_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key that all tests of a process share, because creating one is slow."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _number(value: int, size: int | None = None) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Signer:
    """A key and its name, for RS256 or ES256."""

    kid: str
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def alg(self) -> str:
        return "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public part (RFC 7517). A change to None omits the member."""
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
        """A signed token of the claims. A change of the header to None omits the member."""
        full = {"typ": "JWT", "alg": self.alg, "kid": self.kid, **header}
        return compact({k: v for k, v in full.items() if v is not None}, claims, self.sign)


def jwks(*signers: Signer) -> bytes:
    return json.dumps({"keys": [signer.jwk() for signer in signers]}).encode()


class IssuerServer(Stoppable):
    """Serves discovery and keys, by https if there is a *ca*, whose certificate is for *host*.

    *misbehaviors* by path replace a response. `requests` contains the paths of all requests.
    """

    def __init__(self, ca: trustme.CA | None = None, host: str = "127.0.0.1") -> None:
        self.signers = [Signer("first", rsa_key(1))]
        self.requests: list[str] = []
        self.misbehaviors: dict[str, Misbehavior] = {}
        self._context: ssl.SSLContext | None = None
        if ca is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ca.issue_cert(host).configure_cert(self._context)
        self.port = 0
        self.up()
        self.url = f"{'https' if ca else 'http'}://{host}:{self.port}"

    @property
    def fetches(self) -> int:
        """The number of requests for the keys."""
        return self.requests.count(JWKS)

    def job_token(
        self, claims: Mapping[str, Any], signer: Signer | None = None, *, seconds: int = 300
    ) -> str:
        """A token of this issuer with these claims, issued now, and valid for *seconds*.

        *signer* [default: the first].
        """
        now = int(time.time())
        times = {"iat": now, "nbf": now - 5, "exp": now + seconds, "jti": uuid4().hex}
        return (signer or self.signers[0]).token({**claims, **times, "iss": self.url})

    def rotate(self) -> Signer:
        """Replace all keys by a new one."""
        self.signers = [Signer(f"{self.signers[0].kid}+", rsa_key(2))]
        return self.signers[0]

    def up(self) -> None:
        """Start to listen, on the same port as before."""
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
                if self.path in issuer.misbehaviors:
                    issuer.misbehaviors[self.path](self)
                elif self.path == DISCOVERY:
                    document = {"issuer": issuer.url, "jwks_uri": issuer.url + JWKS}
                    respond(json.dumps(document).encode())(self)
                elif self.path == JWKS:
                    respond(jwks(*issuer.signers))(self)
                else:
                    respond(b"", 404)(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def stop(self) -> None:
        self.down()


class _Server(ThreadingHTTPServer):
    # A handler that a test blocks must not block the end of the tests.
    daemon_threads = True

    def __init__(self, address: Any, handler: Any, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(address, handler)

    def get_request(self) -> Any:
        connected, address = super().get_request()
        if self._context is not None:
            # The handshake takes place during the first read, in the handler's thread.
            connected = self._context.wrap_socket(
                connected, server_side=True, do_handshake_on_connect=False
            )
        return connected, address

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect, which is expected in most of these tests."""


# Misbehaviors


def respond(body: bytes, status: int = 200, **headers: str) -> Misbehavior:
    """Send one complete response."""

    def misbehave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return misbehave


def send_bytes(*parts: bytes, between: Callable[[], None] = lambda: None) -> Misbehavior:
    """Send these bytes including the header, one write for each part."""

    def misbehave(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
            between()

    return misbehave


def block(release: threading.Event, then: Misbehavior | None = None) -> Misbehavior:
    """Send no response before the event is set, and then only that of *then*."""

    def misbehave(handler: BaseHTTPRequestHandler) -> None:
        release.wait(30)
        if then is not None:
            then(handler)

    return misbehave


def write_ca(ca: trustme.CA, directory: Path) -> Path:
    """Write a CA's certificate to a file."""
    path = directory / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path
