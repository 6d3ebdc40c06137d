"""Trust policies: which CI jobs may authenticate without a secret, in which account."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import Any

from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.fresh_cache import FreshCache
from monotron.auth.oidc import (
    LEEWAY_SECONDS,
    Distance,
    Identity,
    Issuer,
    Mismatch,
    describe,
    quoted,
)
from monotron.auth.policy_index import PolicyIndex
from monotron.auth.principal import SYSTEM_ACCOUNT, Principal
from monotron.auth.quota import Quota
from monotron.auth.scopes import format_scopes, parse_scopes
from monotron.auth.trust_schema import TrustPolicy, parse_trust_policy
from monotron.errors import Forbidden, MonotronError, TrustNotFound, Unauthenticated
from monotron.model.series import Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord

CACHE_SECONDS = 2.0
"""The maximum age of trust policies that were read from the store. The `Authenticator` keeps its
results in addition."""

PAGE_SIZE = 250
"""The number of trust policies that are parsed without a pause."""

MAX_CACHED_ACCOUNTS = 1000
MAX_PARSED = 20_000


class TrustPolicies:
    """The trust policies of all accounts, from the config file and from the store."""

    _SERIES = SeriesKey(SYSTEM_ACCOUNT, "trusts")

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        issuers: Sequence[Issuer] = (),
        configured: Sequence[TrustPolicy] = (),
        *,
        quota: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*quota* is the maximum number of trust policies in the store per account."""
        self._records = store.auth_records
        self._series = series
        self._executor = executor
        self._issuers = issuers
        self._configured = configured
        self._quota = Quota("trust", quota, store, executor)
        self._parsed: BoundedCache[str, tuple[AuthRecord, TrustPolicy | None]] = BoundedCache(
            MAX_PARSED, monotonic=monotonic
        )
        self._indexes: FreshCache[int, PolicyIndex] = FreshCache(
            self._load_index,
            max_entries=MAX_CACHED_ACCOUNTS,
            seconds=CACHE_SECONDS,
            monotonic=monotonic,
        )
        self._accounts: FreshCache[None, tuple[int, ...]] = FreshCache(
            self._load_accounts, max_entries=1, seconds=CACHE_SECONDS, monotonic=monotonic
        )

    async def create(self, by: Principal, account: int, body: object) -> TrustPolicy:
        """Create a trust policy. Raises QuotaExceeded if the account has the maximum number, and
        Forbidden if the trust policy would have more permissions than *by*."""
        policy = parse_trust_policy(body, account, self._issuers)
        _check_permissions(by, policy)
        async with self._quota.of(account):
            await self._mark(account)
            allocation = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
            id = allocation.entry.value
            await self._executor.run(
                self._records.add, "trust", AuthRecord(_row_name(id), account, policy.body())
            )
        self._indexes.forget(account)
        return replace(policy, id=id)

    async def mark_configured(self) -> None:
        """Record which accounts have trust policies in the config file (see `accounts`)."""
        for account in {policy.account for policy in self._configured}:
            await self._mark(account)

    async def page(
        self, account: int, after: int, limit: int
    ) -> tuple[list[tuple[int | None, dict[str, Any]]], int | None]:
        """Ids and bodies, and the *after* of the next page.

        The first page starts with the trust policies of the config file.
        """
        read = partial(self._records.page, "trust", account, _row_name(after))
        rows, next_after = await self._executor.run(page_of, read, limit, lambda row: int(row.name))
        policies: list[tuple[int | None, dict[str, Any]]] = []
        if after == 0:
            policies += [
                (None, each.body()) for each in self._configured if each.account == account
            ]
        policies += [(int(row.name), row.body) for row in rows]
        return policies, next_after

    async def of_account(self, account: int, id: int) -> dict[str, Any]:
        """The body of a trust policy. Raises TrustNotFound unless the account has it."""
        row = await self._executor.run(self._records.find, "trust", _row_name(id))
        if row is None or row.account != account:
            raise _not_found(account, id)
        return row.body

    async def delete(self, account: int, id: int) -> None:
        """Delete a trust policy. Raises TrustNotFound unless the account has it."""
        if not await self._executor.run(self._records.remove, "trust", account, _row_name(id)):
            raise _not_found(account, id)
        self._indexes.forget(account)

    async def accounts(self) -> tuple[int, ...]:
        """The first two accounts that have, or ever had, trust policies.

        An account that deleted its trust policies counts, because it may be about to replace them.
        Otherwise, its jobs would meanwhile belong to another account that trusts them.
        """
        return await self._accounts.get(None)

    async def principal(self, identity: Identity, account: int) -> Principal:
        """The principal of a CI job in the account. Raises Unauthenticated if no trust policy of
        the account matches.

        The scopes of several matching trust policies are combined if they have the same prefix.
        If they have different prefixes, the first trust policy applies.
        """
        principal: Principal | None = None
        mismatches = []
        for policy in (await self._indexes.get(account)).candidates(identity):
            mismatch = policy.rule.mismatch(identity, policy.description_in_errors)
            if mismatch is not None:
                mismatches.append(mismatch)
                continue
            if principal is not None and principal.prefix != policy.prefix:
                continue
            principal = Principal(
                identity.name,
                account,
                parse_scopes(policy.scopes) | (principal.scopes if principal else frozenset()),
                policy.prefix,
                expires_at=identity.expires_at,
                identity=_identity_id(identity),
                identity_expires_at=identity.expires_at + LEEWAY_SECONDS + 5,
            )
        if principal is None:
            raise Unauthenticated(_reasons(mismatches, identity, account))
        return principal

    async def _mark(self, account: int) -> None:
        """Record permanently that the account has, or had, trust policies."""
        record = AuthRecord(f"{account:019d}", account, {})
        await self._executor.run(self._records.add, "trusting_account", record)
        self._accounts.forget(None)

    async def _load_accounts(self, _: None) -> tuple[int, ...]:
        rows = await self._executor.run(self._records.page, "trusting_account", None, "", 2)
        return tuple(row.account for row in rows)

    async def _load_index(self, account: int) -> PolicyIndex:
        policies = [policy for policy in self._configured if policy.account == account]
        after: str | None = ""
        while after is not None:
            read = partial(self._records.page, "trust", account, after)
            rows, after = await self._executor.run(page_of, read, PAGE_SIZE, lambda row: row.name)
            policies += [policy for row in rows if (policy := self._parse(row)) is not None]
        return PolicyIndex(policies)

    def _parse(self, row: AuthRecord) -> TrustPolicy | None:
        """The trust policy of a record; None if its issuer was removed from the settings."""
        parsed = self._parsed.get(row.name)
        if parsed is not None and parsed[0] == row:
            return parsed[1]
        policy = None
        with suppress(MonotronError):
            policy = parse_trust_policy(row.body, row.account, self._issuers)
            policy = replace(policy, id=int(row.name))
        self._parsed.put(row.name, (row, policy))
        return policy


