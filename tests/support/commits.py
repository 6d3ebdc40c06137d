"""Commit messages for tests of Conventional Commits."""

from monotron.model.component_keys import Component
from monotron.model.conventional_commits import decide

MEBIBYTE = 1 << 20

FOOTER = "BREAKING CHANGE: x is gone"


def bump(*lines: str) -> Component:
    """The bump of one message, passed line by line."""
    decision = decide("\n".join(lines))
    assert decision is not None
    return decision.bump


def log(*messages: str) -> str:
    """The output of `git log --format=%B%x00`."""
    return "".join(f"{message}\n\0\n" for message in messages)
