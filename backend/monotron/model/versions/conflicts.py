"""The errors of requests that contradict what was assigned before."""

from monotron.errors import AlreadyReleased, TokenTaken, ValueWouldFall
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName
from monotron.model.versions.requests import VersionRequest


def check_repeat(release: Release, request: VersionRequest) -> None:
    """Raise `TokenTaken` if the release results from another bump or line than requested.

    `bump=auto` and `on_conflict=reuse` accept any release of the token.
    """
    same = (request.bump, request.line) == (release.bump, release.line)
    if same or request.bump == "auto" or request.reuse_on_conflict:
        return
    version = release.full_text
    raise TokenTaken(
        f"{release.token!r} already has version {version} of {release.name.name!r} "
        f"({_parameters(release.bump, release.line)}). This request asks for "
        f"{_parameters(request.bump, request.line)}, and the version of a token never changes. "
        f"Repeat the original request, add `on_conflict=reuse` to accept {version}, or build a "
        "new commit.",
        version=version,
        bump=str(release.bump),
    )


def _parameters(bump: str | None, line: Line | None) -> str:
    return f"bump={bump}" + (f", line={line}" if line else "")


def already_released(name: VersionName, target: Final) -> AlreadyReleased:
    """The error of a promotion to a version that was assigned, or that is too low."""
    return AlreadyReleased(
        f"Version {target} of {name.name!r} is already released. It cannot be promoted again. "
        "Create a new pre-release, or use bump=patch."
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
