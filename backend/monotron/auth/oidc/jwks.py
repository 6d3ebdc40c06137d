"""The keys of one issuer: what they may be, how long they hold, and when they are fetched."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from jwt import PyJWK, PyJWTError

from monotron.auth.oidc.bounded_get import SECONDS, FetchFailed
from monotron.auth.oidc.discovery import Fetch
from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.jwt_parsing import MalformedToken, read_object

log = logging.getLogger("monotron.auth")

MAX_KEYS = 32
FRESH = 3600.0
"""For how many seconds keys are used without asking again. A revoked one holds that long."""

KEPT = 24 * 3600.0
"""For how many seconds they are used while the issuer cannot be asked."""

UNKNOWN_KID_PAUSE = 60.0
"""At most once in so many seconds a `kid` that is not among them makes us ask again."""

COLD_PAUSE = 10.0
"""The same after a failure, while there are no keys at all."""

WARNING_PAUSE = 60.0
PATIENCE = SECONDS + 1
"""The deadline of a fetch does not bind the system's resolver; this does not wait for it."""

_LONGEST = {"n": 1366, "e": 6, "x": 43, "y": 43}
"""Base64url characters: moduli of up to 8192 bits, exponents of 32, P-256."""


class JwksCache:
    """For one event loop at a time."""

    def __init__(self, issuer: Issuer, fetch: Fetch, monotonic: Callable[[], float]) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._ask_again_at = float("-inf")
        self._next_unknown_at = float("-inf")
        self._next_warning_at = float("-inf")
        self._flight: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> PyJWK | None:
        """The key of that name, or None if there is none, or none can be had. Never raises."""
        now = self._monotonic()
        stale = now - self._fetched_at >= FRESH
        unknown = kid not in self._keys
        due = stale or (unknown and now >= self._next_unknown_at)
        under_way = self._flight is not None and (stale or unknown)
        if under_way or (due and now >= self._ask_again_at):
            await self._refresh()
            if kid not in self._keys:
                # Also when it was time to ask anyway: that answer is as new as another would be.
                self._next_unknown_at = now + UNKNOWN_KID_PAUSE
        return self._held().get(kid)

    def _held(self) -> Mapping[str, PyJWK]:
        return self._keys if self._monotonic() - self._fetched_at < KEPT else {}

    async def _refresh(self) -> None:
        """Whoever comes while a fetch is under way waits for that one. None can cancel it."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetch_now())
        await asyncio.shield(self._flight)

    async def _fetch_now(self) -> None:
        try:
            document = await asyncio.wait_for(
                asyncio.to_thread(self._fetch, self._issuer), PATIENCE
            )
            self._keys = parse_keys(document)
            self._fetched_at = self._monotonic()
        except (FetchFailed, TimeoutError) as error:
            pause = UNKNOWN_KID_PAUSE if self._held() else COLD_PAUSE
            self._ask_again_at = self._monotonic() + pause
            self._warn(str(error) or "its name cannot be resolved in time")
        finally:
            self._flight = None

    def _warn(self, reason: str) -> None:
        now = self._monotonic()
        if now < self._next_warning_at:
            return
        self._next_warning_at = now + WARNING_PAUSE
        log.warning(
            "The keys of the issuer %s could not be fetched: %s. %s",
            self._issuer.url,
            reason,
            "The ones from before are used for up to 24 h."
            if self._held()
            else "Nobody can sign in with its identity tokens.",
        )


def parse_keys(document: bytes) -> dict[str, PyJWK]:
    """The keys of a JWK Set (RFC 7517) that may verify identity tokens, by `kid`; at least one.

    `FetchFailed` if there is none, and if the set is not to be believed as a whole.
    """
    try:
        found = read_object(document).get("keys")
    except MalformedToken as error:
        raise FetchFailed(f"its set of keys cannot be used: {error}") from error
    if not isinstance(found, list) or len(found) > MAX_KEYS:
        raise FetchFailed(f"its set of keys must have a list `keys` of at most {MAX_KEYS}")
    keys: dict[str, PyJWK] = {}
    for jwk in found:
        key = _parse_key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            if jwk["kid"] in keys:
                raise FetchFailed("its set has two keys of one name")
            keys[jwk["kid"]] = key
    if not keys:
        raise FetchFailed("its set has no key for RS256 or ES256 with `kid` and `use: sig`")
    return keys


def _parse_key(jwk: Mapping[str, Any]) -> PyJWK | None:
    """Only for signatures, and only for the one algorithm of its type (RFC 8725 §3.1)."""
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
    if not all(isinstance(n, str) and len(n) <= _LONGEST[name] for name, n in numbers.items()):
        return None
    # The numbers alone: whatever else it says, a private part above all, is not looked at.
    members = {"kty": jwk["kty"], **numbers} | ({"crv": "P-256"} if alg == "ES256" else {})
    try:
        key = PyJWK(members, alg)
    except (PyJWTError, ValueError):
        return None
    return key if alg == "ES256" or key.key.key_size >= 2048 else None
