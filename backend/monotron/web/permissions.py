"""`@requires("write:series")`: the permission that a verb requires is declared on the verb."""

from collections.abc import Callable
from typing import Any, TypeVar

from monotron.auth.scopes import SCOPES

Verb = TypeVar("Verb", bound=Callable[..., Any])

NOTHING = "nothing"
"""Anyone may use the verb, without credentials."""

ANY_CREDENTIAL = "any credentials"
"""Every caller with credentials may use the verb, and every caller of an open server."""

ROOT_KEY = "the root key"
"""Only the root key may use the verb, because it affects all accounts."""


def requires(scope: str) -> Callable[[Verb], Verb]:
    """Restrict a verb to a scope, to the root key, to any credentials, or to nothing.

    An unknown scope fails at import. A verb without this decorator is denied to everyone.
    """
    if scope not in (*SCOPES, NOTHING, ANY_CREDENTIAL, ROOT_KEY):
        raise ValueError(f"unknown scope {scope!r}")

    def mark(verb: Verb) -> Verb:
        verb.scope = scope  # type: ignore[attr-defined]
        return verb

    return mark


def declared_scope(handler: type, method: str) -> str | None:
    """Return what an HTTP method of a handler requires; None if it is not supported."""
    verb = getattr(handler, "get" if method == "HEAD" else method.lower(), None)
    scope: str | None = getattr(verb, "scope", None)
    return scope
