"""The keys of an issuer (JWK Set, RFC 7517): which are accepted, and when they are fetched."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from jwt import PyJWK, PyJWTError

from monotron.auth.oidc.bounded_get import TIMEOUT_SECONDS, FetchFailed
from monotron.auth.oidc.discovery import Fetch
from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.jwt_parsing import MalformedToken, read_object

log = logging.getLogger("monotron.auth")

MAX_KEYS = 32
"""The maximum number of keys in a set."""

FRESH_SECONDS = 3600.0
"""The time for which keys are used without a new fetch. A key that the issuer revoked is
accepted for the same time, or for `STALE_SECONDS` if the issuer does not respond."""

STALE_SECONDS = 24 * 3600.0
"""The time for which keys are used if the issuer does not respond."""

UNKNOWN_KID_PAUSE_SECONDS = 60.0
"""The minimum time between two fetches because of unknown `kid`s."""

FAILURE_PAUSE_SECONDS = 10.0
"""The minimum time between two fetches after a failure, while no keys are known."""

WARNING_PAUSE_SECONDS = 60.0
"""The minimum time between two warnings about one issuer."""

FETCH_TIMEOUT_SECONDS = TIMEOUT_SECONDS + 1
"""Longer than the deadline of a fetch, which does not limit the system's resolver."""

_MIN_RSA_BITS = 2048
_MAX_CHARACTERS = {"n": 1366, "e": 6, "x": 43, "y": 43}
"""The maximum length of each number of a key in base64url: RSA moduli of 8192 bits, exponents of
32 bits, coordinates of P-256."""


class JwksCache:
    """The keys of one issuer, for one event loop."""

    def __init__(
        self,
        issuer: Issuer,
        fetch: Fetch,
        monotonic: Callable[[], float],
        *,
        fetch_timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._monotonic = monotonic
        self._fetch_timeout_seconds = fetch_timeout_seconds
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._next_unknown_kid_at = float("-inf")
        self._next_warning_at = float("-inf")
        self._pending: asyncio.Task[None] | None = None
        self.fetches: Counter[str] = Counter()
        """The number of fetches, `success` and `failure`."""

    @property
    def issuer(self) -> str:
        """The URL of the issuer."""
        return self._issuer.url

    @property
    def age_seconds(self) -> float:
        """The time since the keys were fetched, or infinity."""
        return self._monotonic() - self._fetched_at

    async def key(self, kid: str) -> PyJWK | None:
        """The key named *kid*; None if it is unknown or not available. Never raises."""
        now = self._monotonic()
        is_stale = now - self._fetched_at >= FRESH_SECONDS
        is_unknown = kid not in self._keys
        is_due = is_stale or (is_unknown and now >= self._next_unknown_kid_at)
        is_pending = self._pending is not None and (is_stale or is_unknown)
        if is_pending or (is_due and now >= self._next_fetch_at):
            await self._refresh()
            if kid not in self._keys:
                # Also if the keys were stale: another fetch would not return newer ones.
                self._next_unknown_kid_at = now + UNKNOWN_KID_PAUSE_SECONDS
        return self._usable_keys().get(kid)

    def _usable_keys(self) -> Mapping[str, PyJWK]:
        return self._keys if self._monotonic() - self._fetched_at < STALE_SECONDS else {}

    async def _refresh(self) -> None:
        """Fetch the keys, or wait for a pending fetch. A cancelled caller does not cancel it."""
        if self._pending is None:
            self._pending = asyncio.create_task(self._fetch_keys())
        await asyncio.shield(self._pending)

    async def _fetch_keys(self) -> None:
        try:
            document = await asyncio.wait_for(
                asyncio.to_thread(self._fetch, self._issuer), self._fetch_timeout_seconds
            )
            self._keys = parse_keys(document)
            self._fetched_at = self._monotonic()
            self.fetches["success"] += 1
        except (FetchFailed, TimeoutError) as error:
            self.fetches["failure"] += 1
            has_keys = bool(self._usable_keys())
            pause = UNKNOWN_KID_PAUSE_SECONDS if has_keys else FAILURE_PAUSE_SECONDS
            self._next_fetch_at = self._monotonic() + pause
            self._warn(str(error) or "timed out while resolving its name")
        finally:
            self._pending = None

    def _warn(self, reason: str) -> None:
        now = self._monotonic()
        if now < self._next_warning_at:
            return
        self._next_warning_at = now + WARNING_PAUSE_SECONDS
        log.warning(
            "could not fetch the keys of the issuer %s: %s. %s",
            self._issuer.url,
            reason,
            "The previous keys are used for up to 24 h."
            if self._usable_keys()
            else "Its identity tokens are rejected.",
        )


def parse_keys(document: bytes) -> dict[str, PyJWK]:
    """The keys of a JWK Set that may verify identity tokens, by `kid`; at least one.

    Other keys are ignored. Raises FetchFailed without a usable key, or if the set as a whole
    cannot be trusted.
    """
    try:
        jwks = read_object(document).get("keys")
    except MalformedToken as error:
        raise FetchFailed(f"invalid set of keys: {error}") from error
    if not isinstance(jwks, list) or len(jwks) > MAX_KEYS:
        raise FetchFailed(f"invalid set of keys: `keys` must be a list of at most {MAX_KEYS}")
    keys: dict[str, PyJWK] = {}
    for jwk in jwks:
        key = _parse_key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            if jwk["kid"] in keys:
                raise FetchFailed("invalid set of keys: two keys have the same `kid`")
            keys[jwk["kid"]] = key
    if not keys:
        raise FetchFailed(
            "its set of keys contains no usable key (RS256 or ES256 with `kid` and `use: sig`)"
        )
    return keys


def _parse_key(jwk: Mapping[str, Any]) -> PyJWK | None:
    """A key for signatures, with the only algorithm of its type (RFC 8725 §3.1); else None."""
    kid = jwk.get("kid")
    if jwk.get("kty") == "RSA":
        alg, names = "RS256", ("n", "e")
    elif (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256"):
        alg, names = "ES256", ("x", "y")
    else:
        return None
    if not isinstance(kid, str) or not kid or jwk.get("use") != "sig":
        return None
    if jwk.get("alg", alg) != alg:
        return None
    numbers = {name: jwk.get(name) for name in names}
    if not all(
        isinstance(n, str) and len(n) <= _MAX_CHARACTERS[name] for name, n in numbers.items()
    ):
        return None
    # Only the public numbers are used. Other members, such as a private part, are ignored.
    members = {"kty": jwk["kty"], **numbers} | ({"crv": "P-256"} if alg == "ES256" else {})
    try:
        key = PyJWK(members, alg)
    except (PyJWTError, ValueError):
        return None
    return key if alg == "ES256" or key.key.key_size >= _MIN_RSA_BITS else None
