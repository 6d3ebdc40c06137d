"""Authentication: from an Authorization header to a principal, with a cache of a few seconds."""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from monotron.auth.api_keys import ApiKey, ApiKeys
from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.key_format import constant_time_equals, digest, key_id_of
from monotron.auth.oidc import looks_like_identity_token
from monotron.auth.oidc_authenticator import OidcAuthenticator
from monotron.auth.principal import ANYONE, ROOT, Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.errors import TooManyRequests, Unauthenticated

log = logging.getLogger("monotron.auth")

CACHE_SECONDS = 3.0
"""The maximum time for which an API key works after another process revoked it."""

MAX_CACHED = 10_000

HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class RootKey:
    """The operator's credentials, from the settings or from the store."""

    key: str
    digest: str = field(repr=False)
    """The hash of the secret."""

    @classmethod
    def of_secret(cls, key: str, secret: str) -> "RootKey":
        """The root key with this secret."""
        return cls(key, digest(secret))


class Authenticator:
    """Verifies credentials. If it is *open_to_all*, every caller is `ANYONE`."""

    def __init__(
        self,
        api_keys: ApiKeys,
        is_disabled: Callable[[int], Awaitable[bool]],
        *,
        root: RootKey | None = None,
        identities: OidcAuthenticator | None = None,
        open_to_all: bool = False,
        failures: RateLimiter,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*is_disabled* returns whether an account is disabled. *failures* limits invalid
        credentials per client address."""
        self._api_keys = api_keys
        self._is_disabled = is_disabled
        self._root = root
        self._identities = identities
        self.open_to_all = open_to_all
        self._failures = failures
        self._clock = clock
        self._cache: BoundedCache[bytes, Principal] = BoundedCache(MAX_CACHED, monotonic=monotonic)
        self._recent_roots: BoundedCache[tuple[str, bytes], bool] = BoundedCache(
            MAX_CACHED, monotonic=monotonic
        )
        """Addresses that sent valid root credentials, with a hash of the credentials."""
        self._verifications: dict[bytes, asyncio.Task[Principal]] = {}
        self._changes = 0
        self._background: set[asyncio.Task[None]] = set()

    def known(self, header: str | None, account: int | None) -> Principal | None:
        """The principal of the header, if it can be determined without waiting.

        *account* is the account in the path, on which the principal of an identity token depends;
        None if the path names none.
        """
        if self.open_to_all:
            return ANYONE
        if header is None:
            return None
        return self._cache.get(_fingerprint(header, account))

    async def check(self, header: str | None, account: int | None, address: str) -> Principal:
        """The principal of the header. Raises Unauthenticated, or AmbiguousAccount.

        Raises TooManyRequests after many failures from the address. Valid API keys and identity
        tokens are never limited, so a stranger cannot lock out others at the same address. Root
        credentials are then limited, unless they were valid within the last hour: operators choose
        their secret, so it may be guessed. A missing header does not count as a failure, because
        many clients send credentials only after a 401.
        """
        if header is None:
            raise Unauthenticated(
                "This server requires authentication, and the request has no `Authorization` "
                "header. Send an API key's secret as `Authorization: Bearer SECRET`. Other "
                "headers, such as `X-API-Key`, are not supported."
            )
        try:
            credentials = _parse(header)
            if self._are_of_root(credentials, address):
                return ROOT
            fingerprint = _fingerprint(header, account)
            task = self._verifications.get(fingerprint)
            if task is None:
                task = asyncio.create_task(self._verify(credentials, account, fingerprint))
                self._verifications[fingerprint] = task
                task.add_done_callback(lambda done: self._verified(fingerprint, done))
            return await asyncio.shield(task)
        except Unauthenticated as error:
            self._count_failure(address, error)
            raise

    def _count_failure(self, address: str, error: Unauthenticated) -> None:
        """Count a failure of the address. Raises TooManyRequests beyond the limit."""
        try:
            self._failures.count(address)
        except TooManyRequests as limited:
            limited.identity, limited.claim = error.identity, error.claim
            raise

    def forget(self, key: str) -> None:
        """Stop accepting an API key that was revoked in this process."""
        name = f"key:{key}"
        self._forget(lambda principal: principal.name == name)

    def forget_identities(self) -> None:
        """Verify identity tokens again, because trust policies were changed in this process."""
        self._forget(lambda principal: principal.identity is not None)

    def forget_account(self, account: int) -> None:
        """Verify the credentials of an account again, because it was changed in this process."""
        self._forget(lambda principal: principal.account == account)

    def _forget(self, is_outdated: Callable[[Principal], bool]) -> None:
        self._cache.discard(is_outdated)
        # A pending verification may have read the store before the change. New requests must not
        # wait for it, and its result must not be cached.
        self._verifications.clear()
        self._changes += 1

    async def _verify(
        self, credentials: tuple[str, str], account: int | None, fingerprint: bytes
    ) -> Principal:
        key, secret = credentials
        changes = self._changes
        if not key and looks_like_identity_token(secret):
            if self._identities is None:
                raise Unauthenticated(
                    "This server does not accept identity tokens, and one was sent. Send an API "
                    "key's secret as `Authorization: Bearer SECRET`, or ask the operator to set "
                    "`issuers` and `audience`."
                )
            principal = await self._identities.principal(secret, account)
        else:
            principal = await self._of_key(key, secret)
        if await self._is_disabled(principal.account):
            principal = replace(principal, is_disabled=True)
        if changes == self._changes:
            seconds = CACHE_SECONDS
            if principal.expires_at is not None:
                seconds = min(seconds, principal.expires_at - self._clock())
            self._cache.put(fingerprint, principal, seconds=seconds)
        return principal

    def _verified(self, fingerprint: bytes, task: "asyncio.Task[Principal]") -> None:
        if self._verifications.get(fingerprint) is task:
            del self._verifications[fingerprint]

    def _are_of_root(self, credentials: tuple[str, str], address: str) -> bool:
        """Whether they are those of the root key; False without a comparison beyond the limit."""
        root = self._root
        if root is None:
            return False
        key, secret = credentials
        use = address, _fingerprint(f"{key}:{secret}", None)
        if self._failures.is_exceeded(address) and use not in self._recent_roots:
            return False
        # Both are compared in any case, so that the time does not reveal which one is wrong.
        is_root = constant_time_equals(key, root.key) & constant_time_equals(
            digest(secret), root.digest
        )
        if is_root:
            self._recent_roots.put(use, True, seconds=HOUR_SECONDS)
        return is_root

    async def _of_key(self, key: str, unverified_secret: str) -> Principal:
        if key_id_of(unverified_secret) != key:
            raise _invalid_credentials()
        api_key = await self._api_keys.find(key)
        # An unknown API key is compared, too, so that the time does not reveal whether it exists.
        expected = api_key.digest if api_key else digest("")
        if not constant_time_equals(digest(unverified_secret), expected) or not api_key:
            raise _invalid_credentials()
        now = int(self._clock())
        if api_key.expires_at is not None and api_key.expires_at <= now:
            raise Unauthenticated("This API key has expired. Create a new one.")
        self._record_use(api_key, now)
        return api_key.principal()

    def _record_use(self, api_key: ApiKey, now: int) -> None:
        """Store the hour of the last use in the background."""
        if api_key.last_used_at is None or now - api_key.last_used_at >= HOUR_SECONDS:
            hour = now - now % HOUR_SECONDS
            task = asyncio.create_task(self._api_keys.record_use(api_key, hour))
            self._background.add(task)
            task.add_done_callback(self._use_recorded)

    def _use_recorded(self, task: "asyncio.Task[None]") -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.info("could not record the last use of an API key (%s)", task.exception())


_OTHER_SCHEMES = ("apikey", "api-key", "digest", "key", "negotiate", "ntlm", "oauth", "token")
"""Schemes that clients send, and that are not supported."""


def _parse(header: str) -> tuple[str, str]:
    """The key and the secret of a header. Raises Unauthenticated."""
    scheme, _, rest = header.partition(" ")
    text = rest.strip()
    if scheme.lower() == "bearer":
        if ":" not in text:  # the secret of an API key contains its name
            return key_id_of(text) or "", text
    elif scheme.lower() == "basic":
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _invalid_credentials() from None
    else:
        # Only a known scheme is shown: anything else may be a secret that was sent without one.
        known = text and scheme.lower() in _OTHER_SCHEMES
        sent = f"the scheme `{scheme}`, which is not supported" if known else "no known scheme"
        raise Unauthenticated(
            f"The `Authorization` header has {sent}. Send an API key's secret or an identity token "
            "as `Authorization: Bearer SECRET`, or KEY:SECRET as `Basic`."
        )
    key, _, secret = text.partition(":")
    return key, secret


def kind_of_credentials(header: str | None) -> str:
    """What an Authorization header contains: `none`, `api_key` or `id_token`, for metrics."""
    if header is None:
        return "none"
    scheme, _, text = header.partition(" ")
    is_token = scheme.lower() == "bearer" and looks_like_identity_token(text.strip())
    return "id_token" if is_token else "api_key"


def _fingerprint(header: str, account: int | None) -> bytes:
    """A hash of credentials, because the cache must not hold secrets.

    It includes the account unless the header has the usual form of an API key: the header may
    contain an identity token, also in base64.
    """
    text = header if header.startswith("Bearer mtk_") else f"{account} {header}"
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _invalid_credentials() -> Unauthenticated:
    return Unauthenticated(
        "Invalid credentials: the key is mistyped, revoked or unknown. Send an API key's secret as "
        "`Authorization: Bearer SECRET` (it starts with `mtk_k_`)."
    )
