"""From a bearer string to an identity. Imported only where issuers are trusted: it needs PyJWT."""

import time
from collections.abc import Callable, Iterable

from jwt import PyJWK, PyJWS, PyJWTError

from monotron.auth.oidc.claims import Identity, check_claims
from monotron.auth.oidc.discovery import Fetch, fetch_keys
from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.jwks import JwksCache
from monotron.auth.oidc.jwt_parsing import MalformedToken, read_object, read_unverified
from monotron.errors import Unauthenticated

NOT_ACCEPTED = (
    "The identity token is not accepted: it is damaged, or its issuer is not one that this server "
    "trusts, or no key of that issuer vouches for it. Ask for a fresh one, and let the server's "
    "operator compare its issuer with the trusted ones and look into the server's log."
)
"""All that is said as long as nobody vouches for a token, whatever is wrong with it."""

ALGORITHMS = ("RS256", "ES256")
_SIGNATURES = PyJWS(algorithms=ALGORITHMS)


class TokenVerifier:
    """Verifies identity tokens of the *issuers* that are made out to the *audience*.

    There is no audience by default: a token that was made for another service would do.
    *fetch* may block; it is called in a thread. `ValueError` for an audience that is none, and for
    two issuers with one url.
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
            raise ValueError("must be this server's own URL, which tokens are then made out to")
        self._audience = audience
        self._clock = clock
        self._issuers: dict[str, tuple[Issuer, JwksCache]] = {}
        for issuer in issuers:
            if issuer.url in self._issuers:
                raise ValueError(f"has the issuer {issuer.url} twice")
            self._issuers[issuer.url] = issuer, JwksCache(issuer, fetch, monotonic)

    async def verify(self, unverified_token: str) -> Identity:
        """Whose the token is. `Unauthenticated`.

        As long as its signature is not known to be good, every failure reads `NOT_ACCEPTED`.
        After that, the error says which check failed, and what to do.
        """
        issuer, key = await self._signer(unverified_token)
        try:
            # The signature alone. Of the claims, PyJWT would take more than we do (`exp: "9"`),
            # by a clock of its own.
            signed = _SIGNATURES.decode(unverified_token, key, algorithms=[key.algorithm_name])
            claims = read_object(signed)
        except (PyJWTError, ValueError) as error:
            raise Unauthenticated(NOT_ACCEPTED) from error
        return check_claims(claims, issuer, self._audience, self._clock())

    async def _signer(self, unverified_token: str) -> tuple[Issuer, PyJWK]:
        """The configured issuer that the token names, and that one's key that it names.

        Of the header only `alg` and `kid` are looked at: keys that a token brings along or points
        to (`jwk`, `jku`, `x5c`, `x5u`) are nobody's.
        """
        try:
            header, claims = read_unverified(unverified_token)
        except MalformedToken as error:
            raise Unauthenticated(NOT_ACCEPTED) from error
        named, kid, alg = claims.get("iss"), header.get("kid"), header.get("alg")
        # Both change how a token is to be read (RFC 7515 §4.1.11, RFC 7797).
        if "crit" in header or "b64" in header or alg not in ALGORITHMS:
            raise Unauthenticated(NOT_ACCEPTED)
        if not isinstance(named, str) or not isinstance(kid, str) or named not in self._issuers:
            raise Unauthenticated(NOT_ACCEPTED)
        issuer, keys = self._issuers[named]
        key = await keys.key(kid)
        if key is None or key.algorithm_name != alg:
            raise Unauthenticated(NOT_ACCEPTED)
        return issuer, key
