"""The JSON form of claim rules: which claims a rule may restrict, and to which values."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from monotron.auth.oidc.audiences import quoted
from monotron.auth.oidc.issuers import ISSUER_NAMES, Issuer
from monotron.auth.oidc.provider import STANDARD_CLAIMS, ClaimValue, Provider
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.oidc.restrictions import missing_restriction
from monotron.auth.oidc.rules import ClaimRule
from monotron.errors import InvalidRequest, literal

MAX_CLAIMS = 16
MAX_VALUES = 32
MAX_VALUE_CHARACTERS = 512
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON parser reads exactly (RFC 8259 §6)."""

RULE_MEMBERS = ("issuer", "claims", "allow_events", "accept_unprotected")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
_EVENT = re.compile(r"[a-z][a-z_]{0,49}")


def parse_rule(body: object, issuers: Iterable[Issuer]) -> ClaimRule:
    """A rule from its JSON form with these members, of which the last two are optional:

        {"issuer": "github", "claims": {"repository_id": "123", "environment": ["release"]},
         "allow_events": ["pull_request"], "accept_unprotected": true}

    `issuer` is the URL of one of the *issuers*, or its short name. A claim has one value or a list
    of values, which are strings unless the provider has other `types`. Raises InvalidRequest, which
    names the invalid member.
    """
    if not isinstance(body, Mapping):
        raise InvalidRequest("A rule must be an object with `issuer` and `claims`.")
    for member in body:
        if member not in RULE_MEMBERS:
            raise InvalidRequest(
                f"Unknown member {literal(member)} of a rule. Allowed: "
                f"{', '.join(f'`{name}`' for name in RULE_MEMBERS)}."
            )
    issuer = _find_issuer(body.get("issuer"), issuers)
    provider = PROVIDERS[issuer.kind]
    claims = _parse_claims(issuer.kind, body.get("claims"))
    if not provider.required_ids & claims.keys():
        raise InvalidRequest(
            f"`claims` must contain at least one of: {_list(provider.required_ids)}. No other "
            "claim identifies the owner of a token permanently."
        )
    accept_unprotected = _parse_accept_unprotected(
        provider, claims, body.get("accept_unprotected", False)
    )
    if problem := missing_restriction(provider, claims, accept_unprotected=accept_unprotected):
        raise InvalidRequest(problem)
    events = _parse_events(provider, body.get("allow_events", []))
    return ClaimRule(issuer.url, issuer.kind, MappingProxyType(claims), events, accept_unprotected)


def rule_json(rule: ClaimRule) -> dict[str, Any]:
    """The rule as JSON, which `parse_rule` reads."""
    claims = {
        name: values[0] if len(values) == 1 else list(values)
        for name, values in rule.claims.items()
    }
    events = {"allow_events": list(rule.allowed_events)} if rule.allowed_events else {}
    unprotected = {"accept_unprotected": True} if rule.accept_unprotected else {}
    return {"issuer": rule.issuer, "claims": claims, **events, **unprotected}


def _find_issuer(name: object, issuers: Iterable[Issuer]) -> Issuer:
    by_url = {issuer.url: issuer for issuer in issuers}
    issuer = by_url.get(ISSUER_NAMES.get(name, name)) if isinstance(name, str) else None
    if issuer is None:
        raise InvalidRequest(
            f"Untrusted `issuer` {quoted(name)}. This server trusts: "
            f"{', '.join(by_url) or 'none'}. The operator configures issuers with the setting "
            "`issuers` or MONOTRON_ISSUERS."
        )
    return issuer


def _parse_claims(kind: str, body: object) -> dict[str, tuple[ClaimValue, ...]]:
    if not isinstance(body, Mapping) or not 1 <= len(body) <= MAX_CLAIMS:
        raise InvalidRequest(
            f"`claims` must be an object with 1 to {MAX_CLAIMS} claims. It maps each claim to "
            'accepted values, for example {"ref_protected": "true"}.'
        )
    provider = PROVIDERS[kind]
    claims: dict[str, tuple[ClaimValue, ...]] = {}
    for name, values in body.items():
        _check_name(provider, name)
        claims[name] = _parse_values(name, values, provider)
    if kind == "gitlab" and "ref" in claims and not claims.keys() & {"ref_type", "ref_path"}:
        # A branch and a tag may have the same name, and they are protected separately.
        claims["ref_type"] = ("branch",)
    return claims


