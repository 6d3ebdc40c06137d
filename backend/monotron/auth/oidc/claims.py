"""The identity of a verified token, and the checks of its claims that do not depend on a rule.

The checks run on verified claims only. Therefore their errors may state what is wrong: they are
read by the holder of a token that a trusted issuer has signed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from monotron.auth.oidc.audiences import account_of, quoted
from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.provider import Provider
from monotron.auth.oidc.providers import PROVIDERS
from monotron.errors import Unauthenticated

LEEWAY_SECONDS = 30
"""The tolerated difference between the clocks of the issuer and of this server, as on PyPI."""

MAX_LIFETIME_SECONDS = 24 * 3600
"""The maximum time between `iat` and `exp`."""

MAX_NAME_CHARACTERS = 120
"""The maximum length of the name of an identity."""
_MAX_ISSUER_CHARACTERS = 50
_MAX_RUN_CHARACTERS = 40
_REQUEST_NEW = "Request a new token in the step that uses it."


@dataclass(frozen=True)
class Identity:
    """The holder of a verified token."""

    issuer: str
    """The issuer's URL."""

    claims: Mapping[str, Any] = field(repr=False)
    """All claims, verified. They contain personal data, so they must not be logged."""

    token_id: str
    """Unique among the tokens of the issuer: `jti`, or a hash of the signed part of the token."""

    expires_at: int
    """Seconds since the epoch. The token is accepted up to `LEEWAY_SECONDS` longer."""

    name: str
    """For ledger and log: up to 120 of `[A-Za-z0-9._:/@+-]`. Never used for decisions."""

    account: int | None = None
    """The account that the audience names; None if it names none."""

    ids: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The claims that identify the owner permanently (`Provider.required_ids`)."""

    is_single_use: bool = False
    """Whether the token may be used for one path only (`Provider.is_single_use`)."""

    project: str = ""
    """The path, slug or id of the repository, for the log. Never used for decisions."""


def check_claims(
    claims: Mapping[str, Any], issuer: Issuer, audience: str, now: float, signed_hash: str
) -> Identity:
    """The identity of a token with these verified claims. Raises Unauthenticated.

    *signed_hash* is a hash of what the signature covers. It identifies a token without `jti`.
    """
    provider = PROVIDERS[issuer.kind]
    _check_presence(claims, provider)
    if claims["iss"] != issuer.url:
        raise Unauthenticated(
            "The identity token names another issuer than its signature. Request a new token.",
            claim="iss",
        )
    for name, invariant in provider.invariants.items():
        if not invariant.is_satisfied(claims.get(name)):
            raise Unauthenticated(
                f"The identity token's `{name}` is {quoted(claims.get(name))}. {invariant.error}.",
                claim=name,
            )
    return Identity(
        issuer=issuer.url,
        claims=MappingProxyType(dict(claims)),
        account=account_of(claims, provider, issuer.audience or audience),
        token_id=_jti(claims) if "jti" in provider.required_claims else signed_hash,
        expires_at=_check_times(claims, provider.max_age_seconds, now),
        name=name_of(claims, issuer),
        ids={
            name: claims[name]
            for name in sorted(provider.required_ids)
            if isinstance(claims.get(name), str)
        },
        is_single_use=provider.is_single_use,
        project=project_of(claims, issuer),
    )


def _check_presence(claims: Mapping[str, Any], provider: Provider) -> None:
    for name in provider.required_claims:
        if claims.get(name) is None:
            required = f"include the claims {', '.join(provider.required_claims)}"
            hint = provider.missing_claim_hint or f"Configure its issuer to {required}."
            raise Unauthenticated(f"The identity token has no `{name}`. {hint}", claim=name)


def _jti(claims: Mapping[str, Any]) -> str:
    jti = claims["jti"]
    if not isinstance(jti, str) or not re.fullmatch(r"[!-~]{1,256}", jti):
        raise Unauthenticated(
            "The identity token's `jti` is invalid. It must be a string of 1 to 256 printable "
            "ASCII characters. Configure its issuer to set a unique one in every token.",
            claim="jti",
        )
    return jti


def _check_times(claims: Mapping[str, Any], max_age_seconds: int | None, time: float) -> int:
    """The expiry. All times are integers: PyJWT would also accept strings and fractions."""
    now = int(time)  # subtracting an integer of 400 digits from a float is an OverflowError
    starts = [name for name in ("iat", "nbf") if name in claims]
    for name in ("exp", *starts):
        if type(claims[name]) is not int:  # a bool is an int to isinstance
            raise Unauthenticated(
                f"The identity token's `{name}` must be an integer: seconds since the epoch. "
                "Correct the configuration of its issuer.",
                claim=name,
            )
    exp: int = claims["exp"]
    iat: int = claims["iat"]
    if not 0 < exp - iat <= MAX_LIFETIME_SECONDS:
        raise Unauthenticated(
            "The token's `exp` must be at most 24 h after its `iat`. Configure its issuer to "
            "create identity tokens with a shorter lifetime.",
            claim="exp",
        )
    for name in starts:
        start = claims[name]
        if start > now + LEEWAY_SECONDS:
            raise Unauthenticated(
                f"The identity token is not valid yet: `{name}` is {_duration(start - now)} in the "
                f"future. The allowed clock skew is {LEEWAY_SECONDS} s. Check both clocks.",
                claim=name,
            )
    if now >= exp + LEEWAY_SECONDS:
        raise Unauthenticated(
            f"The identity token expired {_duration(now - exp)} ago. {_REQUEST_NEW}", claim="exp"
        )
    if max_age_seconds is None:
        return exp
    if now > iat + max_age_seconds + LEEWAY_SECONDS:
        raise Unauthenticated(
            f"The identity token is too old: it was issued {_duration(now - iat)} ago. Tokens of "
            f"this issuer are accepted for {max_age_seconds // 60} minutes. {_REQUEST_NEW}",
            claim="iat",
        )
    return min(exp, iat + max_age_seconds)


def _duration(seconds: int) -> str:
    """A duration for an error. Claims may contain integers of any size."""
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} minutes"
    return f"{seconds // 3600} hours" if seconds < 10**9 else "more than 30 years"


def project_of(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """The path, slug or id of the repository; `-` if the token does not state it."""
    project = claims.get(PROVIDERS[issuer.kind].name_claims[0])
    return project if isinstance(project, str) and project else "-"


def name_of(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """`github:acme/shop:1234567890`. A long name is cut in the middle, to keep the run."""
    run = claims.get(PROVIDERS[issuer.kind].name_claims[1])
    run = str(run) if type(run) is int else run
    end = f":{_plain(run)[:_MAX_RUN_CHARACTERS]}" if isinstance(run, str) and run else ""
    issuer_name = _plain(issuer.short_name)[:_MAX_ISSUER_CHARACTERS]
    middle = _plain(project_of(claims, issuer))
    return f"{issuer_name}:{middle[: MAX_NAME_CHARACTERS - len(issuer_name) - len(end) - 1]}{end}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:/@+-]", "_", text)
