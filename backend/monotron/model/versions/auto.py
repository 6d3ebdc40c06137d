"""bump=auto: the version that the commit messages request, if any."""

from monotron.errors import BaseOutdated, InvalidBump
from monotron.model.semver import ZERO_VERSION, Final, Release
from monotron.model.versions.adoption import adopted_exactly, is_above_its_line
from monotron.model.versions.bumps import bumped_by, pre_release
from monotron.model.versions.facts import BaseUses, RecordAt
from monotron.model.versions.lookup import base_of, newest_or_zero, reused, with_record
from monotron.model.versions.requests import NOT_LATEST, Assign, Assigned, VersionResult
from monotron.model.versions.state import State

NO_MESSAGES = (
    "`bump=auto` requires commit messages, and the body contains none. Send them as text, for "
    "example `git log --format=%B%x00 LAST..HEAD | curl --data-binary @- …`, or use `bump=major`, "
    "`bump=minor` or `bump=patch`."
)


def check_base(state: State, request: Assign) -> None:
    """Raise `BaseOutdated` if another version is the newest than the caller has assumed.

    Its commits were read from an older version, so some of them may have a version already.
    Raises `LineNotFound` if the line does not exist.
    """
    name, line, base = request.name, request.parameters.line, request.parameters.base
    if base is None:
        return
    newest = base_of(state, name, line)
    if newest == base:
        return
    record = state.get(RecordAt(name, newest.sort_key))
    where = f"on line {line}" if line else f"of {name.name!r}"
    if newest == ZERO_VERSION:
        detail = f"{name.name!r} has no version. Read all commits, and"
    else:
        detail = f"the newest version {where} is {newest}. Read the commits since {newest}, and"
    assumed = "`none`" if base == ZERO_VERSION else str(base)
    raise BaseOutdated(
        f"`base` is {assumed}, but {detail} repeat the request with `base={_base_text(newest)}`.",
        version=None if newest == ZERO_VERSION else str(newest),
        token=record.token if record else None,
    )


def _base_text(base: Final) -> str:
    """The parameter `base` with this value."""
    return "none" if base == ZERO_VERSION else str(base)


def with_base(state: State, release: Release, base: Final) -> Release:
    """The release with the base that its commits were read from. A base is used once."""
    text = _base_text(base)
    uses = state.get(BaseUses(release.name, release.line, text))
    return release._replace(base=text, base_use=uses + 1)


def bump_of_commits(state: State, request: Assign) -> Assigned | None:
    """Assign the version that the commits request. None if no commit requests one."""
    name, _, parameters, commits = request
    if commits is None:
        if parameters.base is None:
            raise InvalidBump(NO_MESSAGES)
        return None  # `check_base` has accepted that no commits follow the base
    base = base_of(state, name, parameters.line)
    notes = list(commits.notes)
    for target, line in commits.release_as:
        if parameters.line is not None and not parameters.line.covers(target):
            notes.append(f"{line!r} was ignored, because it is not on line {parameters.line}.")
        elif state.get(RecordAt(name, target.sort_key)) is not None:
            notes.append(f"{line!r} was ignored, because this version exists already.")
        elif not is_above_its_line(state, name, target):
            notes.append(f"{line!r} was ignored, because a newer version exists.")
        else:
            release = Release(name, request.token, target, bump="exact", reason=line)
            if parameters.label is None:
                assigned = adopted_exactly(state, request, release, base)
            else:
                assigned = pre_release(state, request, release, target, base)
            return assigned._replace(notes=tuple(notes))
    if commits.bump is None:
        return None
    component = commits.bump
    if component == "major" and base.major == 0 and parameters.initial_development:
        component = "minor"
    assigned = bumped_by(state, request, component, base, commits.reason)
    return assigned._replace(notes=tuple(notes))


def no_release(state: State, request: Assign) -> VersionResult:
    """The newest final version, unchanged, with the reason why no commit requests another one."""
    name, _, parameters, commits = request
    reason = commits.reason if commits else "No commits follow the newest version."
    notes = commits.notes if commits else ()
    newest = newest_or_zero(state, name, parameters.line)
    if newest == ZERO_VERSION:
        nothing = Release(name, None, ZERO_VERSION, reason=reason)
        return VersionResult(nothing, NOT_LATEST, reused=True, notes=notes)
    result = reused(state, with_record(state, name, newest))
    return result._replace(release=result.release._replace(reason=reason), notes=notes)
