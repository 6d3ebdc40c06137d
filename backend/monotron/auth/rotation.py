"""The rotation of API keys: a new secret with the same rights, while the old one still works."""

import time
from collections.abc import Callable
from dataclasses import replace

from monotron.auth.api_keys import ApiKey, ApiKeys, creator_revoked
from monotron.auth.events import RecordedChanges, event_body
from monotron.auth.key_format import digest, new_key
from monotron.auth.principal import Principal, check_creators
from monotron.errors import StoreUnavailable
from monotron.model.timestamps import rfc3339
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from monotron.store.auth_interface import RecordChange

MAX_OVERLAP_SECONDS = 365 * 24 * 3600

MAX_ATTEMPTS = 20
"""Attempts to replace an API key whose last use is being recorded."""


class Rotation:
    """Replaces API keys. Without an overlap, this process rejects the old one immediately."""

    def __init__(
        self,
        store: Store,
        api_keys: ApiKeys,
        executor: StoreExecutor,
        forget: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """*forget* removes an API key from the cache of authentications."""
        self._recorded = RecordedChanges(store, executor)
        self._api_keys = api_keys
        self._forget = forget
        self._clock = clock

    async def rotate(
        self, by: Principal, account: int, key: str, overlap_seconds: int
    ) -> tuple[ApiKey, str, ApiKey]:
        """Create a successor of the API key, which expires after the overlap, but not later than
        before. Returns the new API key, its secret, and the old one.

        Both change in one transaction, if *by* is not revoked. Raises Unauthenticated if it is,
        GrantNotFound like `ApiKeys.of_account`, and QuotaExceeded.
        """
        async with self._api_keys.quota.of(account):
            for _ in range(MAX_ATTEMPTS):
                required = await self._required(by, key)
                old = await self._api_keys.of_account(by, account, key)
                new, secret = await self._successor(by, old)
                expiring = self._expiring(old, overlap_seconds)
                changes = [
                    RecordChange("api_key", None, new.row()),
                    RecordChange("api_key", old.row(), expiring.row()),
                    *required,
                ]
                if await self._recorded.change(changes, _event(by, new, expiring)):
                    break
            else:
                raise StoreUnavailable(f"API key {key} is being changed. Repeat the request.")
        self._forget(key)
        return new, secret, expiring

    async def _required(self, by: Principal, rotated: str) -> list[RecordChange]:
        """The condition that *by* is not revoked meanwhile. Raises Unauthenticated if it already
        is. The change of the API key *rotated* contains its own condition."""
        prefix, _, key = by.name.partition(":")
        if prefix != "key":
            return []
        caller = await self._api_keys.find(key)
        if caller is None:
            raise creator_revoked()
        return [] if key == rotated else [RecordChange("api_key", caller.row(), caller.row())]

    async def _successor(self, by: Principal, old: ApiKey) -> tuple[ApiKey, str]:
        creators = _creators(by, old)
        now = int(self._clock())
        key, secret = new_key()
        new = replace(
            old,
            id=await self._api_keys.next_id(by, old.account),
            key=key,
            digest=digest(secret),
            created_at=now,
            creators=creators,
            expires_at=None if old.lifetime_seconds is None else now + old.lifetime_seconds,
            last_used_at=None,
        )
        return new, secret

    def _expiring(self, old: ApiKey, overlap_seconds: int) -> ApiKey:
        end = int(self._clock()) + overlap_seconds
        return replace(old, expires_at=end if old.expires_at is None else min(end, old.expires_at))


def _creators(by: Principal, old: ApiKey) -> tuple[str, ...]:
    """Those of the old API key and of the caller: revoking any with its descendants removes it."""
    own = by.lineage
    creators = (*(each for each in old.creators if each not in own), *own)
    check_creators(creators)
    return creators


def _event(by: Principal, new: ApiKey, old: ApiKey) -> dict[str, object]:
    expires_at = None if old.expires_at is None else rfc3339(old.expires_at)
    return event_body(
        by,
        "rotate",
        "api_key",
        new.key,
        new.granted(),
        replaces={"key": old.key, "expires_at": expires_at},
    )
