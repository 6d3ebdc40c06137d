"""`monotron version --bump auto`: the version that the commits since the previous one request."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from monotron.cli import git
from monotron.cli.output import print_warning
from monotron_ci.auto import MAX_TEXT_BYTES, request_auto
from monotron_ci.client import Client
from monotron_ci.commit_range import CommitRange, Words, read_range, starts_after
from monotron_ci.commits import Commit
from monotron_ci.errors import Failure
from monotron_ci.git import Clone, Fetched
from monotron_ci.http import RetryPolicy
from monotron_ci.responses import VersionInfo

WORDS = Words(
    event="this commit",
    event_text="this commit only",
    since="--since",
    paths="--paths",
    since_hint="pass a commit, a tag or a branch: --since v1.4.2",
    clone_hint="fetch the complete history: git fetch --unshallow",
)


def version_of_commits(
    client: Client,
    name: str,
    token: str,
    query: Mapping[str, str],
    *,
    tag_prefix: str,
    since: str,
    paths: Sequence[str],
) -> tuple[VersionInfo, tuple[str, ...]]:
    """The version that the commits of this clone request, and a line that explains it."""
    commit = git.commit_hash(token, f"monotron version {name}")

    def read(newest: VersionInfo | None) -> CommitRange:
        with closing(repositories(client.policy)) as sources:
            return read_range(
                sources,
                lambda: starts_after(client, newest, tag_prefix, query.get("initial", "")),
                commit,
                lambda: [Commit(commit, git.message(commit))],
                since=since,
                paths=paths,
                words=WORDS,
            )

    info, commits, _ = request_auto(client, name, token, query, read)
    if commits is None:
        return info, ()
    for warning in commits.warnings:
        print_warning(warning)
    decision = "no release" if info.is_unchanged else info.bump
    return info, (f"{decision}: {info.reason} ({commits.text})",)


def repositories(policy: RetryPolicy) -> Generator[Clone, None, None]:
    """The current repository: its clone, and a separate bare one."""
    yield Clone(".", policy)
    if origin := git.origin():
        with TemporaryDirectory(prefix="monotron-") as folder:
            yield Fetched(folder, origin, "", policy)


def read_messages(file: str, name: str) -> str:
    """The commit messages in a file, or on standard input for `-`."""
    if file == "-":
        text = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1).decode(errors="replace")
    else:
        try:
            text = Path(file).read_text(errors="replace")
        except OSError as error:
            raise Failure(f"cannot read {file}: {error.strerror}") from None
    if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise Failure(
            "the commit messages exceed the 1 MiB that the server accepts",
            "pass the bump (--bump minor), or fewer messages: git log -z --format=%B … | "
            f"monotron version {name} --bump auto --messages -",
        )
    return text
