"""Pull requests, as events and GitHub's API contain them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci.hashes import is_hash


class PullRequest(NamedTuple):
    """A pull request. Untrusted: anyone can open one."""

    number: int
    """0 if it is unknown."""
    title: str
    """It can become the message of a squash commit."""
    labels: tuple[str, ...]
    head: str
    """The hash of its newest commit, or empty."""
    base: str
    """The hash of a commit of the target branch, or empty."""

    @property
    def name(self) -> str:
        """`#12`"""
        return f"#{self.number}" if self.number else "the pull request"


def read_pull_request(document: Mapping[str, Any]) -> PullRequest:
    """The pull request in a JSON object, without members of unexpected types."""
    title, labels = document.get("title"), document.get("labels")
    names = [_name(label) for label in labels] if isinstance(labels, list) else []
    number: Any = document.get("number")
    return PullRequest(
        number=int(number) if is_number(number) else 0,
        title=title if isinstance(title, str) else "",
        labels=tuple(name for name in names if name),
        head=_hash(document.get("head")),
        base=_hash(document.get("base")),
    )


def is_pull_request(document: object) -> bool:
    """Whether a JSON value has the members of a pull request that decide about labels."""
    if not isinstance(document, dict) or not is_number(document.get("number")):
        return False
    labels, merged_at = document.get("labels"), document.get("merged_at")
    return (
        isinstance(labels, list)
        and all(map(_name, labels))
        and (merged_at is None or isinstance(merged_at, str))
    )


def is_number(value: Any) -> bool:
    """Whether the value can be the number of a pull request."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63


def _name(label: object) -> str:
    name = label.get("name") if isinstance(label, dict) else None
    return name if isinstance(name, str) else ""


def _hash(commit: object) -> str:
    sha = commit.get("sha") if isinstance(commit, dict) else None
    return sha if isinstance(sha, str) and is_hash(sha) else ""
