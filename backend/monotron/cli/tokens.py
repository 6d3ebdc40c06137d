"""The argument TOKEN: a commit, or any other text."""

from __future__ import annotations

import re

from monotron.cli import git
from monotron.cli.output import print_line
from monotron_ci.hashes import is_hash
from monotron_ci.tokens import check_token

_SHORT_NUMBER = re.compile("[0-9]{1,6}")
"""Git abbreviates hashes to at least seven digits, and some of those are decimal numbers."""


def complete_token(token: str) -> str:
    """The token. A revision of the current repository is replaced by the hash of its commit.

    Otherwise `main` would be the same token for all of its commits, and an abbreviated hash another
    one than the hash. Short numbers are ids of builds. Raises Failure if the token cannot be
    meant, such as an empty one.
    """
    if not token or is_hash(token) or _SHORT_NUMBER.fullmatch(token):
        commit = None
    else:
        commit = git.resolve(token)
    if commit is None:
        check_token(token)
        return token
    print_line(f"note: {token} is the commit {commit}")
    return commit


def token_or_commit(token: str | None, command: str) -> str:
    """The token, or without one the current commit. *command* is shown in the hint of errors."""
    return git.current_commit(command) if token is None else complete_token(token)
