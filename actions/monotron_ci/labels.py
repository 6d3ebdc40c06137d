"""Labels of pull requests: the bump that they request, instead of commit messages. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from monotron_ci.commits import Commit
from monotron_ci.pull_requests import PullRequest

NONE = "none"
"""The value of an input that stands for an empty list."""

_MESSAGES = {
    "skip": "label {label!r} of {request} [skip release]",
    "major": "feat!: label {label!r} of {request}",
    "minor": "{minor_type}: label {label!r} of {request}",
    "patch": "fix: label {label!r} of {request}",
}
"""What replaces the messages of a request. The first label that a request has decides."""


class LabelChoice(NamedTuple):
    """The label that decides."""

    bump: str
    """`major`, `minor`, `patch` or `skip`."""
    label: str

    minor_type: str

    def message(self, request: PullRequest) -> str:
        """The message that replaces those of the request."""
        return _MESSAGES[self.bump].format(
            label=self.label, request=request.name, minor_type=self.minor_type
        )


class LabelRules(NamedTuple):
    """The labels that request a bump, in lower case."""

    major: tuple[str, ...]
    minor: tuple[str, ...]
    patch: tuple[str, ...]
    skip: tuple[str, ...]
    """Labels of requests that need no version."""
    are_set: bool
    """Whether the workflow sets a list that is not empty."""
    minor_type: str
    """A type of commits that requests a minor version."""

    def choose(self, labels: Sequence[str]) -> LabelChoice | None:
        """What the labels of a request decide: no version, otherwise the highest bump.

        Upper and lower case are equal.
        """
        found = {label.strip().casefold(): label.strip() for label in labels}
        for bump in _MESSAGES:
            for label in getattr(self, bump):
                if label in found:
                    return LabelChoice(bump, found[label], self.minor_type)
        return None

    @classmethod
    def of_inputs(
        cls,
        major: tuple[str, ...],
        minor: tuple[str, ...],
        patch: tuple[str, ...],
        skip: tuple[str, ...],
        minor_types: str,
    ) -> LabelRules:
        """The rules of inputs. An empty list is not set, and `none` is a list without labels.

        *minor_types* are separated by commas.
        """
        return cls(
            _used(major, "major"),
            _used(minor, "minor"),
            _used(patch, "patch"),
            _used(skip),
            are_set=any(labels not in ((), (NONE,)) for labels in (major, minor, patch, skip)),
            minor_type=minor_types.partition(",")[0] or "feat",
        )


def _used(labels: tuple[str, ...], *default: str) -> tuple[str, ...]:
    return () if labels == (NONE,) else labels or default


def apply_labels(
    commits: Sequence[Commit],
    requests: Mapping[str, Sequence[PullRequest]],
    rules: LabelRules,
) -> list[Commit]:
    """The commits, with one message instead of those of each request whose labels decide.

    *requests* are the requests of commits, by hash. A commit of several requests is replaced if the
    labels of one of them decide.
    """
    replaced: list[Commit] = []
    seen: set[int] = set()
    for commit in commits:
        choices = [
            (request, choice)
            for request in requests.get(commit.hash, ())
            for choice in [rules.choose(request.labels)]
            if choice
        ]
        if not choices:
            replaced.append(commit)
        for request, choice in choices:
            if request.number not in seen:
                seen.add(request.number)
                replaced.append(Commit("", choice.message(request)))
    return replaced
