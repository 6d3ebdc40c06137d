"""The choice of the bump: the input, labels with their default names, then the commits."""

from __future__ import annotations

from typing import NamedTuple

from monotron_ci.events import Event
from monotron_ci.inputs import AUTO_ONLY, PARAMETERS, Inputs


class BumpChoice(NamedTuple):
    """The bump to request from the service."""

    bump: str
    source: str
    """What selected the bump, for the job summary. Empty: the commits."""
    reuse_on_conflict: bool = False


def choose_bump(inputs: Inputs, event: Event) -> BumpChoice:
    """The bump to request.

    The default labels of the event's pull request decide alone, except with `paths`, because the
    request may not change them. If the workflow sets labels, they replace the messages of the
    request's own commits (`auto`), so that the version is the same for all events.
    """
    reuse = inputs.on_conflict == "reuse"
    if inputs.version:
        return BumpChoice("", f"input version: {inputs.version}", reuse)
    if inputs.bump != "auto":
        return BumpChoice(inputs.bump, f"input bump: {inputs.bump}", reuse)
    rules = inputs.labels
    if event.request and not rules.are_set and not inputs.paths:
        choice = rules.choose(event.request.labels)
        if choice:
            # A commit keeps its version if labels change, as it does if messages change.
            return BumpChoice(choice.bump, f"label {choice.label!r}", True)
    return BumpChoice("auto", "", reuse)


def version_query(inputs: Inputs, choice: BumpChoice) -> dict[str, str]:
    """The query parameters of the request for a version."""
    parameters = {
        "bump": choice.bump,
        **{parameter: getattr(inputs, field) for parameter, field in PARAMETERS.items()},
        "on_conflict": "reuse" if choice.reuse_on_conflict else "",
        "on_withdrawn": "new" if inputs.on_withdrawn == "new" else "",
        "dry_run": "true" if inputs.dry_run else "",
    }
    if choice.bump != "auto":  # a label decides
        parameters.update(dict.fromkeys(AUTO_ONLY, ""))
    return {name: value for name, value in parameters.items() if value}
