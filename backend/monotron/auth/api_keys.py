"""API keys of accounts: create, find, list and revoke them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from secrets import token_hex
from typing import Any, Literal

from monotron.auth.key_format import digest, new_key
from monotron.auth.principal import FIRST_ACCOUNT, SYSTEM_ACCOUNT, Principal
from monotron.auth.scopes import format_scopes, parse_scopes
from monotron.errors import Forbidden, GrantNotFound, InvalidRequest
from monotron.model.series import Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord

PAGE_SIZE = 1000

DEFAULT_LIFETIME_SECONDS = 365 * 24 * 3600
"""The time until a new API key expires, unless its expiry is requested."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret. Times are in seconds since the epoch, UTC."""

    id: int
    account: int
    key: str
    digest: str = field(repr=False)
    scopes: tuple[str, ...]
    """As given when the key was created: `*:acl` is not expanded."""
    created_at: int
    prefix: str = ""
    description: str | None = None
    expires_at: int | None = None
    last_used_at: int | None = None
    """Rounded down to the hour."""

    def row(self) -> AuthRecord:
        """The record to store; `ApiKey.of` reads it."""
        body = {
            "id": self.id,
            "digest": self.digest,
            "scopes": list(self.scopes),
            "created_at": self.created_at,
            "prefix": self.prefix,
            "description": self.description,
            "expires_at": self.expires_at,
            "last_used_at": self.last_used_at,
        }
        return AuthRecord(self.key, self.account, body)

    @classmethod
    def of(cls, row: AuthRecord) -> "ApiKey":
        """The API key of a stored record."""
        body: dict[str, Any] = {**row.body, "scopes": tuple(row.body["scopes"])}
        return cls(account=row.account, key=row.name, **body)

    def principal(self) -> Principal:
        """The caller that authenticates with this API key."""
        return Principal(
            f"key:{self.key}",
            self.account,
            parse_scopes(self.scopes),
            self.prefix,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True, slots=True)
class ApiKeySpec:
    """The requested properties of a new API key."""

    scopes: tuple[str, ...]
    prefix: str = ""
    description: str | None = None
    expires_at: int | Literal["default"] | None = "default"
    """Seconds since the epoch; None for never; by default after `DEFAULT_LIFETIME_SECONDS`."""


class ApiKeys:
    """The API keys of all accounts."""

    _SERIES = SeriesKey(SYSTEM_ACCOUNT, "grants")

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = store.auth_records
        self._series = series
        self._executor = executor
        self._clock = clock

    async def create(self, by: Principal, account: int, spec: ApiKeySpec) -> tuple[ApiKey, str]:
        """Create an API key, and return it with its secret, which is not stored.

        Raises Forbidden if the API key would have more permissions than *by*.
        """
        now = int(self._clock())
        expires_at = spec.expires_at
        if expires_at == "default":
            expires_at = now + DEFAULT_LIFETIME_SECONDS
        _check_permissions(by, account, spec, expires_at, now)
        allocation = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        name, secret = new_key()
        api_key = ApiKey(
            allocation.entry.value,
            account,
            name,
            digest(secret),
            spec.scopes,
            now,
            spec.prefix,
            spec.description,
            expires_at,
        )
        if not await self._executor.run(self._records.add, "api_key", api_key.row()):
            return await self.create(by, account, spec)  # the random id is already in use
        return api_key, secret

    async def find(self, key: str) -> ApiKey | None:
        """The API key with this id, of any account, or None. Used for authentication only."""
        row = await self._executor.run(self._records.find, "api_key", key)
        return ApiKey.of(row) if row else None

    async def of_account(self, account: int, key: str) -> ApiKey:
        """The API key with this id. Raises GrantNotFound unless the account has it."""
        api_key = await self.find(key)
        if api_key is None or api_key.account != account:
            raise _not_found(account, key)
        return api_key

    async def page(self, account: int, after: str, limit: int) -> tuple[list[ApiKey], str | None]:
        """API keys ordered by id, and the *after* of the next page."""
        read = partial(self._records.page, "api_key", account, after)
        rows, next_after = await self._executor.run(page_of, read, limit, lambda row: row.name)
        return [ApiKey.of(row) for row in rows], next_after

    async def revoke(self, account: int, key: str) -> None:
        """Delete the API key. Raises GrantNotFound unless the account has it."""
        if not await self._executor.run(self._records.remove, "api_key", account, key):
            raise _not_found(account, key)

    async def record_use(self, api_key: ApiKey, at: int) -> None:
        """Store the time of the last use."""
        row = replace(api_key, last_used_at=at).row()
        await self._executor.run(self._records.replace, "api_key", row)

    async def any_valid(self) -> bool:
        """Whether any account has an API key that has not expired."""
        now, after = int(self._clock()), ""
        while True:
            rows = await self._executor.run(self._records.page, "api_key", None, after, PAGE_SIZE)
            api_keys = [ApiKey.of(row) for row in rows]
            if any(each.expires_at is None or each.expires_at > now for each in api_keys):
                return True
            if len(rows) < PAGE_SIZE:
                return False
            after = rows[-1].name


def _check_permissions(
    by: Principal, account: int, spec: ApiKeySpec, expires_at: int | None, now: int
) -> None:
    scopes = parse_scopes(spec.scopes)
    if account != FIRST_ACCOUNT and any(scope.endswith(":system") for scope in scopes):
        raise InvalidRequest(
            f"Only API keys of account {FIRST_ACCOUNT} can have scopes on `system`. They apply to "
            "all accounts. Omit these scopes, or use that account."
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("`expires_at` is in the past. Use a later time, or omit it.")
    if missing := scopes - by.scopes:
        raise Forbidden(
            f"These credentials cannot grant scopes that they do not have: "
            f"{', '.join(format_scopes(missing))}. Request fewer scopes, or use other credentials."
        )
    if not spec.prefix.startswith(by.prefix):
        raise Forbidden(
            f"These credentials may only use names that start with {by.prefix!r}. The `prefix` "
            "of the new API key must start with it, too."
        )


def _not_found(account: int, key: str) -> GrantNotFound:
    return GrantNotFound(
        f"Account {account} has no API key {key[:64]!r}: it is unknown or revoked. List API keys "
        f"with `GET /v1/accounts/{account}/grants`."
    )
