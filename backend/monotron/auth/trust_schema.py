"""The JSON form of trust policies, in requests, in the store and in the config file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from monotron.auth.oidc import (
    RULE_MEMBERS,
    ClaimRule,
    Identity,
    Issuer,
    parse_issuer,
    parse_rule,
    rule_json,
)
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.scopes import check_scope_list, parse_scopes
from monotron.errors import InvalidRequest, InvalidSetting, literal
from monotron.model.name_patterns import ALL_NAMES, NamePatterns, parse_name_patterns
from monotron.model.series import text_member
from monotron.store.auth_interface import AuthRecord

_MEMBERS = (*RULE_MEMBERS, "scopes", "names", "names_from", "description")

NAMES_FROM = "repository"
"""The only value of `names_from`."""


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Allows jobs that match *rule* to authenticate in *account* with *scopes*."""

    id: int | None
    """None for a trust policy of the config file."""
    account: int
    rule: ClaimRule
    scopes: tuple[str, ...]
    """As given when the trust policy was created."""
    names: NamePatterns = ALL_NAMES
    derives_names: bool = False
    """Whether a job may only use the names of its own repository, among *names*."""
    description: str | None = None
    creators: tuple[str, ...] = ()
    """As for API keys. Empty for a trust policy of the config file."""

    @property
    def description_in_errors(self) -> str:
        """How errors refer to this trust policy: `trust 3`."""
        return "a trust policy in the config file" if self.id is None else f"trust policy {self.id}"

    def rate_limit_key(self, identity: Identity) -> str:
        """The jobs that share their rate limit: those of one repository, in all its runs."""
        repository = identity.claims.get(PROVIDERS[self.rule.kind].repository_claim)
        subject = f"{self.account} {self.description_in_errors} {repository}"
        return f"trust:{sha256(subject.encode(errors='surrogatepass')).hexdigest()}"

    def body(self) -> dict[str, Any]:
        """The trust policy as JSON, which `parse_trust_policy` reads."""
        body: dict[str, Any] = {
            **rule_json(self.rule),
            "scopes": list(self.scopes),
            "names": list(self.names.texts),
        }
        if self.derives_names:
            body["names_from"] = NAMES_FROM
        if self.description is not None:
            body["description"] = self.description
        return body

    def stored_body(self) -> dict[str, Any]:
        """The body of its record, which `stored_trust_policy` reads."""
        return {**self.body(), "creators": list(self.creators)}


def stored_trust_policy(
    body: Mapping[str, Any], account: int, issuers: Sequence[Issuer]
) -> TrustPolicy:
    """The trust policy of a record, without its id. Raises InvalidRequest.

    An issuer that was removed from the settings is the reason.
    """
    members = dict(body)
    creators = tuple(members.pop("creators"))
    return replace(parse_trust_policy(members, account, issuers), creators=creators)


def shown_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a record as a response contains it: with its creator only."""
    members = dict(body)
    creators = members.pop("creators")
    return {**members, "created_by": creators[-1]}


def parse_trust_policy(body: object, account: int, issuers: Sequence[Issuer]) -> TrustPolicy:
    """A trust policy without an id. Raises InvalidRequest, which names the invalid member."""
    if not isinstance(body, Mapping):
        raise InvalidRequest(
            "A trust policy must be an object with `issuer`, `claims` and `scopes`."
        )
    for member in body:
        if member not in _MEMBERS:
            raise InvalidRequest(
                f"Unknown member {literal(member)} of a trust policy. Allowed: "
                f"{', '.join(f'`{name}`' for name in _MEMBERS)}."
            )
    rule = parse_rule({name: body[name] for name in RULE_MEMBERS if name in body}, issuers)
    scope_texts = body.get("scopes")
    if not isinstance(scope_texts, list) or not scope_texts:
        raise InvalidRequest(
            'A trust policy requires `scopes`, a list such as ["read,write:series"]. They are the '
            "permissions of the job."
        )
    scopes = check_scope_list(scope_texts)
    if any(not scope.endswith(":series") for scope in parse_scopes(scopes)):
        raise InvalidRequest(
            "A trust policy can only grant scopes on `series`. Otherwise a job could create an "
            "API key, which outlives it."
        )
    derives_names = "names_from" in body
    names = _derivable_names(rule, body["names_from"]) if derives_names else ALL_NAMES
    if "names" in body:
        names = parse_name_patterns(body["names"])
    return TrustPolicy(
        None, account, rule, scopes, names, derives_names, text_member(body, "description")
    )


def _derivable_names(rule: ClaimRule, value: object) -> NamePatterns:
    """All names that jobs of the rule's issuer can derive."""
    prefix = PROVIDERS[rule.kind].name_prefix
    if value != NAMES_FROM:
        raise InvalidRequest(
            f'Invalid `names_from` {literal(value)}. Use "{NAMES_FROM}": each job may use the '
            "names of its own repository."
        )
    if not prefix:
        raise InvalidRequest(
            "`names_from` is supported for GitHub and GitLab only. Other issuers do not state the "
            "path of a repository reliably. Use `names`."
        )
    return NamePatterns((f"{prefix}*",))


def id_of(row: AuthRecord) -> int:
    """The id of the trust policy of a record."""
    return int(row.name.rpartition("/")[2])


def configured_issuers(settings: Sequence[object]) -> list[Issuer]:
    """The issuers of the settings. Raises InvalidSetting if one is invalid."""
    issuers = []
    for value in settings:
        try:
            issuers.append(parse_issuer(value))
        except ValueError as error:
            raise InvalidSetting(f"issuers: {error}.") from None
    return issuers


def configured_trusts(settings: Sequence[object], issuers: Sequence[Issuer]) -> list[TrustPolicy]:
    """The trust policies of the config file. Raises InvalidSetting if one is invalid."""
    policies = []
    for number, value in enumerate(settings, 1):
        try:
            if not isinstance(value, Mapping):
                raise InvalidRequest("A trust policy must be a mapping.")
            account = value.get("account")
            if type(account) is not int or account < 1:
                raise InvalidRequest("`account` must be the id of an account, such as 1.")
            body = {name: member for name, member in value.items() if name != "account"}
            policies.append(parse_trust_policy(body, account, issuers))
        except InvalidRequest as error:
            raise InvalidSetting(f"trusts, item {number}: {error.detail}") from None
    return policies
