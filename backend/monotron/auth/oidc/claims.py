"""Whose a verified token is, and the checks of its claims that do not depend on a rule.

They run on signed claims only, so their errors may say what was wrong: to the holder of a token
that its issuer gave to somebody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from reprlib import Repr
from types import MappingProxyType
from typing import Any

from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.providers import PROVIDERS
from monotron.errors import Unauthenticated

LEEWAY = 30
"""By how many seconds the issuer's clock and ours may differ. PyPI's is 30, too."""

MAX_LIFE = 24 * 3600
"""Seconds from `iat` to `exp`."""

REQUIRED = ("iss", "aud", "exp", "iat", "nbf", "jti")
_MAX_NAME = 120
_FRESH = "Ask for a fresh one in the step that uses it."


@dataclass(frozen=True)
class Identity:
    """Somebody for whom an issuer vouches."""

    issuer: str
    """The issuer's url."""

    claims: Mapping[str, Any] = field(repr=False)
    """All of them, verified. Names and addresses of people are among them: not for a log."""

    jti: str
    """Unlike that of any other token of the issuer."""

    expires_at: int
    """In seconds since 1970. The token is taken for up to `LEEWAY` longer."""

    name: str
    """For ledger and log: up to 120 of `[A-Za-z0-9._:/@+-]`. Not to decide anything by."""


_quoting = Repr()
_quoting.maxlevel = 2
_quoting.maxstring = _quoting.maxlong = _quoting.maxother = 100


def quoted(value: object) -> str:
    """A claim's value for a message: in quotes, short, and nothing in it that does not print."""
    return _quoting.repr(value)


def check_claims(claims: Mapping[str, Any], issuer: Issuer, audience: str, now: float) -> Identity:
    """The identity, if a token with these claims is to be taken now. `Unauthenticated`."""
    for name in REQUIRED:
        if claims.get(name) is None:
            raise Unauthenticated(
                f"The identity token has no {name!r}. A token needs: {', '.join(REQUIRED)}. Its "
                "issuer must be told to put it in."
            )
    if claims["iss"] != issuer.url:
        raise Unauthenticated("The identity token is of another issuer than the one it was for.")
    if not isinstance(claims["aud"], str) or claims["aud"] != audience:
        raise Unauthenticated(
            f"The identity token is for the audience {quoted(claims['aud'])}, and this server "
            f"takes only tokens for exactly {quoted(audience)}. Ask for one with that audience: "
            "with `&audience=` behind the request URL on GitHub, `aud:` in `id_tokens:` on GitLab."
        )
    jti = claims["jti"]
    if not isinstance(jti, str) or not re.fullmatch(r"[!-~]{1,256}", jti):
        raise Unauthenticated(
            "The identity token's 'jti' must be a string of 1 to 256 printable ASCII characters. "
            "Its issuer must be told to give it one of its own."
        )
    return Identity(
        issuer=issuer.url,
        claims=MappingProxyType(dict(claims)),
        jti=jti,
        expires_at=_check_times(claims, PROVIDERS[issuer.kind].most_age, now),
        name=_name(claims, issuer),
    )


def _check_times(claims: Mapping[str, Any], most_age: int | None, time: float) -> int:
    """When the token ends. All times are whole numbers: PyJWT would take strings and fractions."""
    now = int(time)  # a float less a number of hundreds of digits is an OverflowError
    for name in ("exp", "iat", "nbf"):
        if type(claims[name]) is not int:  # a bool is an int, and no time
            raise Unauthenticated(
                f"The identity token's {name!r} must be a whole number of seconds since 1970. Its "
                "issuer must be told to make it one."
            )
    exp: int = claims["exp"]
    iat: int = claims["iat"]
    nbf: int = claims["nbf"]
    if not 0 < exp - iat <= MAX_LIFE:
        raise Unauthenticated(
            "The identity token's 'exp' must be later than its 'iat' by at most 24 h. Let its "
            "issuer give shorter-lived tokens."
        )
    for name, start in (("iat", iat), ("nbf", nbf)):
        if start > now + LEEWAY:
            raise Unauthenticated(
                f"The identity token is not good yet: its {name!r} is {_seconds(start - now)} s "
                f"ahead of this server's clock, and {LEEWAY} s are tolerated. Set the clocks right."
            )
    if now >= exp + LEEWAY:
        raise Unauthenticated(
            f"The identity token has expired: its 'exp' was {_seconds(now - exp)} s ago. {_FRESH}"
        )
    if most_age is None:
        return exp
    if now > iat + most_age + LEEWAY:
        raise Unauthenticated(
            f"The identity token is too old: it is taken for {most_age // 60} min, and its 'iat' "
            f"was {_seconds(now - iat)} s ago. {_FRESH}"
        )
    return min(exp, iat + most_age)


def _seconds(seconds: int) -> str:
    return str(seconds) if seconds < 10**9 else "over 10^9"


def _name(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """`github:acme/shop:1234567890`. What is too long loses its middle, so the run stays."""
    what, run = (claims.get(claim) for claim in PROVIDERS[issuer.kind].display)
    end = f":{_plain(run)[:40]}" if isinstance(run, str) and run else ""
    label = _plain(issuer.label)[:50]
    middle = _plain(what) if isinstance(what, str) else "-"
    return f"{label}:{middle[: _MAX_NAME - len(label) - len(end) - 1]}{end}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:/@+-]", "_", text)
