"""The assignment of a version to a token."""

from collections.abc import Sequence

from monotron.model.semver import ZERO_VERSION
from monotron.model.token_notes import token_notes
from monotron.model.versions.adoption import adoption, exact_version
from monotron.model.versions.auto import bump_of_commits, check_base, no_release, with_base
from monotron.model.versions.bumps import bump
from monotron.model.versions.calendar import calendar_release
from monotron.model.versions.changes import Change, NewEntry
from monotron.model.versions.conflicts import check_repeat, initial_required, withdrawn_token
from monotron.model.versions.facts import HeadOf, RecordsOf
from monotron.model.versions.lookup import (
    has_versions,
    latest_of,
    next_position,
    previous_of,
    reused,
)
from monotron.model.versions.newest import newest
from monotron.model.versions.promotion import promote
from monotron.model.versions.requests import Assign, Assigned, Decision, VersionResult
from monotron.model.versions.state import State


def assign(state: State, request: Assign) -> Decision:
    """Return the version of the token, or assign it one."""
    name, token, parameters, _ = request
    earlier = [
        release
        for release in state.get(RecordsOf(name, token))
        if release.label == parameters.label
    ]
    for release in earlier:
        if release.withdrawn is None:
            check_repeat(release, parameters)
            notes = token_notes(token)
            return Decision(reused(state, release)._replace(changed=True, notes=notes))
    if earlier and not parameters.new_if_withdrawn:
        raise withdrawn_token(earlier[-1])
    check_base(state, request)
    before, adopted = state, Change()
    initial = parameters.initial
    if initial is not None and initial != ZERO_VERSION and not has_versions(state, name):
        adopted = adoption(state, name, initial, parameters.assigned_by)
        state = state.after(adopted)
    decision = _new(state, request, len(earlier) + 1)
    if decision is None:
        return Decision(no_release(before, request))
    if parameters.initial_required and not has_versions(before, name):
        raise initial_required(name)
    replaced = Change(
        replaced=tuple(
            (each, each._replace(withdrawn=each.withdrawn._replace(replaced=True)))
            for each in earlier
            if each.withdrawn is not None
        )
    )
    return Decision(decision.result, adopted.then(replaced).then(decision.change))


def _new(state: State, request: Assign, attempt: int) -> Decision | None:
    """The decision to assign a new version to the token. None if no commit requests one."""
    name, parameters = request.name, request.parameters
    assigned: Assigned | None
    match parameters.bump:
        case "final":
            assigned = promote(state, request)
        case "exact":
            assigned = exact_version(state, request)
        case "calendar":
            assigned = calendar_release(state, request)
        case "auto":
            assigned = bump_of_commits(state, request)
        case _:
            assigned = bump(state, request)
    if assigned is None:
        return None
    release, entries, base, notes = assigned
    previous, previous_token = previous_of(state, name, release.target)
    if previous is None:  # the series were counted directly
        below = [each for each in (base, newest(state, name)) if each < release.target]
        previous = max((each for each in below if each != ZERO_VERSION), default=None)
    release = release._replace(
        line=parameters.line,
        metadata=parameters.metadata,
        previous=previous,
        previous_token=previous_token,
        created_at=state.now,
        assigned_by=parameters.assigned_by,
        attempt=attempt,
        position=next_position(state, name),
    )
    if parameters.base is not None and release.label is None:
        release = with_base(state, release, parameters.base)
    latest = latest_of(state, release)
    notes = (*notes, *token_notes(request.token))
    result = VersionResult(
        release, latest, reused=False, changed=True, notes=notes, skipped=_skipped(state, entries)
    )
    return Decision(result, Change(entries=entries, records=(release,)))


def _skipped(state: State, entries: Sequence[NewEntry]) -> int:
    """How many numbers are between the last value of a series and the new one of the token.

    Recorded versions have these numbers, or a higher one: they were withdrawn and the series went
    back, or the series was restarted.
    """
    return sum(
        entry.value - 1 - state.get(HeadOf(entry.series)).value
        for entry in entries
        if entry.token is not None
    )
