"""Whether a token that already has a version may repeat a request."""

from monotron.errors import TokenTaken
from monotron.model.semver import Line, Release
from monotron.services.versions.types import VersionRequest


def check_conflict(release: Release, request: VersionRequest) -> None:
    """Raise `TokenTaken` if the release results from another bump or line than requested.

    `bump=auto` and `on_conflict=reuse` accept any release of the token.
    """
    same = (request.bump, request.line) == (release.bump, release.line)
    if same or request.bump == "auto" or request.reuse_on_conflict:
        return
    version = with_metadata(release)
    raise TokenTaken(
        f"{release.token!r} already has version {version} of {release.name.name!r} "
        f"({_parameters(release.bump, release.line)}). This request asks for "
        f"{_parameters(request.bump, request.line)}, and the version of a token never changes. "
        f"Repeat the original request, add `on_conflict=reuse` to accept {version}, or build a "
        "new commit.",
        version=version,
        bump=str(release.bump),
    )


def with_metadata(release: Release) -> str:
    """The version of the release with its build metadata."""
    return f"{release.version}" + (f"+{release.metadata}" if release.metadata else "")


def _parameters(bump: str | None, line: Line | None) -> str:
    return f"bump={bump}" + (f", line={line}" if line else "")
