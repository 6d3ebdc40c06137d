"""What the pages show about releases and recent assignments. Pure: no I/O."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from monotron.auth.oidc.claims import MAX_NAME_CHARACTERS
from monotron.model.semver import Release, Withdrawal
from monotron.services.recent import Assignment
from monotron.web.pages.markup import path_of

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_VERSION = re.compile(r"[vV]?[0-9]+\.[0-9]+\.[0-9]")
_JOB = re.compile(
    r"(?P<kind>github|gitlab)(?:@(?P<host>[^:/]+)[^:]*)?"
    r":(?P<repository>[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+):[^:]*"
)
"""The name of a job that signed in: `github:acme/shop:1234567890`, or `gitlab@HOST:…` for a server
of its own (`auth/oidc/claims.py`). Names of other issuers do not state where a repository is."""

_PUBLIC_HOSTS = {"github": "github.com", "gitlab": "gitlab.com"}


class ReleaseRow(NamedTuple):
    """A release in a table."""

    name: str
    name_path: str
    version: str
    """With its build metadata."""
    path: str
    token: str | None
    without_token: str
    """Where a version without a token comes from."""
    commit_url: str | None
    """Where the commit is shown; None if that is unknown."""
    bump: str | None
    reason: str | None
    previous: str | None
    previous_path: str | None
    created_at: int | None
    assigned_by: str | None
    is_latest: bool
    """Whether it is the highest final version of its name."""
    is_pre_release: bool
    withdrawn: Withdrawal | None


def release_row(release: Release, commit_url: str = "", *, is_latest: bool = False) -> ReleaseRow:
    """*commit_url* is the setting."""
    name_path = path_of("names", release.name.name)
    previous = None if release.previous is None else str(release.previous)
    return ReleaseRow(
        name=release.name.name,
        name_path=name_path,
        version=release.full_text,
        path=f"{name_path}/{release.version_text}",  # no character needs an encoding
        token=release.token,
        without_token="counted" if release.created_at is None else "adopted",
        commit_url=commit_link(release.token, commit_url, release.assigned_by),
        bump=release.bump,
        reason=release.reason,
        previous=previous,
        previous_path=previous and f"{name_path}/{previous}",
        created_at=release.created_at,
        assigned_by=release.assigned_by,
        is_latest=is_latest,
        is_pre_release=release.label is not None,
        withdrawn=release.withdrawn,
    )


class RecentRow(NamedTuple):
    """An assignment: of a version, or of a value of a series."""

    key: str
    """The name or the key."""
    path: str
    text: str
    """The version or the value."""
    text_path: str | None
    token: str | None
    without_token: str
    """What caused an assignment without a token."""
    commit_url: str | None
    created_at: int | None
    assigned_by: str | None
    is_withdrawn: bool = False


def recent_row(assignment: Assignment, commit_url: str) -> RecentRow:
    """*commit_url* is the setting."""
    if isinstance(assignment, Release):
        name_path = path_of("names", assignment.name.name)
        return RecentRow(
            assignment.name.name,
            name_path,
            assignment.full_text,
            f"{name_path}/{assignment.version_text}",
            assignment.token,
            "adopted",
            commit_link(assignment.token, commit_url, assignment.assigned_by),
            assignment.created_at,
            assignment.assigned_by,
            assignment.withdrawn is not None,
        )
    entry = assignment.entry
    return RecentRow(
        entry.key,
        path_of("series", entry.key),
        str(entry.value),
        None,
        entry.token,
        "advanced",
        commit_link(entry.token, commit_url, assignment.assigned_by),
        assignment.created_at,
        assignment.assigned_by,
    )


def version_path(release: Release) -> str:
    """The path of the page of a version."""
    return path_of("names", release.name.name, release.version_text)


def is_commit(text: str) -> bool:
    """Whether a text looks like a commit hash, perhaps an abbreviated one."""
    return _COMMIT.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether a text looks like a version: `1.2.57` or `v1.2.57`."""
    return _VERSION.match(text) is not None


def commit_link(token: str | None, commit_url: str, assigned_by: str | None) -> str | None:
    """Where a token is shown if it is a commit hash. None if that is unknown.

    *commit_url* is the setting. If it contains `{repository}`, only commits of jobs on its host
    have a link.
    """
    if not commit_url or token is None or not is_commit(token):
        return None
    if "{repository}" in commit_url:
        repository = _repository(assigned_by or "", urlsplit(commit_url).hostname or "")
        if repository is None:
            return None
        commit_url = commit_url.replace("{repository}", repository)
    return commit_url.replace("{token}", token)


def _repository(name: str, host: str) -> str | None:
    """The repository of a job, if it is on this host. None if the name may have been cut."""
    job = _JOB.fullmatch(name)
    if job is None or len(name) >= MAX_NAME_CHARACTERS:
        return None
    issuer = job["host"] or _PUBLIC_HOSTS[job["kind"]]
    return job["repository"] if f".{issuer}".endswith(f".{host}") else None
