"""The trust policies that apply to a CI job: those of one account that match its identity."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256

from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.derived_names import RepositoryBindings, derived_names
from monotron.auth.fresh_cache import FreshCache
from monotron.auth.oidc import (
    LEEWAY_SECONDS,
    Distance,
    Identity,
    Issuer,
    Mismatch,
    no_match,
    quoted,
)
from monotron.auth.policy_index import PolicyIndex
from monotron.auth.principal import Principal
from monotron.auth.scopes import parse_scopes
from monotron.auth.trust_schema import TrustPolicy, id_of, stored_trust_policy
from monotron.errors import Forbidden, MonotronError, RepositoryRenamed
from monotron.model.name_patterns import NamePatterns
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord

CACHE_SECONDS = 2.0
"""The maximum age of trust policies that were read from the store. The `Authenticator` keeps its
results in addition."""

PAGE_SIZE = 250
"""The number of trust policies that are parsed without a pause."""

MAX_CACHED_ACCOUNTS = 1000
MAX_PARSED = 20_000


class PolicyMatcher:
    """Finds the trust policies of an account that match an identity."""

    def __init__(
        self,
        store: Store,
        executor: StoreExecutor,
        issuers: Sequence[Issuer],
        configured: Sequence[TrustPolicy],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = store.auth_records
        self._executor = executor
        self._issuers = issuers
        self._configured = configured
        self._bindings = RepositoryBindings(store, executor)
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

    def forget(self, account: int) -> None:
        """Read the trust policies of the account again, because they were changed."""
        self._indexes.forget(account)

    async def mark(self, account: int) -> None:
        """Record permanently that the account has, or had, trust policies (see `accounts`)."""
        record = AuthRecord(f"{account:019d}", account, {})
        await self._executor.run(self._records.add, "trusting_account", record)
        self._accounts.forget(None)

    async def mark_configured(self) -> None:
        """Mark the accounts that have trust policies in the config file."""
        for account in {policy.account for policy in self._configured}:
            await self.mark(account)

    async def accounts(self) -> tuple[int, ...]:
        """The first two accounts that have, or ever had, trust policies.

        An account that deleted its trust policies counts, because it may be about to replace them.
        Otherwise, its jobs would meanwhile belong to another account that trusts them.
        """
        return await self._accounts.get(None)

    async def principal(self, identity: Identity, account: int) -> Principal:
        """The principal of a CI job in the account. Raises Unauthenticated if no trust policy of
        the account matches, and the errors of `RepositoryBindings.bind`.

        The scopes of several matching trust policies are combined if they have the same names.
        If they have different names, the first trust policy applies. Those that derive names come
        last, so that other trust policies can make exceptions for a repository.
        """
        candidates = (await self._indexes.get(account)).candidates(identity)
        return await self.decide(candidates, identity, account)

    async def all_policies(self, account: int) -> list[TrustPolicy]:
        """The trust policies of the account."""
        return (await self._indexes.get(account)).policies

    def compare(
        self, policies: Sequence[TrustPolicy], identity: Identity
    ) -> list[tuple[TrustPolicy, NamePatterns | Mismatch]]:
        """The names that each trust policy allows the job, or why it does not match.

        Trust policies that derive names come last.
        """
        ordered = sorted(policies, key=lambda policy: policy.derives_names)
        return [(policy, _names(policy, identity)) for policy in ordered]

    async def decide(
        self,
        policies: Sequence[TrustPolicy],
        identity: Identity,
        account: int,
        *,
        is_report: bool = False,
    ) -> Principal:
        """The principal if only these trust policies of the account apply.

        A report binds no name to a repository. Raises the errors of `principal`.
        """
        principal: Principal | None = None
        mismatches = []
        for policy, names in self.compare(policies, identity):
            if isinstance(names, Mismatch):
                mismatches.append(names)
                continue
            if principal is not None and principal.names != names:
                continue
            if policy.derives_names:
                kind = policy.rule.kind
                try:
                    await self._bindings.bind(account, identity, kind, names, is_report=is_report)
                except (Forbidden, RepositoryRenamed):
                    if principal is None:
                        raise
                    continue  # another trust policy is the exception that the error proposes
            principal = Principal(
                identity.name,
                account,
                parse_scopes(policy.scopes) | (principal.scopes if principal else frozenset()),
                names,
                expires_at=identity.expires_at,
                identity=_identity_id(identity),
                identity_expires_at=identity.expires_at + LEEWAY_SECONDS + 5,
                max_operations=1 if identity.is_single_use else None,
                rate_limit_key=policy.rate_limit_key(identity),
            )
        if principal is None:
            raise no_match(identity, _reasons(mismatches, identity, account))
        return principal

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
            policy = stored_trust_policy(row.body, row.account, self._issuers)
            policy = replace(policy, id=id_of(row))
        self._parsed.put(row.name, (row, policy))
        return policy


def _names(policy: TrustPolicy, identity: Identity) -> NamePatterns | Mismatch:
    """The names that the trust policy allows the job, or why it does not match."""
    mismatch = policy.rule.mismatch(identity, policy.description_in_errors)
    if mismatch is not None:
        return mismatch
    return derived_names(policy, identity) if policy.derives_names else policy.names


def _reasons(
    mismatches: Sequence[Mismatch], identity: Identity, account: int
) -> Sequence[Mismatch]:
    """Why no trust policy of the account matches.

    Without a trust policy for the ids of the identity, it reveals nothing about the account.
    """
    if any(mismatch.distance is Distance.CLAIMS for mismatch in mismatches):
        return mismatches
    ids = " and ".join(f"`{name}` {quoted(value)}" for name, value in identity.ids.items())
    subject = f"account {account}" if account > 0 else "the account in the path"
    reason = f"No trust policy of {subject} exists for {ids or 'this issuer'}"
    distance = Distance.IDS if ids else Distance.ISSUER
    return [each._replace(reason=reason) for each in mismatches] or [Mismatch(reason, distance)]


def _identity_id(identity: Identity) -> str:
    """The key under which the uses of an identity token are stored."""
    return sha256(f"{identity.issuer} {identity.token_id}".encode()).hexdigest()
