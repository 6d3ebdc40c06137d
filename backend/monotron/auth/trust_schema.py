"""The JSON form of trust policies, in requests, in the store and in the config file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monotron.auth.oidc import (
    RULE_MEMBERS,
    ClaimRule,
    Issuer,
    parse_issuer,
    parse_rule,
    rule_json,
)
from monotron.auth.scopes import check_scope_list, parse_scopes
from monotron.errors import InvalidRequest, InvalidSetting, literal
from monotron.model.series import text_member

_MEMBERS = (*RULE_MEMBERS, "scopes", "prefix", "description")


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Allows jobs that match *rule* to authenticate in *account* with *scopes*."""

    id: int | None
    """None for a trust policy of the config file."""
    account: int
    rule: ClaimRule
    scopes: tuple[str, ...]
    """As given when the trust policy was created."""
    prefix: str = ""
    description: str | None = None

    @property
    def description_in_errors(self) -> str:
        """How errors refer to this trust policy: `trust 3`."""
        return "a trust in the config file" if self.id is None else f"trust {self.id}"

    def body(self) -> dict[str, Any]:
        """The trust policy as JSON, which `parse_trust_policy` reads."""
        body: dict[str, Any] = {**rule_json(self.rule), "scopes": list(self.scopes)}
        if self.prefix:
            body["prefix"] = self.prefix
        if self.description is not None:
            body["description"] = self.description
        return body


def parse_trust_policy(body: object, account: int, issuers: Sequence[Issuer]) -> TrustPolicy:
    """A trust policy without an id. Raises InvalidRequest, which names the invalid member."""
    if not isinstance(body, Mapping):
        raise InvalidRequest("A trust must be an object with `issuer`, `claims` and `scopes`.")
    for member in body:
        if member not in _MEMBERS:
            raise InvalidRequest(
                f"Unknown member {literal(member)} of a trust. Allowed: "
                f"{', '.join(f'`{name}`' for name in _MEMBERS)}."
            )
    rule = parse_rule({name: body[name] for name in RULE_MEMBERS if name in body}, issuers)
    scope_texts = body.get("scopes")
    if not isinstance(scope_texts, list) or not scope_texts:
        raise InvalidRequest(
            'A trust requires `scopes`, a list such as ["read,write:series"]. They are the '
            "permissions of the job."
        )
    scopes = check_scope_list(scope_texts)
    if any(not scope.endswith(":series") for scope in parse_scopes(scopes)):
        raise InvalidRequest(
            "A trust can only grant scopes on `series`. Otherwise a job could create an API key "
            "that outlives it."
        )
    return TrustPolicy(
        None,
        account,
        rule,
        scopes,
        text_member(body, "prefix") or "",
        text_member(body, "description"),
    )


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
                raise InvalidRequest("A trust must be a mapping.")
            account = value.get("account")
            if type(account) is not int or account < 1:
                raise InvalidRequest("`account` must be the id of an account, such as 1.")
            body = {name: member for name, member in value.items() if name != "account"}
            policies.append(parse_trust_policy(body, account, issuers))
        except InvalidRequest as error:
            raise InvalidSetting(f"trusts, item {number}: {error.detail}") from None
    return policies
