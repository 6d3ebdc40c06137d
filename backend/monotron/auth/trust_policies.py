"""Trust policies: which CI jobs may authenticate without a secret, in which account."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import Any

from monotron.auth.account_locks import AccountLocks
from monotron.auth.api_keys import ApiKeys, creator_revoked
from monotron.auth.events import RecordedChanges, event_body
from monotron.auth.oidc import Issuer
from monotron.auth.policy_matcher import PolicyMatcher
from monotron.auth.principal import Principal
from monotron.auth.quota import Quota
from monotron.auth.scopes import parse_scopes
from monotron.auth.trust_schema import (
    TrustPolicy,
    id_of,
    parse_trust_policy,
    shown_body,
    stored_trust_policy,
)
from monotron.errors import TrustNotFound
from monotron.model.name_patterns import NamePatterns
from monotron.model.series import SYSTEM_ACCOUNT, Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of, visible_rows
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord


class TrustPolicies:
    """The trust policies of all accounts, from the config file and from the store."""

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        api_keys: ApiKeys,
        issuers: Sequence[Issuer] = (),
        configured: Sequence[TrustPolicy] = (),
        *,
        quota: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*quota* is the maximum number of trust policies in the store per account."""
        self._records = store.auth_records
        self._recorded = RecordedChanges(store, executor)
        self._series = series
        self._executor = executor
        self._api_keys = api_keys
        self._issuers = issuers
        self._configured = configured
        self._quota = Quota("trust", quota, store, executor)
        self._creations = AccountLocks()
        self.matcher = PolicyMatcher(store, executor, issuers, configured, monotonic=monotonic)

    async def create(self, by: Principal, account: int, body: object) -> tuple[TrustPolicy, bool]:
        """Create a trust policy, unless *by* has created the same one in the account.

        Returns the trust policy, and whether it existed. The order of scopes, names and values does
        not matter. A trust policy of another creator is not returned, because it is deleted with
        its creator's API key. Servers that create equal trust policies at the same moment can
        create both. Raises QuotaExceeded if the account has the maximum number, and Forbidden if
        the trust policy would have more permissions than *by*.
        """
        policy = parse_trust_policy(body, account, self._issuers)
        by.require_grant(policy.scopes, policy.names)
        async with self._creations.of(account):
            existing = await self._executor.run(self._equal, replace(policy, creators=by.lineage))
            policy = existing or await self._create(by, policy)
        if not await self._api_keys.still_exists(by):
            if existing is None:
                with suppress(TrustNotFound):  # deleted with the other descendants of *by*
                    await self.delete(by, account, policy.id or 0)
            raise creator_revoked()
        return policy, existing is not None

    async def _create(self, by: Principal, policy: TrustPolicy) -> TrustPolicy:
        account = policy.account
        async with self._quota.of(account):
            await self.matcher.mark(account)
            ids = SeriesKey(SYSTEM_ACCOUNT, f"trusts/{account}")
            allocation = await self._series.next(ids, token_hex(16), Reuse.ANY, by.name)
            id = allocation.entry.value
            policy = replace(policy, id=id, creators=by.lineage)
            row = AuthRecord(_row_name(account, id), account, policy.stored_body())
            event = event_body(by, "create", "trust", str(id), policy.body())
            await self._recorded.add("trust", row, event)
        self.matcher.forget(account)
        return policy

    def _equal(self, policy: TrustPolicy) -> TrustPolicy | None:
        """The stored trust policy of the account with the same creators and effect, or None."""
        body = _canonical(policy.stored_body())
        for row in self._records.page("trust", policy.account, "", sys.maxsize):
            if _canonical(row.body) == body:
                stored = stored_trust_policy(row.body, row.account, self._issuers)
                return replace(stored, id=id_of(row))
        return None

    async def page(
        self, by: Principal, account: int, after: int, limit: int
    ) -> tuple[list[tuple[int | None, dict[str, Any]]], int | None]:
        """Ids and bodies, and the *after* of the next page.

        The first page starts with the trust policies of the config file. It omits trust policies
        whose rights *by* could not have granted.
        """
        read = self._visible(by, account, _row_name(account, after))
        rows, next_after = await self._executor.run(page_of, read, limit, id_of)
        policies: list[tuple[int | None, dict[str, Any]]] = []
        if after == 0:
            policies += [
                (None, {**each.body(), "created_by": None})
                for each in self._configured
                if each.account == account and by.may_grant(each.scopes, each.names)
            ]
        policies += [(id_of(row), shown_body(row.body)) for row in rows]
        return policies, next_after

    async def of_account(self, by: Principal, account: int, id: int) -> dict[str, Any]:
        """The body of a trust policy. Raises TrustNotFound unless the account has it.

        Raises the same error if *by* could not have granted its rights.
        """
        return shown_body((await self._find(by, account, id)).body)

    async def delete(self, by: Principal, account: int, id: int) -> None:
        """Delete a trust policy. Raises the errors of `of_account`."""
        if not await self.remove(by, await self._find(by, account, id)):
            raise _not_found(account, id)

    async def remove(self, by: Principal, row: AuthRecord) -> bool:
        """Delete a trust policy. Returns False if it was already deleted."""
        granted = {name: row.body[name] for name in row.body if name != "creators"}
        event = event_body(by, "delete", "trust", str(id_of(row)), granted)
        removed = await self._recorded.remove("trust", row, event)
        self.matcher.forget(row.account)
        return removed

    async def descendants(self, by: Principal, account: int, creator: str) -> list[AuthRecord]:
        """The records of the trust policies that *creator* created, or what it created, and so on.

        It omits those whose rights *by* could not have granted.
        """
        read = self._visible(by, account, "", creator)
        return await self._executor.run(read, sys.maxsize)

    def _visible(
        self, by: Principal, account: int, after: str, creator: str | None = None
    ) -> Callable[[int], list[AuthRecord]]:
        def is_visible(row: AuthRecord) -> bool:
            is_selected = creator is None or creator in row.body["creators"]
            return is_selected and _may_grant(by, row)

        read = partial(self._records.page, "trust", account)
        return visible_rows(read, after, lambda row: row.name, is_visible)

    async def _find(self, by: Principal, account: int, id: int) -> AuthRecord:
        row = await self._executor.run(self._records.find, "trust", _row_name(account, id))
        if row is None or not _may_grant(by, row):
            raise _not_found(account, id)
        return row


def _may_grant(by: Principal, row: AuthRecord) -> bool:
    return by.may_grant(row.body["scopes"], NamePatterns(tuple(row.body["names"])))


def _canonical(body: Mapping[str, Any]) -> str:
    """A text that is equal for bodies with equal creators and effect."""
    claims = {name: _sorted(values) for name, values in body["claims"].items()}
    lists = {name: _sorted(body[name]) for name in ("names", "allow_events") if name in body}
    scopes = sorted(parse_scopes(body["scopes"]))
    # In Python, `True == 1` would make more bodies equal.
    return json.dumps({**body, **lists, "claims": claims, "scopes": scopes}, sort_keys=True)


def _sorted(values: object) -> object:
    return sorted(map(json.dumps, values)) if isinstance(values, list) else values


def _row_name(account: int, id: int) -> str:
    return f"{account:019d}/{id:019d}"


def _not_found(account: int, id: int) -> TrustNotFound:
    return TrustNotFound(
        f"Account {account} has no trust policy {id} that these credentials can see. It is "
        "unknown or deleted, or has rights that they lack. List trust policies with "
        f"`GET /v1/accounts/{account}/trusts`. Trust policies from the config file have no id and "
        "cannot be deleted here."
    )
