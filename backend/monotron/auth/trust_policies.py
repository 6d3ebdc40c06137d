"""Trusts: whose CI jobs may sign in without a secret, in which account, and for what."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from monotron.auth.oidc import (
    LEEWAY,
    ClaimRule,
    Identity,
    Issuer,
    describe,
    parse_issuer,
    parse_rule,
    rule_json,
)
from monotron.auth.principal import SYSTEM_ACCOUNT, Principal
from monotron.auth.scopes import parse_scopes, spell
from monotron.errors import (
    Forbidden,
    InvalidRequest,
    MonotronError,
    StartupError,
    TrustNotFound,
    Unauthenticated,
)
from monotron.model.series import Reuse, SeriesKey, text_member
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.interface import AuthRecord

if TYPE_CHECKING:
    from monotron.auth.oidc.verifier import TokenVerifier

REMEMBERED_SECONDS = 3.0
"""How long a trust goes on holding on another process than the one that deleted it."""

MAX_TRUSTS = 1000
"""In one account."""

_OF_THE_RULE = ("issuer", "claims", "allow_events")
_MEMBERS = (*_OF_THE_RULE, "scopes", "prefix", "label")


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Jobs that match the rule may do, in the account, what the scopes say."""

    id: int | None
    """None for one of the config file."""
    account: int
    rule: ClaimRule
    scopes: frozenset[str]
    prefix: str = ""
    label: str | None = None

    def body(self) -> dict[str, Any]:
        """Its JSON form, which `parse_trust` reads."""
        body: dict[str, Any] = {**rule_json(self.rule), "scopes": spell(self.scopes)}
        if self.prefix:
            body["prefix"] = self.prefix
        if self.label is not None:
            body["label"] = self.label
        return body


def parse_trust(given: object, account: int, issuers: Sequence[Issuer]) -> TrustPolicy:
    """A trust without an id; `InvalidRequest` names the member that is wrong, and the cure."""
    if not isinstance(given, Mapping):
        raise InvalidRequest("A trust must be an object with `issuer`, `claims` and `scopes`.")
    for member in given:
        if member not in _MEMBERS:
            raise InvalidRequest(
                f"A trust has no member {str(member)[:64]!r}. It has {', '.join(_MEMBERS)}."
            )
    rule = parse_rule({name: given[name] for name in _OF_THE_RULE if name in given}, issuers)
    listed = given.get("scopes")
    if not isinstance(listed, list) or not listed:
        raise InvalidRequest(
            'A trust needs `scopes`, a list such as ["read,write:series"]: what the job may do.'
        )
    scopes = parse_scopes(listed)
    if any(not scope.endswith(":series") for scope in scopes):
        raise InvalidRequest(
            "A trust can give the scopes on series only: a job must not be able to make itself a "
            "key that outlives it."
        )
    return TrustPolicy(
        None, account, rule, scopes, text_member(given, "prefix") or "", text_member(given, "label")
    )


def configured_issuers(settings: Sequence[object]) -> list[Issuer]:
    """The issuers of the settings; `StartupError` says what is wrong with one."""
    issuers = []
    for given in settings:
        try:
            issuers.append(parse_issuer(given))
        except ValueError as error:
            raise StartupError(f"issuers: one {error}.") from None
    return issuers


def configured_trusts(settings: Sequence[object], issuers: Sequence[Issuer]) -> list[TrustPolicy]:
    """The trusts of the config file; `StartupError` says which is wrong, and why."""
    trusts = []
    for number, given in enumerate(settings, 1):
        try:
            if not isinstance(given, Mapping):
                raise InvalidRequest("It must be a mapping.")
            account = given.get("account")
            if type(account) is not int or account < 1:
                raise InvalidRequest("`account` must be the id of one, such as 1.")
            rest = {name: value for name, value in given.items() if name != "account"}
            trusts.append(parse_trust(rest, account, issuers))
        except InvalidRequest as error:
            raise StartupError(f"trusts, number {number}: {error.detail}") from None
    return trusts


