"""Commits, tags and messages of the git repository in the current directory."""

import os
import subprocess
from typing import NamedTuple

from monotron_ci.errors import Failure
from monotron_ci.git import Clone, Unavailable
from monotron_ci.hashes import is_hash
from monotron_ci.http import RetryPolicy
from monotron_ci.version_tags import version_tags

_TRUST = (
    "the files belong to another user, for example in a container. Trust them: "
    'git config --global --add safe.directory "$PWD"'
)


class GitFailed(Failure):
    """git is missing, or failed."""


class GitMissing(GitFailed):
    """git is not installed."""


class NoRepository(GitFailed):
    """The current directory does not belong to a git repository."""


class NoResult(GitFailed):
    """git found nothing."""


def current_commit(command: str) -> str:
    """The hash of HEAD. Raises GitFailed, whose hint contains *command*, outside a repository."""
    hint = f"pass one: {command} COMMIT"
    try:
        return _git(hint, "rev-parse", "--quiet", "--verify", "HEAD").strip()
    except NoRepository:
        raise GitFailed("no commit given, and this is not a git repository", hint) from None
    except NoResult:
        raise GitFailed("no commit given, and this repository has no commits", hint) from None


def resolve(revision: str) -> str | None:
    """The hash of the commit of a revision. None for another text, and without a repository.

    Raises GitFailed if git cannot read the repository.
    """
    try:
        # Without --end-of-options, a token could be an option.
        verify = ("rev-parse", "--quiet", "--verify", "--end-of-options")
        commit = _git("", *verify, f"{revision}^{{commit}}").strip()
    except (GitMissing, NoRepository, NoResult):
        return None
    return commit if is_hash(commit) else None


def is_repository() -> bool:
    """Whether the current directory belongs to a git repository. Raises GitFailed if it belongs to
    one that git cannot read.
    """
    try:
        _git("", "rev-parse", "--git-dir")
    except (GitMissing, NoRepository):
        return False
    return True


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


def tags_of_head(policy: RetryPolicy, prefix: str, command: str) -> VersionTags:
    """The tags of final versions with *prefix*, seen from HEAD. Raises GitFailed without one."""
    hint = f"pass the version: {command} --version 1.4.2"
    try:
        _git(hint, "rev-parse", "--git-dir")
        tags = Clone(".", policy).tags(prefix, "HEAD")
    except Unavailable as error:
        raise GitFailed(str(error), hint) from None
    except NoRepository:
        raise GitFailed("not a git repository", hint) from None
    versions = version_tags(tags.all, prefix)
    if not versions:
        raise GitFailed(
            f"no tag matches {prefix}X.Y.Z",
            "run git fetch --tags, or pass --tag-prefix or --version",
        )
    highest = max(versions)
    newest = max(version_tags(tags.reachable, prefix), default=None)
    if newest is None:
        raise GitFailed(
            f"no tag {prefix}X.Y.Z is on a commit that HEAD contains, of {len(versions)} such tags",
            "run git fetch --unshallow, or pass --version; the highest tag is "
            f"{prefix}{highest.version}",
        )
    unreachable = highest.version if highest > newest else None
    return VersionTags(newest.version, len(versions), unreachable)


def commits_of_tags() -> dict[str, str]:
    """The commit of each tag, lightweight or annotated. Raises GitFailed outside a repository."""
    own, peeled = "%(objecttype) %(objectname)", "%(*objecttype) %(*objectname)"
    commit = f"%(if)%(*objectname)%(then){peeled}%(else){own}%(end)"
    lines = _git("", "for-each-ref", f"--format={commit} %(refname:strip=2)", "refs/tags")
    found = (line.split(" ", 2) for line in lines.splitlines())
    return {tag: commit for kind, commit, tag in found if kind == "commit"}


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
    """The output of git. Raises GitFailed with the hint."""
    environ = {**os.environ, "LC_ALL": "C"}
    try:
        process = subprocess.run(["git", *arguments], env=environ, capture_output=True, check=False)
    except FileNotFoundError:
        raise GitMissing("git is not installed", hint) from None
    if process.returncode:
        first_line = process.stderr.decode(errors="replace").strip().partition("\n")[0]
        cause = f"git {arguments[0]} failed: {first_line}"
        if "not a git repository" in first_line:
            raise NoRepository(cause, hint)
        if not first_line:
            raise NoResult(cause, hint)
        if "dubious ownership" in first_line:
            hint = _TRUST
        raise GitFailed(cause, hint)
    return process.stdout.decode(errors="replace")
