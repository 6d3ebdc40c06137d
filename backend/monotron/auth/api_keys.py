"""Accounts and their keys: made, listed, revoked."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Any

from monotron.auth.key_format import digest, new_key
from monotron.auth.principal import FIRST_ACCOUNT, SYSTEM_ACCOUNT, Principal
from monotron.auth.scopes import parse_scopes, spell
from monotron.errors import Forbidden, GrantNotFound, InvalidRequest, ValueWouldFall
from monotron.model.series import Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.interface import AuthRecord


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of an account, without its secret. Times in seconds since the epoch, UTC."""

    id: int
    account: int
    key: str
    digest: str = field(repr=False)
    scopes: frozenset[str]
    created_at: int
    prefix: str = ""
    label: str | None = None
    expires_at: int | None = None
    last_used_at: int | None = None
    """To the hour."""

    def row(self) -> AuthRecord:
        body = {
            "id": self.id,
            "digest": self.digest,
            "scopes": spell(self.scopes),
            "created_at": self.created_at,
            "prefix": self.prefix,
            "label": self.label,
            "expires_at": self.expires_at,
            "last_used_at": self.last_used_at,
        }
        return AuthRecord(self.key, self.account, body)

    @classmethod
    def of(cls, row: AuthRecord) -> "ApiKey":
        body: dict[str, Any] = {**row.body, "scopes": parse_scopes(row.body["scopes"])}
        return cls(account=row.account, key=row.name, **body)

    def principal(self) -> Principal:
        return Principal(
            f"key:{self.key}", self.account, self.scopes, self.prefix, expires_at=self.expires_at
        )


@dataclass(frozen=True, slots=True)
class ApiKeySpec:
    """What a new key should allow, and until when."""

    scopes: frozenset[str]
    prefix: str = ""
    label: str | None = None
    expires_at: int | None = None


class Accounts:
    """The tenants. Their ids are given by Monotron's own counting."""

    _SERIES = SeriesKey(SYSTEM_ACCOUNT, "accounts")

    def __init__(self, store: Store, series: SeriesService, executor: StoreExecutor) -> None:
        self._store = store
        self._series = series
        self._executor = executor
        self._known = {FIRST_ACCOUNT}

    async def create(self, by: Principal) -> int:
        """A new account's id."""
        with suppress(ValueWouldFall):  # it is not the first one
            await self._series.advance_to(self._SERIES, FIRST_ACCOUNT, by.name)
        given = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        account = given.entry.value
        await self._executor.run(self._store.register.add, "account", _account_row(account))
        return account

    async def exists(self, account: int) -> bool:
        if account not in self._known:
            register = self._store.register
            found = await self._executor.run(register.find, "account", _account_row(account).name)
            if found is None:
                return False
            self._known.add(account)  # accounts stay
        return True

    async def page(self, after: int, limit: int) -> tuple[list[int], int | None]:
        """Ids beyond *after*, in order, and what to pass as *after* for the next page."""
        rows = await self._executor.run(
            self._store.register.page, "account", None, _account_row(after).name, limit + 1
        )
        ids = [row.account for row in rows]
        if after < FIRST_ACCOUNT:
            ids.insert(0, FIRST_ACCOUNT)  # it was there from the start
        more = len(ids) > limit
        ids = ids[:limit]
        return ids, ids[-1] if more else None


class ApiKeys:
    """The keys of accounts."""

    _SERIES = SeriesKey(SYSTEM_ACCOUNT, "grants")

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._register = store.register
        self._series = series
        self._executor = executor
        self._clock = clock

    async def create(self, by: Principal, account: int, wanted: ApiKeySpec) -> tuple[ApiKey, str]:
        """A new key, and its secret, which is not kept. It allows no more than *by* has."""
        _check(by, account, wanted, int(self._clock()))
        given = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        name, secret = new_key()
        grant = ApiKey(
            given.entry.value,
            account,
            name,
            digest(secret),
            wanted.scopes,
            int(self._clock()),
            wanted.prefix,
            wanted.label,
            wanted.expires_at,
        )
        if not await self._executor.run(self._register.add, "grant", grant.row()):
            return await self.create(by, account, wanted)  # 8 characters came up a second time
        return grant, secret

    async def find(self, key: str) -> ApiKey | None:
        """The key of this name, whoever's it is. For signing in."""
        row = await self._executor.run(self._register.find, "grant", key)
        return ApiKey.of(row) if row else None

    async def of_account(self, account: int, key: str) -> ApiKey:
        grant = await self.find(key)
        if grant is None or grant.account != account:
            raise _not_found(key)
        return grant

    async def page(self, account: int, after: str, limit: int) -> tuple[list[ApiKey], str | None]:
        """Keys in order of name, and what to pass as *after* for the next page."""
        rows = await self._executor.run(self._register.page, "grant", account, after, limit + 1)
        more = len(rows) > limit
        grants = [ApiKey.of(row) for row in rows[:limit]]
        return grants, grants[-1].key if more else None

    async def revoke(self, account: int, key: str) -> None:
        if not await self._executor.run(self._register.remove, "grant", account, key):
            raise _not_found(key)

    async def used(self, grant: ApiKey, at: int) -> None:
        """Note when the key was last used."""
        row = replace(grant, last_used_at=at).row()
        await self._executor.run(self._register.replace, "grant", row)

    async def any(self) -> bool:
        """Whether there is any key at all."""
        return bool(await self._executor.run(self._register.page, "grant", None, "", 1))


def _check(by: Principal, account: int, wanted: ApiKeySpec, now: int) -> None:
    if not wanted.scopes:
        raise InvalidRequest("A key needs at least one scope, for example read,write:series.")
    if account != FIRST_ACCOUNT and any(scope.endswith(":system") for scope in wanted.scopes):
        raise InvalidRequest(
            f"The scopes on system reach all accounts, so only keys of account {FIRST_ACCOUNT} can "
            "have them."
        )
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidRequest("`expires_at` lies in the past. Name a time to come, or none.")
    missing = wanted.scopes - by.scopes
    if missing:
        raise Forbidden(
            f"These credentials cannot grant {', '.join(spell(missing))}, which they do not have."
        )
    if not wanted.prefix.startswith(by.prefix):
        raise Forbidden(
            f"These credentials are for names that begin with {by.prefix!r}, so the new key's "
            "`prefix` must begin so too."
        )
    if by.expires_at is not None and (wanted.expires_at or by.expires_at + 1) > by.expires_at:
        raise Forbidden(
            "These credentials expire, so the new key must have an `expires_at` no later than "
            "theirs."
        )


def _account_row(account: int) -> AuthRecord:
    return AuthRecord(f"{account:019d}", account, {})


def _not_found(key: str) -> GrantNotFound:
    return GrantNotFound(
        f"The account has no key {key[:64]!r}: it was never made, or it was revoked. "
        "GET …/grants lists the keys."
    )
