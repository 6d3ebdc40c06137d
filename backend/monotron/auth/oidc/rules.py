"""Whom an identity token must be of: rules, their JSON form, and what speaks against one.

A rule lists, for each claim, the values that will do. There are no patterns: of two rules that
look alike, a wildcard is the one that lets a stranger in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from monotron.auth.oidc.claims import Identity, quoted
from monotron.auth.oidc.issuers import WORDS, Issuer
from monotron.auth.oidc.providers import PROVIDERS, Provider
from monotron.auth.oidc.rule_schema import parse_claims, parse_events
from monotron.errors import InvalidRequest

MAX_REASONS = 3

# Reasons that end so say nothing about the rule: a stranger may read them.
_ELSEWHERE = "which this rule is not for"


@dataclass(frozen=True)
class ClaimRule:
    """Made by `parse_rule`."""

    issuer: str
    """The url of the one issuer whose identities it is for."""

    kind: str
    claims: Mapping[str, tuple[str, ...]]
    """For each claim the values that will do."""

    allowed_events: tuple[str, ...] = ()
    """Events to take besides those that are always taken."""

    def mismatch(self, identity: Identity) -> str | None:
        """What speaks against it, in words; None if it matches.

        Whoever has other ids than the rule is not told what it says: anybody at all can have a
        token of a public issuer.
        """
        kind, claims = PROVIDERS[self.kind], identity.claims
        if identity.issuer != self.issuer:
            return f"the issuer is {quoted(identity.issuer)}, {_ELSEWHERE}"
        if not self.claims or not is_enough(kind, self.claims):
            return "the rule asks for too little, so it is for nobody"
        ids = [name for name in self.claims if name in kind.ids]
        others = [name for name in self.claims if name not in kind.ids]
        return (
            next(filter(None, (self._other_id(kind, name, claims) for name in ids)), None)
            or self._wrong_event(kind, claims)
            or next(filter(None, (self._wrong_claim(kind, name, claims) for name in others)), None)
        )

    def _other_id(self, kind: Provider, name: str, claims: Mapping[str, Any]) -> str | None:
        also = [one for one, other in kind.same.items() if other == name and one in claims]
        for claim in (name, *also):
            if claim not in claims:
                return f"the token has no {claim}, {_ELSEWHERE}"
            if not _is_one_of(claims[claim], self.claims[name]):
                return f"the {claim} is {quoted(claims[claim])}, {_ELSEWHERE}"
        return None

    def _wrong_event(self, kind: Provider, claims: Mapping[str, Any]) -> str | None:
        if kind.event is None:
            return None
        event = claims.get(kind.event)
        if not isinstance(event, str):
            return f"the token has no {kind.event}, so it is not known why the job runs"
        if event in kind.never:
            return f"the {kind.event} is {quoted(event)}, which strangers cause: no rule allows it"
        if event in kind.plain_events or event in self.allowed_events:
            return None
        return f"the {kind.event} is {quoted(event)}, and the rule does not have it in allow_events"

    def _wrong_claim(self, kind: Provider, name: str, claims: Mapping[str, Any]) -> str | None:
        wanted = self.claims[name]
        if name == "workflow" and kind.workflow is not None:
            claim = kind.workflow.claim
            # Put together and compared, not taken apart: both sides of the @ may hold another.
            where = [claims[w] for w in kind.workflow.where if _is_filled(claims.get(w))]
            wanted_here = tuple(f"{path}@{w}" for path in wanted for w in where)
            if _is_one_of(claims.get(claim), wanted_here):
                return None
            return (
                f"the {claim} is {quoted(claims.get(claim))}, and the rule wants the file "
                f"{_either(wanted)} as it is at the job's own {' or '.join(kind.workflow.where)}"
            )
        if name not in claims:
            return f"the token has no {name}, and the rule wants {_either(wanted)}"
        found = claims[name]
        if name in kind.caseless and isinstance(found, str):
            if _is_one_of(_lower(found), tuple(map(_lower, wanted))):
                return None
        elif _is_one_of(found, wanted):
            return None
        return f"the {name} is {quoted(found)}, and the rule wants {_either(wanted)}"


def parse_rule(given: object, issuers: Iterable[Issuer]) -> ClaimRule:
    """A rule from its JSON form, of exactly these members; `allow_events` may be left out:

        {"issuer": "github", "claims": {"repository_id": "123", "environment": ["release"]},
         "allow_events": ["pull_request"]}

    `issuer` is the url of one of the *issuers*, or a short word for it. A claim has one value or a
    list of them, all strings. `InvalidRequest` names the member and the cure.
    """
    if not isinstance(given, Mapping):
        raise InvalidRequest("A rule must be an object with `issuer` and `claims`.")
    for member in given:
        if member not in ("issuer", "claims", "allow_events"):
            raise InvalidRequest(
                f"A rule has no member {quoted(member)}. It has issuer, claims and allow_events."
            )
    named = given.get("issuer")
    by_url = {issuer.url: issuer for issuer in issuers}
    issuer = by_url.get(WORDS.get(named, named)) if isinstance(named, str) else None
    if issuer is None:
        trusted = ", ".join(by_url) or "none"
        raise InvalidRequest(
            f"issuer is {quoted(named)}, and must be one that this server trusts: {trusted}. Which "
            "those are, its operator says in the config file."
        )
    kind = PROVIDERS[issuer.kind]
    claims = parse_claims(issuer.kind, given.get("claims"))
    if not kind.ids & claims.keys():
        raise InvalidRequest(
            f"claims must have at least one of: {_list(kind.ids)}. Nothing else says for certain "
            "whose a token is."
        )
    if not is_enough(kind, claims):
        raise InvalidRequest(
            f"claims must have at least one of: {_list(kind.places)} (a …_protected only as "
            '"true"). Without, whoever can push a branch could sign in.'
        )
    return ClaimRule(
        issuer.url,
        issuer.kind,
        MappingProxyType(claims),
        parse_events(issuer.kind, given.get("allow_events", [])),
    )


def rule_json(rule: ClaimRule) -> dict[str, Any]:
    """The form that `parse_rule` reads."""
    claims = {
        name: values[0] if len(values) == 1 else list(values)
        for name, values in rule.claims.items()
    }
    events = {"allow_events": list(rule.allowed_events)} if rule.allowed_events else {}
    return {"issuer": rule.issuer, "claims": claims, **events}


def describe(reasons: Iterable[str]) -> str:
    """Why no rule matched, as a sentence: up to three reasons, those of the nearest rules first."""
    different = sorted(dict.fromkeys(reasons), key=lambda reason: reason.endswith(_ELSEWHERE))
    if not different:
        return "There is no rule for any identity token."
    more = len(different) - MAX_REASONS
    rest = f"; and {more} more" if more > 0 else ""
    return f"No rule is for this identity token: {'; '.join(different[:MAX_REASONS])}{rest}."


def is_enough(kind: Provider, claims: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the claims say who, and which part of them. `ref_protected: false` is no part."""
    if not kind.ids & claims.keys():
        return False
    places = {
        name
        for name in kind.places & claims.keys()
        if not name.endswith("_protected") or claims[name] == ("true",)
    }
    return bool(places) or not kind.places


def _is_one_of(found: object, wanted: tuple[str, ...]) -> bool:
    """Only a string is equal to a string: `false` is not "false", nor 1 "1"."""
    return isinstance(found, str) and found in wanted


def _is_filled(found: object) -> bool:
    return isinstance(found, str) and found != ""


def _lower(text: str) -> str:
    """ASCII alone: `str.lower` makes a k of the Kelvin sign."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _either(wanted: tuple[str, ...]) -> str:
    return " or ".join(quoted(value) for value in wanted[:3]) + (", …" if len(wanted) > 3 else "")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
