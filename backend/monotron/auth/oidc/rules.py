"""Claim rules: whether a verified identity matches, and the reason if it does not.

A rule lists the accepted values of each claim. Wildcards are not supported: of two rules
that look alike, the one with a wildcard is the one that a stranger can satisfy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from monotron.auth.oidc.audiences import quoted
from monotron.auth.oidc.claims import Identity
from monotron.auth.oidc.provider import ClaimValue, Provider
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.oidc.restrictions import missing_restriction

MAX_REASONS = 3


class Distance(IntEnum):
    """How far an identity is from a rule: which of its parts differs first."""

    CLAIMS = 0
    IDS = 1
    ISSUER = 2


class Mismatch(NamedTuple):
    """Why an identity does not match a rule.

    Anyone can have a token of a public issuer. Therefore *reason*, a sentence without a period,
    reveals nothing about the rule unless *distance* is CLAIMS.
    """

    reason: str
    distance: Distance = Distance.CLAIMS
    claim: str | None = None
    """The claim that differs, for the log: a value can be personal data, a claim's name cannot."""


@dataclass(frozen=True)
class ClaimRule:
    """The accepted values of claims. Created by `parse_rule`."""

    issuer: str
    """The URL of the issuer."""

    kind: str
    """The issuer's kind, a key of `PROVIDERS`."""

    claims: Mapping[str, tuple[ClaimValue, ...]]
    """The accepted values by claim."""

    allowed_events: tuple[str, ...] = ()
    """Events to accept in addition to the provider's default events."""

    accept_unprotected: bool = False
    """Whether a claim such as an environment suffices, although any branch may satisfy it."""

    def mismatch(self, identity: Identity, policy: str = "the trust policy") -> Mismatch | None:
        """Why the identity does not match; None if it does. *policy* names the rule's owner."""
        provider, claims = PROVIDERS[self.kind], identity.claims
        if identity.issuer != self.issuer:
            reason = f"No trust policy exists for the issuer {quoted(identity.issuer)}"
            return Mismatch(reason, Distance.ISSUER)
        if not provider.required_ids & self.claims.keys() or missing_restriction(
            provider, self.claims, accept_unprotected=self.accept_unprotected
        ):
            return Mismatch(f"The rule of {policy} is not restrictive enough to match any job")
        ids = [name for name in self.claims if name in provider.required_ids]
        others = [name for name in self.claims if name not in provider.required_ids]
        for name in ids:
            if reason := self._wrong_id(provider, name, claims):
                return Mismatch(reason, Distance.IDS, name)
        if reason := self._wrong_event(provider, claims, policy):
            return Mismatch(reason, claim=provider.event_claim)
        for name in others:
            if reason := self._wrong_claim(provider, name, claims, policy):
                return Mismatch(reason, claim=name)
        return None

    def _wrong_id(self, provider: Provider, name: str, claims: Mapping[str, Any]) -> str:
        duplicates = [
            duplicate
            for duplicate, original in provider.duplicate_ids.items()
            if original == name and duplicate in claims
        ]
        for claim in (name, *duplicates):
            if claim not in claims:
                return f"The token has no `{claim}`"
            if not _is_one_of(claims[claim], self.claims[name]):
                return f"No trust policy exists for `{claim}` {quoted(claims[claim])}"
        return ""

    def _wrong_event(self, provider: Provider, claims: Mapping[str, Any], policy: str) -> str:
        claim = provider.event_claim
        if claim is None:
            return ""
        event = claims.get(claim)
        if not isinstance(event, str):
            return f"The token has no `{claim}`, so it is unknown why the job runs"
        if event in provider.forbidden_events:
            return (
                f"`{claim}` is {quoted(event)}, which no trust policy can allow: strangers can "
                "cause it"
            )
        if event in provider.default_events or event in self.allowed_events:
            return ""
        return f"`{claim}` is {quoted(event)}, but {policy} does not list it in `allow_events`"

    def _wrong_claim(
        self, provider: Provider, name: str, claims: Mapping[str, Any], policy: str
    ) -> str:
        accepted = self.claims[name]
        if name == "workflow" and provider.workflow is not None:
            claim = provider.workflow.claim
            # Composed and compared, not split: both sides of the @ may contain another one.
            refs = [claims[ref] for ref in provider.workflow.refs if _is_filled(claims.get(ref))]
            paths = tuple(f"{path}@{ref}" for path in accepted for ref in refs)
            if _is_one_of(claims.get(claim), paths):
                return ""
            return (
                f"`{claim}` is {quoted(claims.get(claim))}, but {policy} requires the file "
                f"{_either(accepted)} at the job's own `{'` or `'.join(provider.workflow.refs)}`"
            )
        if name not in claims:
            return f"The token has no `{name}`, but {policy} requires {_either(accepted)}"
        value = claims[name]
        if name in provider.case_insensitive and isinstance(value, str):
            if _lower(value) in [_lower(each) for each in accepted if isinstance(each, str)]:
                return ""
        elif list in provider.types_of(name):
            if isinstance(value, list) and any(_is_one_of(each, accepted) for each in value):
                return ""
            return f"`{name}` {quoted(value)} does not contain {_either(accepted)} of {policy}"
        elif _is_one_of(value, accepted):
            return ""
        return f"`{name}` is {quoted(value)}, but {policy} requires {_either(accepted)}"


def describe(mismatches: Iterable[Mismatch]) -> str:
    """Why no rule matched: up to three reasons of the rules that are nearest to the identity."""
    mismatches = list(mismatches)
    if not mismatches:
        return (
            "No trust policy has been configured on this server yet. An administrator can add one, "
            "for example with `monotron trust github OWNER/REPO`."
        )
    nearest = min(mismatch.distance for mismatch in mismatches)
    reasons = list(
        dict.fromkeys(mismatch.reason for mismatch in mismatches if mismatch.distance == nearest)
    )
    more = len(reasons) - MAX_REASONS
    rest = [f"{more} more reasons are not shown"] if more > 0 else []
    return f"No trust policy matches this job. {'. '.join(reasons[:MAX_REASONS] + rest)}."


def _is_one_of(value: object, accepted: Iterable[ClaimValue]) -> bool:
    """Values of different types differ: `false` is not "false", and 1 is neither "1" nor `true`."""
    return any(type(value) is type(each) and value == each for each in accepted)


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _lower(text: str) -> str:
    """Lowercase ASCII letters only: `str.lower` turns the Kelvin sign into a k."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _either(accepted: tuple[ClaimValue, ...]) -> str:
    shown = " or ".join(quoted(value) for value in accepted[:3])
    return shown + (", …" if len(accepted) > 3 else "")
