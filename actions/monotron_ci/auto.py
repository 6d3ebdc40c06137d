"""Requests with `bump: auto`: the version that the commits since the previous version request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple

from monotron_ci.client import Client
from monotron_ci.commit_range import CommitRange
from monotron_ci.errors import Failure
from monotron_ci.responses import VersionInfo

MAX_ATTEMPTS = 5
"""How often the commits are read again because another build was faster."""

MAX_TEXT_BYTES = 1 << 20
"""The longest text that the service accepts."""

_RANKS = {"patch": 1, "minor": 2, "major": 3}

_FOOTER = re.compile(
    r"[a-z][a-z-]*(: | #)|(\*\*)?BREAKING|\[(skip|no) release\]|This reverts commit", re.IGNORECASE
)
"""A line of a message, other than its header, that the service may read."""


class AutoVersion(NamedTuple):
    """The version of a token, and the commits that it was decided from."""

    version: VersionInfo
    commits: CommitRange | None
    """None: the token has had this version before, so no commits were read."""
    newest: VersionInfo | None = None
    """The newest final version, which the commits follow."""


def request_auto(
    client: Client,
    name: str,
    token: str,
    query: Mapping[str, str],
    read: Callable[[VersionInfo | None], CommitRange],
) -> AutoVersion:
    """The version of the token. Assigns the one that the commits request to a new token.

    *query* contains `bump=auto`. *read* returns the commits after the newest final version, or all
    commits if it is None. Two builds never count one commit twice: the service refuses the request
    of the slower one, which then reads its commits again.
    """
    for _ in range(MAX_ATTEMPTS):
        if client.has_version(name, token, query.get("prerelease", "")):
            return AutoVersion(client.version(name, token, query, ""), None)
        newest = client.newest(name, query.get("line", ""))
        commits = read(newest)
        if not commits.commits and commits.start is None:
            raise Failure(
                f"No commit messages were found. {commits.warnings[0]}",
                code="invalid_bump",
            )
        based = _based(query, newest)
        try:
            text = _text(client, name, token, based, newest, commits)
            return AutoVersion(client.version(name, token, based, text), commits, newest)
        except Failure as failure:
            if failure.code != "base_outdated":
                raise
    raise Failure(
        f"Other builds assigned versions of {name!r} {MAX_ATTEMPTS} times while this one read its "
        "commits.",
        "Run the job again.",
        code="base_outdated",
    )


def preview(
    client: Client, name: str, token: str, query: Mapping[str, str], found: AutoVersion
) -> VersionInfo:
    """The version that the token would get for these commits after this version.

    Raises Failure `base_outdated` if another version is the newest one meanwhile.
    """
    assert found.commits is not None  # noqa: S101 - the caller has changed them
    based = {**_based(query, found.newest), "dry_run": "true"}
    text = _text(client, name, token, based, found.newest, found.commits)
    return client.version(name, token, based, text)


def _based(query: Mapping[str, str], newest: VersionInfo | None) -> dict[str, str]:
    return {**query, "base": newest.version.partition("+")[0] if newest else "none"}


def _text(
    client: Client,
    name: str,
    token: str,
    query: Mapping[str, str],
    newest: VersionInfo | None,
    commits: CommitRange,
) -> str:
    """The text to send: the messages, separated by NUL.

    If the range starts at an older release, its commits have contributed to the releases since. So
    they request no more than a patch, unless they request more than those releases contain.
    """
    text = joined([commit.message for commit in commits.commits])
    start = commits.start.version if commits.start else ""
    if newest is None or not start or start == newest.version.partition("+")[0]:
        return text
    preview = client.version(name, token, {**query, "dry_run": "true"}, text)
    bump = _RANKS.get(preview.bump or "", 4)  # an exact version exceeds all bumps
    if preview.is_unchanged or bump > _difference(start, newest):
        return text
    return f"fix: {commits.text}"


def _difference(start: str, newest: VersionInfo) -> int:
    """The rank of the highest bump between two versions."""
    major, minor, _ = map(int, start.split("."))
    if newest.major != major:
        return _RANKS["major"]
    return _RANKS["minor" if newest.minor != minor else "patch"]


def joined(messages: Sequence[str]) -> str:
    """The messages, separated by NUL. Of a text that is too long, headers and footers only.

    Raises Failure if these are too long as well.
    """
    cleaned = [message.replace("\0", " ") for message in messages]
    text = "\0".join(cleaned)
    if _size(text) <= MAX_TEXT_BYTES:
        return text
    text = "\0".join(map(_without_body, cleaned))
    if _size(text) <= MAX_TEXT_BYTES:
        return text
    raise Failure(
        f"The headers and footers of {len(messages)} commits exceed the 1 MiB that the service "
        "accepts.",
        "Set the bump, or read fewer commits:\n\nwith:\n  since: v1.4.2",
    )


def _without_body(message: str) -> str:
    """The header and the lines of a message that can request a version."""
    header, *lines = message.splitlines()
    return "\n\n".join([header, "\n".join(filter(_FOOTER.match, lines))]).rstrip()


def _size(text: str) -> int:
    return len(text.encode("utf-8", errors="replace"))
