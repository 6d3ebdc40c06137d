"""The errors of requests that contradict what was assigned before."""

from monotron.errors import (
    AlreadyReleased,
    InitialRequired,
    TokenTaken,
    ValueWouldFall,
    VersionWithdrawn,
)
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName
from monotron.model.versions.requests import VersionRequest


def check_repeat(release: Release, request: VersionRequest) -> None:
    """Raise `TokenTaken` if the release results from another bump or line than requested.

    `bump=auto` and `on_conflict=reuse` accept any release of the token.
    """
    same = (request.bump, request.line) == (release.bump, release.line)
    if request.version is not None:
        same = same and request.version == release.target
    if same or request.bump == "auto" or request.reuse_on_conflict:
        return
    version = release.full_text
    exact = release.target if release.bump == "exact" else None
    raise TokenTaken(
        f"{release.token!r} already has version {version} of {release.name.name!r} "
        f"({_parameters(release.bump, release.line, exact)}). This request has "
        f"{_parameters(request.bump, request.line, request.version)}, and the version of a token "
        f"never changes. Repeat the original request, add `on_conflict=reuse` to accept {version}, "
        "or build a new commit.",
        version=version,
        bump=str(release.bump),
    )


def _parameters(bump: str | None, line: Line | None, version: Final | None) -> str:
    if version is not None:
        return f"`version={version}`"
    return f"`bump={bump}`" + (f", `line={line}`" if line else "")


def withdrawn_token(release: Release) -> VersionWithdrawn:
    """The error of a request with the token of a withdrawn version."""
    return VersionWithdrawn(
        f"The version {release.version_text} of {release.token!r} was withdrawn"
        f"{_reason(release)}. Build a new commit, or add `on_withdrawn=new` to assign this one a "
        "new version."
    )


def check_not_withdrawn(record: Release | None) -> None:
    """Raise `VersionWithdrawn` if the version was withdrawn. It is never assigned again."""
    if record is not None and record.withdrawn is not None:
        raise VersionWithdrawn(
            f"Version {record.version_text} of {record.name.name!r} was withdrawn"
            f"{_reason(record)}. A withdrawn version is never assigned again. Use another version, "
            "or reverse the withdrawal."
        )


def initial_required(name: VersionName) -> InitialRequired:
    """The error of a request that must not assign the first version of a name."""
    return InitialRequired(
        f"{name.name!r} has no versions, and this request must not start it. Adopt the last "
        "released version, or pass it, for example `initial=1.4.2`. If there is none, omit "
        "`initial`."
    )


def _reason(release: Release) -> str:
    reason = release.withdrawn.reason if release.withdrawn else ""
    return f" ({reason!r})" if reason else ""


def exact_taken(record: Release) -> AlreadyReleased:
    """The error of a request for an exact version that exists."""
    owner = "was adopted" if record.token is None else f"belongs to {record.token!r}"
    return AlreadyReleased(
        f"Version {record.version_text} of {record.name.name!r} {owner}. Use another version."
    )


def not_above(name: VersionName, version: Final, highest: Final) -> ValueWouldFall:
    """The error of a request for an exact version that is too low."""
    rule = f"It must be higher than {highest}, the newest version of "
    rule += "its line." if highest.major == version.major else "the name."
    return ValueWouldFall(
        f"Version {version} of {name.name!r} cannot be assigned. "
        f"{'Versions start after it.' if highest == ZERO_VERSION else rule} Use a higher version."
    )


def already_released(name: VersionName, target: Final) -> AlreadyReleased:
    """The error of a promotion to a version that was assigned, or that is too low."""
    return AlreadyReleased(
        f"The pre-release of {target} of {name.name!r} cannot be promoted. {target} or a newer "
        "version of its line is already released. Create a new pre-release, or use `bump=patch`."
    )


def too_low_to_adopt(name: VersionName, version: Final, newest: Final) -> ValueWouldFall:
    """The error of an adoption below the newest version, or of 0.0.0."""
    if newest == ZERO_VERSION:
        return ValueWouldFall(
            f"Version {ZERO_VERSION} of {name.name!r} cannot be adopted. Versions start after it. "
            "Adopt a later version, or request the first one."
        )
    return ValueWouldFall(
        f"{name.name!r} is already at {newest}. Versions only increase, so {version} cannot be "
        f"adopted. Adopt {newest} or later."
    )


def counted_beyond(name: VersionName, version: Final, beyond: Final) -> ValueWouldFall:
    """The error of an adoption of a version that the series have already passed."""
    return ValueWouldFall(
        f"The series of {name.name!r} are already at {beyond}. They were advanced manually, so "
        f"{version} cannot be adopted. Adopt {beyond} or later."
    )
