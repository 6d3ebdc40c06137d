"""The branch of an event.

https://docs.github.com/en/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monotron_ci.branch_names import Branch, UnknownDefaultBranch, label_of_name
from monotron_ci.origin import QUEUE
from monotron_ci.responses import VERSION

_HEADS = "refs/heads/"


def read_branch(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Branch:
    """The branch of the event's commit."""
    event, ref = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_REF", "")
    default = _text(payload, "repository", "default_branch")
    if not default and event == "schedule":
        default = _branch_of(ref)  # such runs use the default branch only
    if "workflow_run" in payload:
        return _of_workflow_run(payload, default)
    if "pull_request" in payload or event.startswith("pull_request"):
        target = _text(payload, "pull_request", "base", "ref") or environ.get("GITHUB_BASE_REF", "")
        if _member(payload, "pull_request", "merged") is True:
            return Branch(target or _branch_of(ref), default)
        number = _member(payload, "pull_request", "number") or ref.split("/")[2:3]
        return Branch(target, default, _label(number, environ.get("GITHUB_HEAD_REF", "")))
    target = _text(payload, "merge_group", "base_ref") or ref
    return Branch(_branch_of(target), default)


def value_of_branch(branch: Branch, name: str, tag_prefix: str) -> str:
    """The value of the input *name*, `prerelease` or `line`, for a branch. Raises Failure."""
    is_prefixed = branch.may_be_tag and branch.name.startswith(tag_prefix)
    if is_prefixed and VERSION.fullmatch(branch.name, len(tag_prefix)):
        return ""
    try:
        return branch.label if name == "prerelease" else branch.line
    except UnknownDefaultBranch as failure:
        example = "beta" if name == "prerelease" else "1.2"
        failure.hint = (
            "The event does not contain the default branch. Set the value explicitly:\n\n"
            f"with:\n  {name}: ${{{{ github.ref_name != 'main' && '{example}' || '' }}}}"
        )
        raise


def _of_workflow_run(payload: Mapping[str, Any], default: str) -> Branch:
    head = _text(payload, "workflow_run", "head_branch")
    if not _text(payload, "workflow_run", "event").startswith("pull_request"):
        return Branch(_branch_of(f"{_HEADS}{head}"), default, may_be_tag=True)
    requests = _member(payload, "workflow_run", "pull_requests")
    request = requests[0] if isinstance(requests, list) and requests else {}
    return Branch(_text(request, "base", "ref"), default, _label(_member(request, "number"), head))


def _branch_of(ref: str) -> str:
    """The branch of a reference, or empty. For that of a merge queue, the target branch."""
    if ref.startswith(QUEUE):
        return ref[len(QUEUE) :].rpartition("/pr-")[0]
    return ref[len(_HEADS) :] if ref.startswith(_HEADS) else ""


def _label(number: object, head: str) -> str:
    """`pr-12`, or the label of the source branch if the number is unknown."""
    digits = "".join(number) if isinstance(number, list) else str(number or "")
    return (
        f"pr-{digits}" if digits.isdecimal() and digits.isascii() else label_of_name(head or "pr")
    )


def _member(document: object, *names: str) -> object:
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _text(document: object, *names: str) -> str:
    text = _member(document, *names)
    return text if isinstance(text, str) else ""
