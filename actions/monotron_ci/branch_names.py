"""`prerelease: branch` and `line: branch`: what the name of a branch means. Pure: no I/O."""

from __future__ import annotations

import re
from typing import NamedTuple

from monotron_ci.errors import Failure
from monotron_ci.responses import NUMBER

MAX_LABEL_LENGTH = 40

_LINE = re.compile(
    rf"(?:release[/-]v?|v)({NUMBER}(?:\.{NUMBER})?)(?:\.x)?|({NUMBER}(?:\.{NUMBER})?)\.x"
)


class UnknownDefaultBranch(Failure):
    """Whether the branch is the default branch is not known."""


class Branch(NamedTuple):
    """The branch that a commit belongs to."""

    name: str
    """Of a pull request, the target branch. Empty for tags."""
    default: str = ""
    """The default branch of the repository, or empty if it is unknown."""
    pull_request: str = ""
    """The label of an unmerged pull request, such as `pr-12`."""
    may_be_tag: bool = False
    """Whether `name` can also be that of a tag, because `workflow_run` does not state it."""

    @property
    def label(self) -> str:
        """The pre-release label of `prerelease: branch`, or empty for a final version.

        Raises UnknownDefaultBranch.
        """
        if self.pull_request:
            return self.pull_request
        if not self.name or line_of_name(self.name) or self._is_default:
            return ""
        return label_of_name(self.name)

    @property
    def line(self) -> str:
        """The maintenance line of `line: branch`, or empty. Raises UnknownDefaultBranch."""
        line = line_of_name(self.name)
        return "" if not line or self._is_default else line

    @property
    def _is_default(self) -> bool:
        if not self.default:
            raise UnknownDefaultBranch(
                f"Cannot determine whether {self.name!r} is the default branch."
            )
        return self.name == self.default


def label_of_name(name: str) -> str:
    """`feature-login` for the branch `feature/Login`. A label is not only digits (SemVer §9)."""
    label = re.sub(r"[^0-9a-z-]", "-", name.lower())
    if re.fullmatch(r"[0-9]+", label[:MAX_LABEL_LENGTH]):
        label = f"b{label}"
    return label[:MAX_LABEL_LENGTH]


def line_of_name(name: str) -> str:
    """`1.2` for `release/1.2`, `release-1.2`, `1.2.x` and `v1.2`; empty for other names."""
    match = _LINE.fullmatch(name)
    return (match[1] or match[2]) if match else ""
