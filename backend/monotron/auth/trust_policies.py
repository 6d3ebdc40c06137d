"""Trust policies: which CI jobs may authenticate without a secret, in which account."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.oidc import LEEWAY_SECONDS, Identity, Issuer, describe, no_match
from monotron.auth.principal import SYSTEM_ACCOUNT, Principal
from monotron.auth.scopes import format_scopes, parse_scopes
from monotron.auth.trust_schema import TrustPolicy, parse_trust_policy
from monotron.errors import Forbidden, MonotronError, TrustNotFound
from monotron.model.series import Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord

if TYPE_CHECKING:
    from monotron.auth.oidc.verifier import TokenVerifier

CACHE_SECONDS = 3.0
"""The maximum time for which a trust policy applies after another process deleted it."""

PAGE_SIZE = 1000

_ALL = "all"


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = store.auth_records
        self._series = series
        self._executor = executor
        self._issuers = issuers
        self._configured = configured
        self._cache: BoundedCache[str, list[TrustPolicy]] = BoundedCache(1, monotonic=monotonic)

    async def create(self, by: Principal, account: int, body: object) -> TrustPolicy:
        """Create a trust policy. Raises Forbidden if it would have more permissions than *by*."""
        policy = parse_trust_policy(body, account, self._issuers)
        _check_permissions(by, policy)
        allocation = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        id = allocation.entry.value
        await self._executor.run(
            self._records.add, "trust", AuthRecord(_row_name(id), account, policy.body())
        )
        self._cache.clear()
        return replace(policy, id=id)

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
        self._cache.clear()

    async def any(self) -> bool:
        """Whether any account has a trust policy."""
        if self._configured:
            return True
        return bool(await self._executor.run(self._records.page, "trust", None, "", 1))

    async def principals(self, identity: Identity) -> tuple[Principal, ...]:
        """The principals of a CI job, one per account that trusts it. Raises Unauthenticated if
        no account does.

        The scopes of several matching trust policies of an account are combined if they have the
        same prefix. If they have different prefixes, the first trust policy applies.
        """
        principals: dict[int, Principal] = {}
        mismatches = []
        for policy in [*self._configured, *await self._all()]:
            mismatch = policy.rule.mismatch(identity, policy.description_in_errors)
            if mismatch is not None:
                mismatches.append(mismatch)
                continue
            earlier = principals.get(policy.account)
            if earlier is not None and earlier.prefix != policy.prefix:
                continue
            principals[policy.account] = Principal(
                identity.name,
                policy.account,
                parse_scopes(policy.scopes) | (earlier.scopes if earlier else frozenset()),
                policy.prefix,
                expires_at=identity.expires_at,
                identity=_identity_id(identity),
                identity_expires_at=identity.expires_at + LEEWAY_SECONDS + 5,
                rate_limit_key=policy.rate_limit_key(identity),
            )
        if not principals:
            raise no_match(describe(mismatches), identity, mismatches)
        return tuple(principals.values())

    async def _all(self) -> list[TrustPolicy]:
        """All trust policies of the store, at most `CACHE_SECONDS` old."""
        policies = self._cache.get(_ALL)
        if policies is not None:
            return policies
        policies = []
        after = ""
        while True:
            rows = await self._executor.run(self._records.page, "trust", None, after, PAGE_SIZE)
            for row in rows:
                try:
                    policy = parse_trust_policy(row.body, row.account, self._issuers)
                except MonotronError:
                    continue  # its issuer was removed from the settings
                policies.append(replace(policy, id=int(row.name)))
            if len(rows) < PAGE_SIZE:
                break
            after = rows[-1].name
        self._cache.put(_ALL, policies, seconds=CACHE_SECONDS)
        return policies


class OidcAuthenticator:
    """Authenticates CI jobs by their identity tokens."""

    def __init__(self, verifier: "TokenVerifier", policies: TrustPolicies) -> None:
        self._verifier = verifier
        self._policies = policies

    async def principals(self, unverified_token: str) -> tuple[Principal, ...]:
        """One principal for each account that trusts the job. Raises Unauthenticated."""
        return await self._policies.principals(await self._verifier.verify(unverified_token))


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
