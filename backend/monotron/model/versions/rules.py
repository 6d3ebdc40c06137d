"""The rules of versions: what each request results in, and what must be written for it."""

from typing import assert_never

from monotron.model.versions.adoption import adopt
from monotron.model.versions.assignment import assign
from monotron.model.versions.lookup import newest_release, release_at, release_of_token
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    Decision,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    Reverse,
    Withdraw,
)
from monotron.model.versions.state import State
from monotron.model.versions.withdrawal import reverse, withdraw


def decide(state: State, request: Request) -> Decision:
    """Decide about a request. Raises its error, or `Missing`."""
    decision = _decide(state, request)
    state.check_quota(decision.change)
    if isinstance(request, Assign) and request.parameters.dry_run:
        return Decision(decision.result)
    return decision


def _decide(state: State, request: Request) -> Decision:
    match request:
        case Assign():
            return assign(state, request)
        case Adopt():
            return adopt(state, request)
        case Withdraw():
            return withdraw(state, request)
        case Reverse():
            return reverse(state, request)
        case GetNewest():
            return Decision(newest_release(state, request))
        case GetOfToken():
            return Decision(release_of_token(state, request))
        case GetRelease():
            return Decision(release_at(state, request))
    assert_never(request)
