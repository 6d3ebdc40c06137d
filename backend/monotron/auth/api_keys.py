"""API keys of accounts: create, find, list and revoke them."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from secrets import token_hex
from typing import Any, Literal

from monotron.auth.events import RecordedChanges, event_body
from monotron.auth.key_format import digest, new_key
from monotron.auth.principal import Principal
from monotron.auth.quota import Quota
from monotron.auth.scopes import parse_scopes
from monotron.errors import GrantNotFound, InvalidRequest, Unauthenticated
from monotron.model.name_patterns import ALL_NAMES, NamePatterns
from monotron.model.series import FIRST_ACCOUNT, SYSTEM_ACCOUNT, Reuse, SeriesKey
from monotron.model.timestamps import rfc3339
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of, visible_rows
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord, RecordChange

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
    names: NamePatterns
    creators: tuple[str, ...]
    """The principals that led to it: the last one created it, the one before created that one."""
    description: str | None = None
    expires_at: int | None = None
    lifetime_seconds: int | None = None
    """The time until its original expiry; None for never. A rotation changes only `expires_at`."""
    last_used_at: int | None = None
    """Rounded down to the hour."""

    def row(self) -> AuthRecord:
        """The record to store; `ApiKey.of` reads it."""
        body = {
            "id": self.id,
            "digest": self.digest,
            "scopes": list(self.scopes),
            "created_at": self.created_at,
            "names": list(self.names.texts),
            "creators": list(self.creators),
            "description": self.description,
            "expires_at": self.expires_at,
            "lifetime_seconds": self.lifetime_seconds,
            "last_used_at": self.last_used_at,
        }
        return AuthRecord(self.key, self.account, body)

    @classmethod
    def of(cls, row: AuthRecord) -> "ApiKey":
        """The API key of a stored record."""
        body: dict[str, Any] = {
            **row.body,
            "scopes": tuple(row.body["scopes"]),
            "names": NamePatterns(tuple(row.body["names"])),
            "creators": tuple(row.body["creators"]),
        }
        return cls(account=row.account, key=row.name, **body)

    def principal(self) -> Principal:
        """The caller that authenticates with this API key."""
        return Principal(
            self.principal_name,
            self.account,
            parse_scopes(self.scopes),
            self.names,
            expires_at=self.expires_at,
            creators=self.creators,
        )

    @property
    def principal_name(self) -> str:
        """The name of the caller that authenticates with this API key."""
        return principal_name(self.key)

    def granted(self) -> dict[str, Any]:
        """Its rights, for an event."""
        expires_at = None if self.expires_at is None else rfc3339(self.expires_at)
        return {
            "scopes": list(self.scopes),
            "names": list(self.names.texts),
            "expires_at": expires_at,
        }


def principal_name(key: str) -> str:
    """The name of the principal of an API key."""
    return f"key:{key}"


@dataclass(frozen=True, slots=True)
class ApiKeySpec:
    """The requested properties of a new API key."""

    scopes: tuple[str, ...]
    names: NamePatterns = ALL_NAMES
    description: str | None = None
    expires_at: int | Literal["default"] | None = "default"
    """Seconds since the epoch; None for never; by default after `DEFAULT_LIFETIME_SECONDS`."""


class ApiKeys:
    """The API keys of all accounts. Their ids are the values of a series for each account."""

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        *,
        quota: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """*quota* is the maximum number of API keys per account."""
        self.quota = Quota("api_key", quota, store, executor)
        self._records = store.auth_records
        self._recorded = RecordedChanges(store, executor)
        self._series = series
        self._executor = executor
        self._clock = clock

    async def create(self, by: Principal, account: int, spec: ApiKeySpec) -> tuple[ApiKey, str]:
        """Create an API key, and return it with its secret, which is not stored.

        Raises Forbidden if the API key would have more permissions than *by*, and QuotaExceeded
        if the account has the maximum number.
        """
        now = int(self._clock())
        expires_at = spec.expires_at
        if expires_at == "default":
            expires_at = now + DEFAULT_LIFETIME_SECONDS
        _check_spec(account, spec.scopes, expires_at, now)
        by.require_grant(spec.scopes, spec.names)
        async with self.quota.of(account):
            return await self._create(by, account, spec, expires_at)

    async def _create(
        self, by: Principal, account: int, spec: ApiKeySpec, expires_at: int | None
    ) -> tuple[ApiKey, str]:
        name, secret = new_key()
        now = int(self._clock())
        api_key = ApiKey(
            await self.next_id(by, account),
            account,
            name,
            digest(secret),
            spec.scopes,
            now,
            spec.names,
            by.lineage,
            spec.description,
            expires_at,
            None if expires_at is None else expires_at - now,
        )
        event = event_body(by, "create", "api_key", name, api_key.granted())
        if not await self._recorded.add("api_key", api_key.row(), event):
            # The random id is already in use.
            return await self._create(by, account, spec, expires_at)
        if not await self.still_exists(by):
            await self.delete(by, api_key)
            raise creator_revoked()
        return api_key, secret

    async def next_id(self, by: Principal, account: int) -> int:
        """The number of the next API key of the account."""
        ids = SeriesKey(SYSTEM_ACCOUNT, f"grants/{account}")
        allocation = await self._series.next(ids, token_hex(16), Reuse.ANY, by.name)
        return allocation.entry.value

    async def still_exists(self, by: Principal) -> bool:
        """Whether *by* is not an API key, or was not revoked.

        If it is checked after a record was added, a revocation with descendants cannot miss it.
        """
        prefix, _, key = by.name.partition(":")
        return prefix != "key" or await self.find(key) is not None

    async def find(self, key: str) -> ApiKey | None:
        """The API key with this id, of any account, or None. Used for authentication only."""
        row = await self._executor.run(self._records.find, "api_key", key)
        return ApiKey.of(row) if row else None

    async def of_account(self, by: Principal, account: int, key: str) -> ApiKey:
        """The API key with this id. Raises GrantNotFound unless the account has it.

        Raises the same error if *by* could not have granted its rights.
        """
        api_key = await self.find(key)
        if (
            api_key is None
            or api_key.account != account
            or not by.may_grant(api_key.scopes, api_key.names)
        ):
            raise _not_found(account, key)
        return api_key

    async def page(
        self, by: Principal, account: int, after: str, limit: int
    ) -> tuple[list[ApiKey], str | None]:
        """API keys ordered by id, and the *after* of the next page.

        It omits API keys whose rights *by* could not have granted.
        """
        read = self._visible(by, account, after)
        rows, next_after = await self._executor.run(page_of, read, limit, lambda row: row.name)
        return [ApiKey.of(row) for row in rows], next_after

    async def descendants(self, by: Principal, account: int, creator: str) -> list[ApiKey]:
        """API keys that the principal *creator* created, or what it created, and so on.

        It omits API keys whose rights *by* could not have granted.
        """
        read = self._visible(by, account, "", creator)
        return [ApiKey.of(row) for row in await self._executor.run(read, sys.maxsize)]

    def _visible(
        self, by: Principal, account: int, after: str, creator: str | None = None
    ) -> Callable[[int], list[AuthRecord]]:
        def is_visible(row: AuthRecord) -> bool:
            api_key = ApiKey.of(row)
            is_selected = creator is None or creator in api_key.creators
            return is_selected and by.may_grant(api_key.scopes, api_key.names)

        read = partial(self._records.page, "api_key", account)
        return visible_rows(read, after, lambda row: row.name, is_visible)

    async def delete(self, by: Principal, api_key: ApiKey) -> bool:
        """Revoke an API key. Returns False if it was already revoked."""
        event = event_body(by, "delete", "api_key", api_key.key, api_key.granted())
        return await self._recorded.remove("api_key", api_key.row(), event)

    async def revoke(self, by: Principal, account: int, key: str) -> None:
        """Revoke the API key. Raises the errors of `of_account`."""
        if not await self.delete(by, await self.of_account(by, account, key)):
            raise _not_found(account, key)

    async def record_use(self, api_key: ApiKey, at: int) -> None:
        """Store the time of the last use, unless the API key was changed meanwhile."""
        used = replace(api_key, last_used_at=at)
        change = RecordChange("api_key", api_key.row(), used.row())
        await self._executor.run(self._records.change, [change])

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


def _check_spec(account: int, scope_texts: Sequence[str], expires_at: int | None, now: int) -> None:
    scopes = parse_scopes(scope_texts)
    if account != FIRST_ACCOUNT and any(scope.endswith(":system") for scope in scopes):
        raise InvalidRequest(
            f"Only API keys of account {FIRST_ACCOUNT} can have scopes on `system`. They apply to "
            "all accounts. Omit these scopes, or use that account."
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("`expires_at` is in the past. Use a later time, or omit it.")


def creator_revoked() -> Unauthenticated:
    """The error of a request whose API key was revoked while it created something."""
    return Unauthenticated(
        "This API key was revoked during the request. Nothing was created. Use other credentials."
    )


def _not_found(account: int, key: str) -> GrantNotFound:
    return GrantNotFound(
        f"Account {account} has no API key {key[:64]!r} that these credentials can see. It is "
        "unknown or revoked, or has rights that they lack. List API keys with "
        f"`GET /v1/accounts/{account}/grants`."
    )
