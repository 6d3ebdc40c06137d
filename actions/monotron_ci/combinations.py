"""Inputs that contradict each other: the rules of the action and of the commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

REQUIRED_BUMPS: Mapping[str, str] = {
    "calendar": "calendar",
    "skip-types": "auto",
    "minor-types": "auto",
    "commits": "auto",
    "since": "auto",
    "paths": "auto",
    "messages": "auto",
    "major-labels": "auto",
    "minor-labels": "auto",
    "patch-labels": "auto",
    "skip-labels": "auto",
}
"""Inputs that require a value of `bump`."""

_EXCLUDED = {
    "version": ("line", "prerelease", "initial-version"),
    "from-scratch": ("initial-version",),
    "bump: none": ("line", "prerelease", "initial-value"),
    "bump: calendar": ("line",),
    "messages": ("since", "paths"),
}


class Contradiction(NamedTuple):
    """Two inputs of which only one can be used, or an input that another one requires."""

    first: str
    second: str
    is_missing: bool = False
    """Whether the first input requires the second one, such as `bump: auto`."""


def contradictions(bump: str, given: Mapping[str, object]) -> Iterator[Contradiction]:
    """What contradicts in *given*, the inputs by their names, without empty ones.

    *bump* is the value of `bump`, or empty if the user has not set it.
    """
    if "version" in given and bump:
        yield Contradiction("version", f"bump: {bump}")
    for name, required in REQUIRED_BUMPS.items():
        if name in given and bump != required:
            yield Contradiction(name, f"bump: {required}", is_missing=True)
    if bump == "final" and given.get("prerelease") == "branch":
        yield Contradiction("bump: final", "prerelease: branch")
    for first, names in _EXCLUDED.items():
        if first in given or first == f"bump: {bump}":
            yield from (Contradiction(first, name) for name in names if name in given)
