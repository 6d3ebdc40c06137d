"""The job summary: the version or number, and how it was determined."""

from __future__ import annotations

from collections.abc import Mapping

from monotron_ci.workflow_commands import escape_commands


def summary(name: str, outputs: Mapping[str, str], note: str, no_number: str = "no release") -> str:
    """The Markdown of the summary. *name* and the outputs are untrusted text.

    *no_number* is the heading if there is neither a version nor a number.
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
    return f"### Monotron: {heading}\n\n| | |\n| --- | --- |\n{table}\n"


def _code(text: str) -> str:
    """Text as inline code that no backtick, cell border or HTML in it can end."""
    if not text:
        return ""
    line = escape_commands(text)[:500]
    for char, lookalike in (("`", "'"), ("|", "\u2502"), ("<", "\u2039")):
        line = line.replace(char, lookalike)
    return f"`{line}`"
