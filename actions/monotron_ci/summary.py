"""The job summary: the version or number, and how it was determined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from monotron_ci.workflow_commands import escape_commands

if TYPE_CHECKING:
    from monotron_ci.merge_methods import MethodVersion


def summary(
    name: str,
    outputs: Mapping[str, str],
    note: str,
    no_number: str = "no release",
    methods: Sequence[MethodVersion] = (),
) -> str:
    """The Markdown of the summary. *name*, the outputs and reasons are untrusted text.

    *no_number* is the heading if there is neither a version nor a number. *methods* are the
    versions for the merge methods, if they differ.
    """
    number = outputs["version"] or outputs["value"]
    heading = _code(number) or no_number
    rows = [
        ("name", _code(name)),
        ("previous version", _code(outputs["previous_version"])),
        ("reason", _code(outputs["reason"])),
        ("bump", _code(outputs["release_type"])),
        ("latest", outputs["is_latest"] if outputs["version"] else ""),
        ("reused", outputs["reused"] if number else ""),
        ("token", _code(outputs["idempotency_token"])),
        ("note", note),
        ("notes", _code(outputs["notes"])),
    ]
    table = "".join(f"| {label} | {text} |\n" for label, text in rows if text)
    return f"### Monotron: {heading}\n\n| | |\n| --- | --- |\n{table}\n{_methods(methods)}"


def _methods(methods: Sequence[MethodVersion]) -> str:
    """The table of the merge methods, or an empty text."""
    if not methods:
        return ""
    rows = "".join(
        f"| {row.method} | {_code(row.version) or 'no release'} | {_code(row.reason)} |\n"
        for row in methods
    )
    return (
        "The version after the merge depends on the merge method, unless the message is edited:"
        f"\n\n| merge method | version | reason |\n| --- | --- | --- |\n{rows}\n"
    )


def _code(text: str) -> str:
    """Text as inline code that no backtick, cell border or HTML in it can end."""
    if not text:
        return ""
    line = escape_commands(text)[:500]
    for char, lookalike in (("`", "'"), ("|", "\u2502"), ("<", "\u2039")):
        line = line.replace(char, lookalike)
    return f"`{line}`"
