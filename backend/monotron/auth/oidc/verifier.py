"""Verifies identity tokens. Imported only if issuers are configured, because it needs PyJWT."""

import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from jwt import PyJWK, PyJWS, PyJWTError

from monotron.auth.oidc.audiences import quoted
from monotron.auth.oidc.claims import Identity, check_claims, name_of, project_of
from monotron.auth.oidc.discovery import Fetch, fetch_keys
from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.jwks import JwksCache
from monotron.auth.oidc.jwt_parsing import MalformedToken, read_object, read_unverified
from monotron.errors import RejectedIdentity, Unauthenticated

NOT_ACCEPTED = (
    "Identity token rejected. It is malformed, from an issuer that this server does not trust, or "
    "its signature could not be verified. Request a new token. If it fails again, ask the operator "
    "to check the setting `issuers` and the server's log."
)
"""The only error for a token whose signature has not been verified. The log has the reason."""

ALGORITHMS = ("RS256", "ES256")
_SIGNATURES = PyJWS(algorithms=ALGORITHMS)


class TokenVerifier:
    """Verifies identity tokens of the *issuers* for the *audience*.

    The audience has no default, because a token for another service must not be accepted. *fetch*
    may block: it is called in a thread. Raises ValueError if the audience is missing, or if two
    issuers have the same URL.
    """

    def __init__(
        self,
        issuers: Iterable[Issuer],
        audience: str,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        fetch: Fetch = fetch_keys,
    ) -> None:
        if not isinstance(audience, str) or not audience.strip():
            raise ValueError(
                "`issuers` requires `audience`: set MONOTRON_AUDIENCE to this server's public URL"
            )
        self.audience = audience
        self._clock = clock
        self._issuers: dict[str, tuple[Issuer, JwksCache]] = {}
        for issuer in issuers:
            if issuer.url in self._issuers:
                raise ValueError(f"`issuers` contains {issuer.url} twice")
            self._issuers[issuer.url] = issuer, JwksCache(issuer, fetch, monotonic)

    @property
    def key_sets(self) -> Sequence[JwksCache]:
        """The keys of each issuer."""
        return [keys for _, keys in self._issuers.values()]

    async def verify(self, unverified_token: str) -> Identity:
        """The identity of the token's holder. Raises Unauthenticated.

        Before the signature is verified, the error is always `NOT_ACCEPTED`. After that, it states
        which check failed and what to do.
        """
        issuer, key = await self._signer(unverified_token)
        try:
            # Verifies the signature only: PyJWT would accept more claims than we do (`exp: "9"`),
            # and would use a clock of its own.
            signed = _SIGNATURES.decode(unverified_token, key, algorithms=[key.algorithm_name])
            claims = read_object(signed)
        except (PyJWTError, ValueError) as error:
            raise _rejected("invalid signature", issuer.url) from error
        try:
            return check_claims(
                claims, issuer, self.audience, self._clock(), _signed_hash(unverified_token)
            )
        except Unauthenticated as error:
            error.reason = f"{name_of(claims, issuer)}: {error.reason}"
            error.identity = RejectedIdentity(issuer.url, project_of(claims, issuer))
            raise

    async def _signer(self, unverified_token: str) -> tuple[Issuer, PyJWK]:
        """The configured issuer that the token names, and its key that the token names.

        Only `alg` and `kid` of the header are used. Keys that a token contains or refers to
        (`jwk`, `jku`, `x5c`, `x5u`) are ignored.
        """
        try:
            header, claims = read_unverified(unverified_token)
        except MalformedToken as error:
            raise _rejected("malformed") from error
        issuer_url, kid, alg = claims.get("iss"), header.get("kid"), header.get("alg")
        # Both change how a token must be read (RFC 7515 §4.1.11, RFC 7797).
        if "crit" in header or "b64" in header or alg not in ALGORITHMS:
            raise _rejected("unsupported header")
        if not isinstance(issuer_url, str) or not isinstance(kid, str):
            raise _rejected("`iss` or `kid` is missing")
        if issuer_url not in self._issuers:
            raise _rejected(f"untrusted issuer {quoted(issuer_url)}", issuer_url)
        issuer, keys = self._issuers[issuer_url]
        key = await keys.key(kid)
        if key is None or key.algorithm_name != alg:
            raise _rejected(f"{issuer.url} has no key with this `kid` and `alg`", issuer.url)
        return issuer, key


def _signed_hash(token: str) -> str:
    """A hash of what the signature covers. The signature itself does not identify a token: for
    ECDSA, anyone can compute a second valid one."""
    return sha256(token.rpartition(".")[0].encode()).hexdigest()


def _rejected(reason: str, issuer_url: str = "") -> Unauthenticated:
    """The error for a token that is not verified. The reason is for the log only."""
    error = Unauthenticated(NOT_ACCEPTED, reason=f"identity token: {reason}")
    if issuer_url:
        error.identity = RejectedIdentity(issuer_url)
    return error
