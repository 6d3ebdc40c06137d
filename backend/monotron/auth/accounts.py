"""Accounts: create, name, disable, check and list them."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from monotron.auth.events import RecordedChanges, event_body
from monotron.auth.fresh_cache import FreshCache
from monotron.auth.principal import Principal
from monotron.errors import (
    AccountNameTaken,
    InvalidRequest,
    PathNotFound,
    StoreUnavailable,
    ValueWouldFall,
    literal,
)
from monotron.model.account_names import ACCOUNT_NAME_RULE, is_account_name
from monotron.model.series import FIRST_ACCOUNT, SYSTEM_ACCOUNT, Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord, RecordChange

CACHE_SECONDS = 2.0
"""The maximum age of an account that was read for authentication. The `Authenticator` keeps its
results in addition."""

MAX_CACHED = 10_000

MAX_ATTEMPTS = 20
"""Attempts to change an account that others are changing."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as stored."""

    id: int
    name: str | None = None
    is_disabled: bool = False

    def row(self) -> AuthRecord:
        """The record to store; `Account.of` reads it."""
        return AuthRecord(f"{self.id:019d}", self.id, self.body())

    def body(self) -> dict[str, Any]:
        """Its changeable members, for the record and for events."""
        return {"name": self.name, "disabled": self.is_disabled}

    @classmethod
    def of(cls, row: AuthRecord) -> "Account":
        """The account of a stored record."""
        return cls(row.account, row.body.get("name"), row.body.get("disabled", False))


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The requested changes of an account. None leaves a member as it is."""

    name: str | None = None
    is_disabled: bool | None = None

    def of(self, account: Account) -> Account:
        """The account after the change."""
        if self.name is not None:
            account = replace(account, name=self.name)
        if self.is_disabled is not None:
            account = replace(account, is_disabled=self.is_disabled)
        return account


class Accounts:
    """The accounts of a store. Their ids are the values of a series of the system account.

    The first account exists in every store. It has a record as soon as it was changed.
    """

    _SERIES = SeriesKey(SYSTEM_ACCOUNT, "accounts")

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = store.auth_records
        self._recorded = RecordedChanges(store, executor)
        self._series = series
        self._executor = executor
        self._existing = {FIRST_ACCOUNT}
        self._recent: FreshCache[int, Account] = FreshCache(
            self.get, max_entries=MAX_CACHED, seconds=CACHE_SECONDS, monotonic=monotonic
        )

    async def create(self, by: Principal, name: str | None = None) -> Account:
        """Create an account. Raises AccountNameTaken if another one has the name."""
        if name is not None and await self.named(name) is not None:
            raise _name_taken(name)  # before an id is assigned
        with suppress(ValueWouldFall):  # another account was created before
            await self._series.advance_to(self._SERIES, FIRST_ACCOUNT, by.name)
        allocation = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        account = Account(allocation.entry.value, name)
        changes = [RecordChange("account", None, account.row()), *_name_changes(None, account)]
        event = event_body(by, "create", "account", str(account.id), after=account.body())
        if not await self._recorded.change(changes, event):
            raise _name_taken(name or "")
        return account

    async def change(self, by: Principal, id: int, change: AccountChange) -> Account:
        """Change an account. Raises AccountNameTaken if another one has the name, PathNotFound if
        it does not exist, and InvalidRequest if it cannot be disabled."""
        if id == FIRST_ACCOUNT and change.is_disabled:
            raise InvalidRequest(
                f"Account {FIRST_ACCOUNT} cannot be disabled. It is the account of the root key, "
                "and of the API keys for audits and backups. Revoke its API keys and trust "
                "policies instead."
            )
        for _ in range(MAX_ATTEMPTS):
            row = await self._find(id)
            before = Account.of(row) if row else Account(id)
            if row is None and id != FIRST_ACCOUNT:
                raise _not_found(id)
            after = change.of(before)
            if after == before:
                return after
            changes = [RecordChange("account", row, after.row())]
            if after.name != before.name:
                await self._require_free_name(after.name or "")
                changes += _name_changes(before, after)
            event = event_body(
                by, "update", "account", str(id), before=before.body(), after=after.body()
            )
            if await self._recorded.change(changes, event):
                self._recent.forget(id)
                return after
        raise StoreUnavailable(f"Account {id} is being changed by others. Repeat the request.")

    async def exists(self, id: int) -> bool:
        """Whether the account exists."""
        if id not in self._existing:
            if await self._find(id) is None:
                return False
            self._existing.add(id)  # accounts are never deleted
        return True

    async def get(self, id: int) -> Account:
        """The account. Without a record it has no name, and is not disabled."""
        row = await self._find(id)
        return Account.of(row) if row else Account(id)

    async def is_disabled(self, id: int) -> bool:
        """Whether the account is disabled, as of at most `CACHE_SECONDS` ago."""
        return (await self._recent.get(id)).is_disabled

    async def named(self, name: str) -> Account | None:
        """The account with this name, or None."""
        row = await self._executor.run(self._records.find, "account_name", name)
        if row is None:
            return None
        account = await self.get(row.account)
        return account if account.name == name else None  # it may have been renamed meanwhile

    async def page(self, after: int, limit: int) -> tuple[list[Account], int | None]:
        """Accounts with ids greater than *after* in order, and the *after* of the next page."""

        def read(count: int) -> list[Account]:
            rows = self._records.page("account", None, Account(max(after, 0)).row().name, count)
            accounts = [Account.of(row) for row in rows]
            has_first = any(account.id == FIRST_ACCOUNT for account in accounts)
            if after < FIRST_ACCOUNT and not has_first:
                return [Account(FIRST_ACCOUNT), *accounts]
            return accounts

        return await self._executor.run(page_of, read, limit, lambda account: account.id)

    async def _find(self, id: int) -> AuthRecord | None:
        return await self._executor.run(self._records.find, "account", Account(id).row().name)

    async def _require_free_name(self, name: str) -> None:
        if await self._executor.run(self._records.find, "account_name", name) is not None:
            raise _name_taken(name)


def parse_account_name(value: object) -> str:
    """A valid name of an account. Raises InvalidRequest."""
    if not isinstance(value, str) or not is_account_name(value):
        raise InvalidRequest(f"`name` must have {ACCOUNT_NAME_RULE}.")
    return value


def parse_new_account(body: dict[str, Any]) -> str | None:
    """The name in the body of a request for a new account. Raises InvalidRequest."""
    _check_members(body, "name")
    return parse_account_name(body["name"]) if "name" in body else None


def parse_account_change(body: dict[str, Any]) -> AccountChange:
    """The body of a request that changes an account. Raises InvalidRequest."""
    _check_members(body, "name", "disabled")
    if not body:
        raise InvalidRequest("The body changes nothing. Send `name` or `disabled`.")
    disabled = body.get("disabled")
    if "disabled" in body and not isinstance(disabled, bool):
        raise InvalidRequest("`disabled` must be `true` or `false`.")
    return AccountChange(parse_account_name(body["name"]) if "name" in body else None, disabled)


def account_json(account: Account) -> dict[str, Any]:
    """The JSON object of an account."""
    return {"id": account.id, **account.body()}


def _check_members(body: dict[str, Any], *allowed: str) -> None:
    for member in body:
        if member not in allowed:
            raise InvalidRequest(
                f"Unknown member {literal(member)} of an account. Allowed: "
                f"{', '.join(f'`{name}`' for name in allowed)}."
            )


def _name_changes(before: Account | None, after: Account) -> list[RecordChange]:
    """The changes that reserve the new name, and release the former one."""
    changes = []
    if before is not None and before.name is not None:
        row = AuthRecord(before.name, before.id, {})
        changes.append(RecordChange("account_name", row, None))
    if after.name is not None:
        row = AuthRecord(after.name, after.id, {})
        changes.append(RecordChange("account_name", None, row))
    return changes


def _name_taken(name: str) -> AccountNameTaken:
    return AccountNameTaken(
        f"Another account has the name {name!r}. Use another name, or rename that account first."
    )


def _not_found(id: int) -> PathNotFound:
    return PathNotFound(f"Account {id} does not exist. List accounts with `GET /v1/accounts`.")
