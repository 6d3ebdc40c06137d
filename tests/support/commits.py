"""Commit messages for tests of Conventional Commits."""

from monotron.model.commit_rules import DEFAULT_RULES
from monotron.model.component_keys import Component
from monotron.model.conventional_commits import CommitDecision, CommitRules, decide

MEBIBYTE = 1 << 20

FOOTER = "BREAKING CHANGE: x is gone"

SKIP_DOCS = CommitRules(skip_types=frozenset({"docs"}))
STRICT = CommitRules(strict=True)


def decided(text: str, rules: CommitRules = DEFAULT_RULES) -> CommitDecision:
    """The decision about a text that contains a message."""
    decision = decide(text, rules)
    assert decision is not None
    return decision


def bump_and_reason(
    text: str, rules: CommitRules = DEFAULT_RULES
) -> tuple[Component | None, str] | None:
    """The bump and the reason. None if the text contains no message."""
    decision = decide(text, rules)
    return decision and (decision.bump, decision.reason)


def bump(*lines: str) -> Component | None:
    """The bump of one message, passed line by line."""
    return decided("\n".join(lines)).bump


def log(*messages: str) -> str:
    """The output of `git log --format=%B%x00`."""
    return "".join(f"{message}\n\0\n" for message in messages)
