"""The commits that a version contains: everything since the previous version.

What one event contains is not enough. A run may have been cancelled, replaced or skipped, and a
scheduled run has no commits at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Callable, NamedTuple, Protocol

from monotron_ci.client import Client
from monotron_ci.commits import Commit
from monotron_ci.errors import Failure
from monotron_ci.git import Unavailable
from monotron_ci.hashes import is_hash
from monotron_ci.responses import VersionInfo

MAX_OLDER_RELEASES = 20
"""How many releases are tried if the commit of the newest one does not exist any more."""


class Source(Protocol):
    """Reads commits."""

    name: str

    def commits(self, start: str, commit: str, paths: Sequence[str]) -> list[Commit] | None:
        """The commits after *start* up to *commit*, newest first.

        Without *start*, the complete history. With *paths*, only commits that change one of these
        files. None if *start* does not exist. Raises `Unavailable` if the source
        cannot know all of these commits.
        """


class Start(NamedTuple):
    """A range begins after this commit."""

    revision: str
    """A hash, or a reference. Empty: before the first commit."""
    version: str = ""
    """The version of the commit, or empty."""


class CommitRange(NamedTuple):
    """The commits since a version."""

    commits: Sequence[Commit]
    """Newest first."""
    text: str
    """`7 commits since 1.2.57`."""
    start: Start | None
    """None: no start was found, and the commits are those of the event."""
    warnings: tuple[str, ...] = ()
    """Sentences."""
    history: Sequence[Commit] = ()
    """All commits of the range, also those that do not change the paths. Empty unless requested."""


class Words(NamedTuple):
    """How users of the action, or of another program, set what errors and warnings mention."""

    event: str = "the event"
    event_text: str = "{count} of the event"
    """What was read if only the event was."""
    since: str = "`since`"
    paths: str = "`paths`"
    since_hint: str = "Set it to a commit, a tag or a branch:\n\nwith:\n  since: v1.4.2"
    clone_hint: str = """Check out the complete history:

- uses: actions/checkout@v4
  with:
    fetch-depth: 0"""


OF_ACTION = Words()


def starts_after(
    client: Client, newest: VersionInfo | None, tag_prefix: str, initial: str = ""
) -> Iterator[Start]:
    """Where the range after the newest final version may start, the best choice first.

    *newest* is None for a name without versions, which may have an *initial* version.

    The commit of a version may not exist any more: the history was rewritten, or it was the head of
    a squashed pull request. Then its tag is used, and then older releases.
    """
    if newest is None:
        if initial:
            yield from _of_version(initial.removeprefix("v"), None, tag_prefix)
        yield Start("")
        return
    yield from _of_version(newest.version, newest.document.get("auto_after"), tag_prefix)
    older, _ = client.releases(newest.name, MAX_OLDER_RELEASES, newest.version, label="")
    for release in older:
        yield from _of_version(release.version, release.token, tag_prefix)


def _of_version(version: str, token: object, tag_prefix: str) -> Iterator[Start]:
    version = version.partition("+")[0]
    if is_hash(token):
        yield Start(str(token), version)
    yield Start(f"refs/tags/{tag_prefix}{version}", version)


def read_range(
    sources: Iterable[Source],
    starts: Callable[[], Iterable[Start]],
    commit: str,
    event: Callable[[], Sequence[Commit]],
    *,
    since: str = "",
    paths: Sequence[str] = (),
    words: Words = OF_ACTION,
    with_history: bool = False,
) -> CommitRange:
    """The commits up to *commit*, from the first source that is available.

    *since* replaces the starts. If no source is available, or no start exists, the range consists
    of the commits of *event*, with a warning. Raises Failure if *since* does not exist, or if no
    source shows which commits change *paths*.
    """
    reasons = []
    for source in sources:
        skipped: list[Start] = []
        try:
            for start in [Start(since)] if since else starts():
                commits = source.commits(start.revision, commit, paths)
                if commits is not None:
                    found = _found(commits, start, skipped, words)
                    if with_history and paths:
                        commits = source.commits(start.revision, commit, ()) or []
                    return found._replace(history=commits if with_history else ())
                skipped.append(start)
        except Unavailable as error:
            reasons.append(f"{source.name}: {error}")
            continue
        if since:
            raise Failure(
                f"{words.since} is {since!r}, which is not a commit of this repository.",
                words.since_hint,
            )
        reasons.append(f"{source.name}: it contains no commit and no tag of the last versions")
        break
    reason = "; ".join(reasons) or "no source of commits exists"
    if paths:
        raise Failure(
            f"The commits that change {words.paths} are unknown ({reason}).", words.clone_hint
        )
    commits = list(event())
    warning = (
        f"Only the messages of {words.event} were read ({reason}). Earlier commits without a "
        f"version may be missing. {words.since} sets the start explicitly."
    )
    text = words.event_text.format(count=_count(commits))
    return CommitRange(commits, text, None, (warning,))


def _found(
    commits: Sequence[Commit], start: Start, skipped: Sequence[Start], words: Words
) -> CommitRange:
    since = start.version or start.revision
    text = f"{_count(commits)} since {since}" if since else f"all {_count(commits)}"
    warnings = []
    if skipped:
        missing = skipped[0]
        used = start.revision.rpartition("/")[2] if start.version == missing.version else since
        read = f"The commits since {used} were read" if used else "The complete history was read"
        warnings.append(
            f"The commit of version {missing.version} ({missing.revision[:40]}) is not part of the "
            f"repository. {read}. {words.since} sets another start."
        )
    return CommitRange(commits, text, start, tuple(warnings))


def _count(commits: Sequence[Commit]) -> str:
    return "1 commit" if len(commits) == 1 else f"{len(commits)} commits"