def _check_permissions(by: Principal, policy: TrustPolicy) -> None:
    if missing := parse_scopes(policy.scopes) - by.scopes:
        raise Forbidden(
            f"These credentials cannot grant scopes that they do not have: "
            f"{', '.join(format_scopes(missing))}. Request fewer scopes, or use other credentials."
        )
    if not policy.prefix.startswith(by.prefix):
        raise Forbidden(
            f"These credentials may only use names that start with {by.prefix!r}. The `prefix` "
            "of the trust must start with it, too."
        )
    if by.expires_at is not None:
        raise Forbidden(
            "The trust would outlive these credentials, which expire. Use credentials that do not "
            "expire."
        )


def _reasons(mismatches: Sequence[Mismatch], identity: Identity, account: int) -> str:
    """Why no trust policy of the account matches.

    Without a trust policy for the ids of the identity, the text reveals nothing about the account.
    """
    mismatches = [mismatch for mismatch in mismatches if mismatch.distance is Distance.CLAIMS]
    if mismatches:
        return describe(mismatches)
    ids = " and ".join(f"`{name}` {quoted(value)}" for name, value in identity.ids.items())
    subject = f"account {account}" if account > 0 else "the account in the path"
    return describe([Mismatch(f"No trust of {subject} exists for {ids or 'this issuer'}")])


def _identity_id(identity: Identity) -> str:
    """The key under which the uses of an identity token are stored."""
    return sha256(f"{identity.issuer} {identity.jti}".encode()).hexdigest()


def _row_name(id: int) -> str:
    return f"{id:019d}"


def _not_found(account: int, id: int) -> TrustNotFound:
    return TrustNotFound(
        f"Account {account} has no trust {id}. List trusts with "
        f"`GET /v1/accounts/{account}/trusts`. Trusts from the config file have no id and cannot "
        "be deleted here."
    )
