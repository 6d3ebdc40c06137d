"""Commits, tags and messages of the git repository in the current directory."""

import subprocess
from typing import NamedTuple

from semver import Version

from monotron_ci.errors import Failure
from monotron_ci.hashes import is_hash
from monotron_ci.responses import INT64_MAX


class GitFailed(Failure):
    """git is missing, or failed."""


def current_commit(command: str) -> str:
    """The hash of HEAD. Raises GitFailed, whose hint contains *command*, outside a repository."""
    hint = f"pass one: {command} COMMIT"
    try:
        return _git(hint, "rev-parse", "HEAD").strip()
    except GitFailed as failure:
        if "not a git repository" not in failure.cause:
            raise
        raise GitFailed("no commit given, and this is not a git repository", hint) from None


def resolve(revision: str) -> str | None:
    """The hash of the commit of a revision. None for another text, and without git."""
    try:
        # Without --end-of-options, a token could be an option.
        verify = ("rev-parse", "--quiet", "--verify", "--end-of-options")
        commit = _git("", *verify, f"{revision}^{{commit}}").strip()
    except GitFailed:
        return None
    return commit if is_hash(commit) else None


def current_branch() -> str:
    """The name of the branch that is checked out. Raises GitFailed if there is none."""
    hint = "check out a branch, or pass --prerelease and --line explicitly"
    branch = _git(hint, "branch", "--show-current").strip()
    if not branch:
        raise GitFailed("no branch is checked out", hint)
    return branch


def default_branch() -> str:
    """The default branch of the remote `origin`, or empty if the clone does not know it."""
    try:
        reference = _git("", "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD").strip()
    except GitFailed:
        return ""
    return reference.removeprefix("refs/remotes/origin/")


class VersionTags(NamedTuple):
    """The tags of final versions."""

    newest: str
    """The highest version among the tags that the commit contains."""
    number: int
    """The number of tags of final versions in the repository."""
    unreachable: str | None
    """A higher version, whose tag is on other commits only."""


def version_tags(prefix: str, command: str) -> VersionTags:
    """The tags of final versions with *prefix*, seen from HEAD. Raises GitFailed without one."""
    hint = f"pass the version: {command} --version 1.4.2"
    try:
        tags = _git(hint, "tag", "--list", f"{prefix}*")
    except GitFailed as failure:
        if "not a git repository" not in failure.cause:
            raise
        raise GitFailed("not a git repository", hint) from None
    versions = _final_versions(tags, prefix)
    if not versions:
        raise GitFailed(
            f"no tag matches {prefix}X.Y.Z",
            "run git fetch --tags, or pass --tag-prefix or --version",
        )
    highest = max(versions)
    reachable = _final_versions(
        _git(hint, "tag", "--list", f"{prefix}*", "--merged", "HEAD"), prefix
    )
    if not reachable:
        raise GitFailed(
            f"no tag {prefix}X.Y.Z is on a commit that HEAD contains, of {len(versions)} such tags",
            f"run git fetch --unshallow, or pass --version; the highest tag is {prefix}{highest}",
        )
    newest = max(reachable)
    return VersionTags(str(newest), len(versions), str(highest) if highest > newest else None)


def _final_versions(tags: str, prefix: str) -> list[Version]:
    texts = [tag.removeprefix(prefix) for tag in tags.splitlines()]
    versions = [Version.parse(text) for text in texts if Version.is_valid(text)]
    finals = [version for version in versions if version.prerelease is None]
    return [each for each in finals if max(each.major, each.minor, each.patch) <= INT64_MAX]


def commit_hash(revision: str, command: str) -> str:
    """The complete hash of a revision. Raises GitFailed if it is not a commit of this clone."""
    hint = f"pass its messages: git log -z --format=%B … | {command} {revision} --messages -"
    arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        return _git(hint, "rev-parse", *arguments).strip()
    except GitFailed:
        raise GitFailed(f"{revision!r} is not a commit of this clone", hint) from None


def message(commit: str) -> str:
    """The message of one commit, given by its hash."""
    return _git("", "log", "--max-count=1", "--no-mailmap", "--format=%B", commit, "--")


def origin() -> str:
    """The URL of the remote `origin`, or empty."""
    try:
        return _git("", "remote", "get-url", "origin").strip()
    except GitFailed:
        return ""


def _git(hint: str, *arguments: str) -> str:
    try:
        process = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise GitFailed("git is not installed", hint) from None
    if process.returncode:
        first_line = process.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise GitFailed(f"git {arguments[0]} failed: {first_line}", hint)
    return process.stdout.decode(errors="replace")
