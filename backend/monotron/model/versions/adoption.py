"""Adoption, and exact versions: the next version continues from the one that the caller names."""

from monotron.model.semver import ZERO_VERSION, Final, Release, VersionName
from monotron.model.versions.changes import Change
from monotron.model.versions.conflicts import (
    check_not_withdrawn,
    counted_beyond,
    exact_taken,
    not_above,
    too_low_to_adopt,
)
from monotron.model.versions.counting import advances_to
from monotron.model.versions.facts import RecordAt
from monotron.model.versions.lookup import (
    highest_of_its_line,
    next_position,
    previous_of,
    reused,
)
from monotron.model.versions.newest import newest
from monotron.model.versions.requests import (
    LATEST,
    Adopt,
    Assign,
    Assigned,
    Decision,
    VersionResult,
)
from monotron.model.versions.state import State


def adopt(state: State, request: Adopt) -> Decision:
    """Record an existing version, so that the next one continues from it."""
    name, version, assigned_by = request
    current = newest(state, name)
    if version < current or version == ZERO_VERSION:
        raise too_low_to_adopt(name, version, current)
    record = state.get(RecordAt(name, version.sort_key))
    if record is not None and record.withdrawn is None:
        return Decision(reused(state, record)._replace(changed=True))
    change = adoption(state, name, version, assigned_by)
    result = VersionResult(change.records[0], latest=LATEST, reused=False, changed=True)
    return Decision(result, change)


def adoption(state: State, name: VersionName, version: Final, assigned_by: str) -> Change:
    """Record a version without a token, and advance the series to it.

    Raises `ValueWouldFall` if the series have already passed it, and `VersionWithdrawn`.
    """
    check_not_withdrawn(state.get(RecordAt(name, version.sort_key)))
    beyond = newest(state, name, also=version)
    if beyond > version:
        raise counted_beyond(name, version, beyond)
    previous, previous_token = previous_of(state, name, version)
    current = newest(state, name)
    if previous is None and ZERO_VERSION < current < version:
        previous = current
    release = Release(
        name,
        None,
        version,
        previous=previous,
        previous_token=previous_token,
        created_at=state.now,
        assigned_by=assigned_by,
        position=next_position(state, name),
    )
    return Change(entries=advances_to(state, name, version, assigned_by), records=(release,))


def exact_version(state: State, request: Assign) -> Assigned:
    """Assign the version that the caller names.

    It must be higher than every version of its minor line. If that line does not exist, of its
    major line; if that does not exist, of the name.
    """
    name, token, parameters, _ = request
    version = parameters.version or ZERO_VERSION
    record = state.get(RecordAt(name, version.sort_key))
    if record is not None:
        check_not_withdrawn(record)
        raise exact_taken(record)
    highest = highest_of_its_line(state, name, version)
    if version <= highest:
        raise not_above(name, version, highest)
    release = Release(name, token, version, bump="exact")
    return adopted_exactly(state, request, release, highest)


def is_above_its_line(state: State, name: VersionName, version: Final) -> bool:
    """Whether the version is higher than every version of its line, as an exact version must be."""
    return version > highest_of_its_line(state, name, version)


def adopted_exactly(state: State, request: Assign, release: Release, base: Final) -> Assigned:
    """Assign exactly this version. The series are advanced to it."""
    by = request.parameters.assigned_by
    return Assigned(release, advances_to(state, request.name, release.target, by), base)
