"""Which bump: what the workflow says, else a label of the pull request, else commit messages."""

from __future__ import annotations

from typing import NamedTuple

from monotron_ci.events import Event
from monotron_ci.inputs import Inputs


class BumpChoice(NamedTuple):
    """What to ask the service for."""

    bump: str
    why: str
    """What decided, for people."""
    text: str | None = None
    """The commit messages that the service is to decide by."""
    reuse_on_conflict: bool = False


def decide(inputs: Inputs, event: Event) -> BumpChoice:
    """The bump to ask for. The highest label wins; without labels the service reads messages."""
    conflict = inputs.on_conflict == "reuse"
    if inputs.bump != "auto":
        return BumpChoice(inputs.bump, f"the input bump: {inputs.bump}", None, conflict)
    there = {label.strip().casefold(): label for label in event.labels}
    for bump in ("major", "minor", "patch"):
        for label in getattr(inputs, f"{bump}_labels"):
            if label in there:
                # Like commit messages: they never change the version that a commit has.
                return BumpChoice(bump, f"the label {there[label]!r}", None, True)
    kind = "title of the pull request" if event.name.startswith("pull_request") else "commits"
    text = "\0".join(message.replace("\0", " ") for message in event.messages)
    return BumpChoice("auto", f"the {kind}", text, conflict)