def _parse_accept_unprotected(
    provider: Provider, claims: Mapping[str, tuple[ClaimValue, ...]], value: object
) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest("`accept_unprotected` must be true or false.")
    if value and not provider.unprotected_claims & claims.keys():
        names = " or ".join(f"`claims.{name}`" for name in sorted(provider.unprotected_claims))
        raise InvalidRequest(
            f"`accept_unprotected` requires {names or 'an issuer with unprotected claims'}. It "
            "accepts that anyone who can push may satisfy that claim. Remove it."
        )
    return value


def _parse_events(provider: Provider, body: object) -> tuple[str, ...]:
    if not isinstance(body, list | tuple) or len(body) > MAX_VALUES:
        raise InvalidRequest(
            f"`allow_events` must be a list of at most {MAX_VALUES} events. Example: "
            '["pull_request"].'
        )
    for event in body:
        if provider.event_claim is None:
            raise InvalidRequest(
                "`allow_events` is not supported for this issuer. It is unknown which of its "
                "claims is the event. Restrict that claim in `claims` instead."
            )
        if not isinstance(event, str) or not _EVENT.fullmatch(event):
            raise InvalidRequest(
                f"`allow_events`: {quoted(event)} is not a valid event name. Use lower-case "
                "letters and `_`."
            )
        if event in provider.forbidden_events:
            raise InvalidRequest(
                f"`allow_events`: {event} cannot be allowed. It runs pull requests of strangers "
                "with the permissions of the repository. Use a workflow that runs on push."
            )
        if event in provider.default_events:
            raise InvalidRequest(
                f"`allow_events`: {event} is always allowed. To accept nothing else, restrict "
                f"`{provider.event_claim}` in `claims`."
            )
    return tuple(dict.fromkeys(body))


def _check_name(provider: Provider, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(f"`claims`: {quoted(name)} is not a valid claim name.")
    if name in STANDARD_CLAIMS or name in provider.invariants.keys() - provider.rejected_claims:
        raise InvalidRequest(f"`claims.{name}` is always checked. Remove it.")
    if name in provider.rejected_claims:
        raise InvalidRequest(
            f"`claims.{name}` cannot be used in a trust policy. {provider.rejected_claims[name]}."
        )
    if name not in provider.allowed_claims and not provider.allows_any_claim:
        allowed = _list(provider.allowed_claims)
        raise InvalidRequest(f"Unknown claim `claims.{name}`. Allowed: {allowed}.")


def _parse_values(name: str, body: object, provider: Provider) -> tuple[ClaimValue, ...]:
    types = provider.types_of(name)
    values = body if isinstance(body, list | tuple) else [body]
    if not 1 <= len(values) <= MAX_VALUES or isinstance(values[0], Mapping):
        raise _invalid_value(name, types)
    for value in values:
        if type(value) is str and {str, list} & {*types}:
            _check_text(name, value, provider)
        elif type(value) not in types or type(value) is list:
            if values is body and types == (str,):
                raise InvalidRequest(
                    f"`claims.{name}`: {quoted(value)} must be a string, as in the token. Put it "
                    "in quotes."
                )
            raise _invalid_value(name, types)
        elif type(value) is int and abs(value) > MAX_INTEGER:
            raise InvalidRequest(
                f"`claims.{name}`: an integer must be between -{MAX_INTEGER} and {MAX_INTEGER}."
            )
    # `True == 1` in Python.
    distinct: dict[tuple[type, object], Any] = {(type(value), value): value for value in values}
    return tuple(distinct.values())


_TYPE_NAMES = {str: "a string", list: "a string", int: "an integer", bool: "true, false"}


def _invalid_value(name: str, types: tuple[type, ...]) -> InvalidRequest:
    names = [_TYPE_NAMES.get(each, "null") for each in types]
    one = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    if types == (str,):
        hint = 'Write numbers and booleans as strings, too: "123", "true".'
        one_or_list = f"{one} or a list of 1 to {MAX_VALUES} strings"
    else:
        hint = "Use the type that the claim has in the token."
        one_or_list = f"{one}, or a list of 1 to {MAX_VALUES} of these"
    return InvalidRequest(f"`claims.{name}` must be {one_or_list}. {hint}")


def _check_text(name: str, text: str, provider: Provider) -> None:
    if not text or len(text) > MAX_VALUE_CHARACTERS or not text.isprintable():
        raise InvalidRequest(
            f"`claims.{name}`: a value must have 1 to {MAX_VALUE_CHARACTERS} printable characters."
        )
    if "*" in text:
        raise InvalidRequest(
            f"`claims.{name}`: wildcards such as {quoted(text)} are not supported. List the "
            "accepted values."
        )
    format = provider.formats.get(name)
    if format is not None and not re.fullmatch(format.pattern, text):
        raise InvalidRequest(f"`claims.{name}`: {quoted(text)} must be {format.description}.")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
