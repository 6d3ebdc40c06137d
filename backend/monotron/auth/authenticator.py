"""From an Authorization header to who asks. What was found good is remembered for a moment."""

import asyncio
import base64
import binascii
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from monotron.auth.api_keys import ApiKey, ApiKeys
from monotron.auth.key_format import digest, name_in, same
from monotron.auth.oidc import looks_like_identity_token
from monotron.auth.principal import ANYBODY, ROOT, Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.trust_policies import OidcAuthenticator
from monotron.errors import Unauthenticated

log = logging.getLogger("monotron.auth")

REMEMBERED_SECONDS = 3.0
"""How long a key goes on working on another process than the one that revoked it, at most."""

MAX_REMEMBERED = 10_000

HOUR = 3600

Principals: TypeAlias = tuple[Principal, ...]
"""Who asks; a CI job may be trusted by several accounts, and is then somebody in each."""


@dataclass(frozen=True, slots=True)
class RootKey:
    """The operator's own credentials, from the settings."""

    key: str
    secret: str = field(repr=False)


class Authenticator:
    """Checks credentials. While it is *open_to_all*, everybody is `ANYBODY`."""

    def __init__(
        self,
        grants: ApiKeys,
        *,
        root: RootKey | None = None,
        identities: OidcAuthenticator | None = None,
        open_to_all: bool = False,
        failures: RateLimiter,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*failures* counts wrong credentials by address."""
        self._grants = grants
        self._root = root
        self._identities = identities
        self.open_to_all = open_to_all
        self._failures = failures
        self._clock = clock
        self._monotonic = monotonic
        self._remembered: OrderedDict[bytes, tuple[Principals, float]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Principals]] = {}
        self._revocations = 0
        self._noting: set[asyncio.Task[None]] = set()

    def known(self, header: str | None) -> Principals | None:
        """Who it is, if that can be told at once."""
        if self.open_to_all:
            return _ANYBODY
        if header is None:
            return None
        principals, until = self._remembered.get(_name(header), ((), 0.0))
        return principals if self._monotonic() < until else None

    async def check(self, header: str | None, address: str) -> Principals:
        """Who it is; `Unauthenticated`, or `TooManyRequests` after many failures.

        Credentials that are good always pass: a stranger at the same address locks nobody out.
        None are no failure: many clients send theirs only once they have seen a 401.
        """
        if header is None:
            raise Unauthenticated(
                "This server asks for credentials, and the request has none. Send an API key as "
                "`Authorization: Bearer KEY`."
            )
        try:
            name = _name(header)
            task = self._under_way.get(name)
            if task is None:
                task = asyncio.create_task(self._verify(header, name))
                self._under_way[name] = task
                task.add_done_callback(lambda done: self._verified(name, done))
            return await asyncio.shield(task)
        except Unauthenticated:
            self._failures.count(address)
            raise

    def forget(self, key: str) -> None:
        """A key was revoked here: let it stop working at once."""
        gone = [
            name
            for name, (principals, _) in self._remembered.items()
            if any(principal.name == f"key:{key}" for principal in principals)
        ]
        for name in gone:
            del self._remembered[name]
        # What is being looked up may have been seen before the revocation: nobody else joins it,
        # and it is not remembered.
        self._under_way.clear()
        self._revocations += 1

    async def _verify(self, header: str, name: bytes) -> Principals:
        key, secret = _parse(header)
        revocations = self._revocations
        if self._identities is not None and not key and looks_like_identity_token(secret):
            principals = await self._identities.principals(secret)
        else:
            principals = self._root_principal(key, secret) or await self._of_key(key, secret)
        if revocations == self._revocations:
            self._remember(name, principals)
        return principals

    def _remember(self, name: bytes, principals: Principals) -> None:
        """For a moment, and not beyond the time at which one of them expires."""
        monotonic, now = self._monotonic(), self._clock()
        left = [each.expires_at - now for each in principals if each.expires_at is not None]
        self._remembered[name] = (principals, monotonic + min([REMEMBERED_SECONDS, *left]))
        self._remembered.move_to_end(name)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    def _verified(self, name: bytes, task: "asyncio.Task[Principals]") -> None:
        if self._under_way.get(name) is task:
            del self._under_way[name]

    def _root_principal(self, key: str, secret: str) -> Principals | None:
        root = self._root
        if root is None:
            return None
        good = same(key, root.key) & same(secret, root.secret)
        return (ROOT,) if good else None

    async def _of_key(self, key: str, unverified_secret: str) -> Principals:
        if name_in(unverified_secret) != key:
            raise _wrong()
        grant = await self._grants.find(key)
        # Looked up and compared in any case, so that the time tells nothing.
        if not same(digest(unverified_secret), grant.digest if grant else digest("")) or not grant:
            raise _wrong()
        now = int(self._clock())
        if grant.expires_at is not None and grant.expires_at <= now:
            raise Unauthenticated("This key has expired. Have a new one made.")
        self._note_use(grant, now)
        return (grant.principal(),)

    def _note_use(self, grant: ApiKey, now: int) -> None:
        """To the hour, and nobody waits for it."""
        if grant.last_used_at is None or now - grant.last_used_at >= HOUR:
            task = asyncio.create_task(self._grants.used(grant, now - now % HOUR))
            self._noting.add(task)
            task.add_done_callback(self._noted)

    def _noted(self, task: "asyncio.Task[None]") -> None:
        self._noting.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.info("when a key was last used could not be noted (%s)", task.exception())


def _parse(header: str) -> tuple[str, str]:
    """Key and secret, or `Unauthenticated`. A bearer string holds both."""
    scheme, _, rest = header.partition(" ")
    text = rest.strip()
    if scheme.lower() == "bearer":
        if ":" not in text:
            return name_in(text) or "", text
    elif scheme.lower() == "basic":
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _wrong() from None
    else:
        raise _wrong()
    key, _, secret = text.partition(":")
    return key, secret


def _name(header: str) -> bytes:
    """What credentials are remembered by: not by themselves."""
    return sha256(header.encode("utf-8", "surrogateescape")).digest()


def _wrong() -> Unauthenticated:
    return Unauthenticated(
        "These credentials are not valid: mistyped, revoked, or never given. Send an API key as "
        "`Authorization: Bearer KEY`."
    )


_ANYBODY: Principals = (ANYBODY,)
