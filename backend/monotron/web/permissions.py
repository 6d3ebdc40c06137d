"""`@requires("write:series")`: what a verb needs stands on the verb."""

from collections.abc import Callable
from typing import Any, TypeVar

from monotron.auth.scopes import SCOPES

Verb = TypeVar("Verb", bound=Callable[..., Any])

NOTHING = "nothing"
"""For the few verbs that are for everybody."""

ROOT_KEY = "the root key"
"""For what concerns all accounts."""


def requires(scope: str) -> Callable[[Verb], Verb]:
    """Let the verb be for those who have the scope, or for everybody, or for the root key only.

    A scope that there is not fails at import. A verb without this is for nobody.
    """
    if scope not in (*SCOPES, NOTHING, ROOT_KEY):
        raise ValueError(f"there is no scope {scope!r}")

    def mark(verb: Verb) -> Verb:
        verb.scope = scope  # type: ignore[attr-defined]
        return verb

    return mark


def needs(handler: type, method: str) -> str | None:
    """What the handler's verb for an HTTP method requires; None where it does not take it."""
    verb = getattr(handler, "get" if method == "HEAD" else method.lower(), None)
    scope: str | None = getattr(verb, "scope", None)
    return scope
