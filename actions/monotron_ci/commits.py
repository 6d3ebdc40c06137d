"""Commits, as git, GitHub's API and events contain them."""

from __future__ import annotations

from typing import NamedTuple


class Commit(NamedTuple):
    """A commit. All of it is untrusted: its author wrote the message."""

    hash: str
    """Empty for a message that does not belong to a commit, such as the title of a pull request."""
    message: str
    parents: tuple[str, ...] = ()
    """The hashes of its parents. Empty for the first commit of a history, or if the source does
    not list them."""
