"""Reads commits and tags with git. The clone of the user is never changed.

Only `Fetched` writes, into a bare repository of its own. A treeless fetch transfers commits without
files: https://git-scm.com/docs/partial-clone
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from monotron_ci.commits import Commit
from monotron_ci.hashes import is_hash
from monotron_ci.history import changing
from monotron_ci.http import RetryPolicy
from monotron_ci.version_tags import RepositoryTags

_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}

_NO_FETCH = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""In a partial clone, git fetches missing objects. Versions before 2.44 ignore the first variable,
but without a protocol, they fail as well."""

_REPOSITORY = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_NAMESPACE"),
)
"""Variables that select another repository than that of the folder, for example in a hook."""

_MISSING = re.compile(
    "not our ref|couldn't find remote ref|unadvertised object|want [0-9a-f]+ not valid"
)
"""What git and JGit report for a reference or a commit that a remote does not have."""


class Unavailable(Exception):
    """The source has no complete history. The text states why."""


class Clone:
    """The clone in a folder, such as that of `actions/checkout`."""

    name = "the clone"
    has_all_tags = False  # `actions/checkout` fetches none by default

    def __init__(self, folder: str, policy: RetryPolicy) -> None:
        self._folder = folder
        self._policy = policy
        self._environ: Mapping[str, str] = os.environ

    def commits(self, start: str, commit: str, paths: Sequence[str] = ()) -> list[Commit] | None:
        """The commits after *start* up to *commit*, newest first.

        *start* is a revision, or a branch of the remote `origin`; without it, the history is
        complete. With *paths*, only commits that change one of these files, without their parents,
        which may be missing. None if *start* does not exist. Raises `Unavailable` if the repository
        does not contain all commits.
        """
        self._check(commit)
        # `actions/checkout` creates a local branch for the reference of the event only.
        remote = f"refs/remotes/origin/{start}"
        first = self._resolve(start) or self._resolve(remote) if start else ""
        if first is None:
            return None
        options = ("--no-mailmap", "--no-show-signature", "--encoding=UTF-8", "--format=%H %P%n%B")
        revisions = [commit, f"^{first}"] if first else [commit]
        text = self._git("log", "-z", *options, *revisions, "--")
        commits = [_commit(entry) for entry in text.split("\0") if entry]
        if not paths:
            return commits
        found = changing(commits, lambda some, position: self._differing(some, position, paths))
        return [each._replace(parents=()) for each in found]

    def _differing(
        self, commits: Sequence[Commit], position: int, paths: Sequence[str]
    ) -> list[Commit]:
        """The commits that change one of the files, compared with the parent at the position.

        `git log PATHS` compares a merge with all parents, and so lists a merge of a branch that was
        created before the last change of the files.
        """
        parents = slice(position, position + 1)
        pairs = (" ".join([each.hash, *each.parents[parents]]) for each in commits)
        options = ("--stdin", "--root", "-r", "-z", "--name-only", "--no-renames")
        patterns = [f":(top,glob){path}" for path in paths]
        stdin = "".join(f"{pair}\n" for pair in pairs)
        output = self._git("diff-tree", *options, "--", *patterns, stdin=stdin)
        differing = set(output.split("\0"))  # each hash is followed by files
        return [each for each in commits if each.hash in differing]

    def tags(self, prefix: str, commit: str) -> RepositoryTags:
        """The tags that start with *prefix*.

        Raises `Unavailable` if the clone does not contain the commit: it is another repository.
        """
        head = self._resolve(commit)
        if head is None:
            raise Unavailable("the clone does not contain the commit")
        command = ("for-each-ref", "--format=%(refname:strip=2)")
        pattern = f"refs/tags/{prefix}*"
        reachable = self._git(*command, f"--merged={head}", pattern)
        return RepositoryTags(self._git(*command, pattern).splitlines(), reachable.splitlines())

    def _check(self, commit: str) -> None:
        """Raise `Unavailable` unless the history of the commit is here completely."""
        # A shallow clone can contain both ends of a range and miss commits between them.
        if self._git("rev-parse", "--is-shallow-repository").strip() != "false":
            raise Unavailable("the clone is shallow")
        if self._resolve(commit) is None:
            raise Unavailable("the clone does not contain the commit")

    def _resolve(self, revision: str) -> str | None:
        """The hash of the commit, or None."""
        arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        try:
            return self._git("rev-parse", *arguments).strip()
        except Unavailable:
            return None

    def _git(self, *arguments: str, stdin: str = "", environ: Mapping[str, str] = _NO_FETCH) -> str:
        """The output of git. Raises `Unavailable` with the first line of its error."""
        # The folder may belong to another user if the job runs in a container.
        command = ["git", "-c", f"safe.directory={os.path.abspath(self._folder)}"]
        # Half of the time remains for other sources, and for the request to the service.
        seconds = max(1.0, (self._policy.end - self._policy.clock()) / 2)
        try:
            process = subprocess.run(  # noqa: S603 - the arguments are hashes and constants
                [*command, "--no-replace-objects", *arguments],
                cwd=self._folder,
                env={**self._environ, **_QUIET, **environ},
                input=stdin.encode(),
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise Unavailable("git or the clone is missing") from None
        except OSError as error:
            raise Unavailable(f"git cannot run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise Unavailable("git took too long") from None
        if process.returncode:
            lines = process.stderr.decode(errors="replace").strip().splitlines()
            fatal = [line for line in lines if line.startswith("fatal: ")]
            line = "".join((fatal or lines)[:1])
            raise Unavailable(f"git {arguments[0]} failed: {line[:200]}")
        return process.stdout.decode(errors="replace")


def _commit(entry: str) -> Commit:
    """The commit of an entry of the log."""
    header, _, message = entry.partition("\n")
    commit, *parents = header.split()
    return Commit(commit, message, tuple(parents))


class Fetched(Clone):
    """A separate bare repository, for jobs without a complete clone."""

    name = "a separate fetch"
    has_all_tags = True

    def __init__(self, folder: str, url: str, token: str, policy: RetryPolicy) -> None:
        """*folder* is empty. *token* can read the repository at *url*. Only the environment of git
        contains it.
        """
        super().__init__(folder, policy)
        self._url = url
        own = {name: value for name, value in os.environ.items() if name not in _REPOSITORY}
        self._environ = own
        self._remote: Mapping[str, str] = {}
        if token:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            self._remote = {
                "GIT_CONFIG_COUNT": "2",
                "GIT_CONFIG_KEY_0": f"http.{url}.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
                "GIT_CONFIG_KEY_1": "http.followRedirects",
                "GIT_CONFIG_VALUE_1": "false",
            }

    def commits(self, start: str, commit: str, paths: Sequence[str] = ()) -> list[Commit] | None:
        """As `Clone.commits`. Fetches the commit, and *start* unless it precedes the commit."""
        if not os.path.exists(os.path.join(self._folder, "HEAD")):
            self._git("init", "--quiet", "--bare", ".")
        filter = "blob:none" if paths else "tree:0"
        if self._resolve(commit) is None:
            self._fetch(commit, filter)
        first = self._start(start, filter) if start else ""
        return None if first is None else super().commits(first, commit, paths)

    def _start(self, start: str, filter: str) -> str | None:
        """The hash of the commit that the range starts after. None if it does not exist."""
        # A tag such as 2024 takes precedence over an abbreviated hash.
        if is_hash(start) and self._resolve(start):
            return start
        try:
            self._fetch(start, filter)
        except Unavailable as error:
            if not _MISSING.search(str(error)):
                raise
            return self._resolve(start)
        return self._git("rev-parse", "FETCH_HEAD^{commit}").strip()

    def tags(self, prefix: str, commit: str) -> RepositoryTags:
        """The tags of the remote that start with *prefix*. None is known to be reachable."""
        command = ("ls-remote", "--quiet", "--tags", "--refs", "--", self._url)
        output = self._git(*command, f"refs/tags/{prefix}*", environ=self._remote)
        references = [line.partition("\t")[2] for line in output.splitlines()]
        return RepositoryTags([each.removeprefix("refs/tags/") for each in references])

    def _fetch(self, reference: str, filter: str) -> None:
        options = ("--quiet", "--no-tags", f"--filter={filter}", "--end-of-options")
        self._git("fetch", *options, self._url, reference, environ=self._remote)
