"""The audience of an identity token: the server's, or that of one account."""

import re
from collections.abc import Mapping
from reprlib import Repr
from typing import Any

from monotron.auth.oidc.provider import Provider
from monotron.errors import Unauthenticated

_quoting = Repr()
_quoting.maxlevel = 2
_quoting.maxstring = _quoting.maxlong = _quoting.maxother = 100


def quoted(value: object) -> str:
    """A claim's value for an error: in quotes, shortened and printable."""
    return _quoting.repr(value)


def account_audience(audience: str, account: object) -> str:
    """The audience of identity tokens that are valid in one account only."""
    return f"{audience}/accounts/{account}"


def account_of(claims: Mapping[str, Any], provider: Provider, audience: str) -> int | None:
    """The account that a token's audience names; None if it is the server's *audience*.

    *audience* is that of the issuer if the provider's audience is fixed. Raises Unauthenticated if
    the token is for another service, or for several services.
    """
    value = claims["aud"]
    if provider.fixed_audience is not None:
        if value == audience:
            return None
        raise Unauthenticated(
            f"The identity token has the audience {quoted(value)}, but tokens of its issuer always "
            f"have {quoted(audience)}. Request a new token.",
            claim="aud",
        )
    is_own, account = _parse(_without_workspace(value, claims, provider), audience)
    if is_own:
        return account
    raise Unauthenticated(
        f"The identity token has the audience {quoted(value)}, but this server requires "
        f"{quoted(audience)} or {quoted(account_audience(audience, 'ID'))}. Request one for that "
        f"audience only. {provider.audience_hint}".rstrip(),
        claim="aud",
    )


def _without_workspace(value: object, claims: Mapping[str, Any], provider: Provider) -> object:
    """The audience in a list of one, apart from the workspace's own; any other value unchanged.

    A token for several services is not accepted, because each of them could use it here.
    """
    if not provider.accepts_audience_list or not isinstance(value, list):
        return value
    ignored = []
    if provider.workspace_audience is not None:
        prefix, claim = provider.workspace_audience
        id = str(claims[claim])
        ignored = [f"{prefix}{id}", f"{prefix}{id.removeprefix('{').removesuffix('}')}"]
    others = [each for each in value if each not in ignored]
    return others[0] if len(others) == 1 else value


def _parse(value: object, audience: str) -> tuple[bool, int | None]:
    """Whether it is an audience of this server, and the account that it names."""
    if value == audience:
        return True, None
    if not isinstance(value, str):
        return False, None
    id = re.fullmatch(r"[1-9][0-9]{0,17}", value.rpartition("/")[2])
    if id is not None and value == account_audience(audience, id[0]):
        return True, int(id[0])
    return False, None