class TrustPolicies:
    """The trusts of accounts: of the config file, and of the store."""

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
        self._register = store.register
        self._series = series
        self._executor = executor
        self._issuers = issuers
        self._configured = configured
        self._monotonic = monotonic
        self._stored: tuple[list[TrustPolicy], float] = ([], 0.0)

    async def create(self, by: Principal, account: int, given: object) -> TrustPolicy:
        """A new trust, which allows no more than *by* has."""
        trust = parse_trust(given, account, self._issuers)
        missing = trust.scopes - by.scopes
        if missing:
            raise Forbidden(
                f"These credentials cannot grant {', '.join(spell(missing))}, which they do not "
                "have."
            )
        if not trust.prefix.startswith(by.prefix):
            raise Forbidden(
                f"These credentials are for names that begin with {by.prefix!r}, so the trust's "
                "`prefix` must begin so too."
            )
        if by.expires_at is not None:
            raise Forbidden(
                "These credentials expire, and a trust does not. Make it with some that do not."
            )
        given_id = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        id = given_id.entry.value
        await self._executor.run(
            self._register.add, "trust", AuthRecord(_name(id), account, trust.body())
        )
        self._stored = ([], 0.0)
        return TrustPolicy(id, account, trust.rule, trust.scopes, trust.prefix, trust.label)

    async def page(
        self, account: int, after: int, limit: int
    ) -> tuple[list[tuple[int | None, dict[str, Any]]], int | None]:
        """Ids and bodies: those of the config file first, on the first page."""
        rows = await self._executor.run(
            self._register.page, "trust", account, _name(after), limit + 1
        )
        more = len(rows) > limit
        listed: list[tuple[int | None, dict[str, Any]]] = []
        if after == 0:
            listed += [(None, each.body()) for each in self._configured if each.account == account]
        listed += [(int(row.name), row.body) for row in rows[:limit]]
        return listed, int(rows[limit - 1].name) if more else None

    async def of_account(self, account: int, id: int) -> dict[str, Any]:
        row = await self._executor.run(self._register.find, "trust", _name(id))
        if row is None or row.account != account:
            raise _not_found(id)
        return row.body

    async def delete(self, account: int, id: int) -> None:
        if not await self._executor.run(self._register.remove, "trust", account, _name(id)):
            raise _not_found(id)
        self._stored = ([], 0.0)

    async def any(self) -> bool:
        """Whether there is any trust at all."""
        if self._configured:
            return True
        return bool(await self._executor.run(self._register.page, "trust", None, "", 1))

    async def principals(self, identity: Identity) -> tuple[Principal, ...]:
        """Who the job is in each account that trusts it; `Unauthenticated` if none does.

        What several trusts of an account allow for one prefix is added up; where they are for
        different prefixes, the first one counts.
        """
        found: dict[int, Principal] = {}
        reasons = []
        for trust in [*self._configured, *await self._all()]:
            mismatch = trust.rule.mismatch(identity)
            if mismatch is not None:
                reasons.append(mismatch)
                continue
            before = found.get(trust.account)
            if before is not None and before.prefix != trust.prefix:
                continue
            found[trust.account] = Principal(
                identity.name,
                trust.account,
                trust.scopes | (before.scopes if before else frozenset()),
                trust.prefix,
                expires_at=identity.expires_at,
                identity=_hash(identity),
                identity_expires_at=identity.expires_at + LEEWAY + 5,
            )
        if not found:
            raise Unauthenticated(describe(reasons))
        return tuple(found.values())

    async def _all(self) -> list[TrustPolicy]:
        """Those in the store, as they were a moment ago."""
        trusts, until = self._stored
        now = self._monotonic()
        if now < until:
            return trusts
        trusts = []
        after = ""
        while True:
            rows = await self._executor.run(self._register.page, "trust", None, after, MAX_TRUSTS)
            for row in rows:
                try:
                    parsed = parse_trust(row.body, row.account, self._issuers)
                except MonotronError:
                    continue  # of an issuer that is looked at no more
                trusts.append(parsed)
            if len(rows) < MAX_TRUSTS:
                break
            after = rows[-1].name
        self._stored = (trusts, now + REMEMBERED_SECONDS)
        return trusts


class OidcAuthenticator:
    """Signs CI jobs in by their identity tokens."""

    def __init__(self, tokens: "TokenVerifier", trusts: TrustPolicies) -> None:
        self._tokens = tokens
        self._trusts = trusts

    async def principals(self, unverified_token: str) -> tuple[Principal, ...]:
        return await self._trusts.principals(await self._tokens.verify(unverified_token))


def _hash(identity: Identity) -> str:
    """What the uses of a token are kept by."""
    return sha256(f"{identity.issuer} {identity.jti}".encode()).hexdigest()


def _name(id: int) -> str:
    return f"{id:019d}"


def _not_found(id: int) -> TrustNotFound:
    return TrustNotFound(
        f"The account has no trust {id}: it was never made, or it was deleted. GET …/trusts lists "
        "them; those of the config file have no id."
    )
