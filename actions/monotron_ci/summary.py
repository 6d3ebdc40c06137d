"""The job summary: the version, what came before it, what decided, whether it is a repeat."""

from __future__ import annotations

from collections.abc import Mapping

from monotron_ci.workflow_commands import plain


def summary(name: str, outputs: Mapping[str, str], why: str, note: str) -> str:
    """Markdown of a few lines. *why* and the name may be anybody's text."""
    number = outputs["version"] or outputs["value"]
    rows = [
        ("of", _code(name)),
        ("before it", _code(outputs["previous_version"])),
        ("decided by", _code(why)),
        ("release", _code(outputs["release_type"])),
        ("latest", outputs["is_latest"] if outputs["version"] else ""),
        ("given before", outputs["reused"]),
        ("for", _code(outputs["idempotency_token"])),
        ("note", note),
    ]
    table = "".join(f"| {label} | {text} |\n" for label, text in rows if text)
    return f"### Monotron: {_code(number)}\n\n| | |\n| --- | --- |\n{table}\n"


def _code(text: str) -> str:
    """Text as code, which nothing in it can end: not a backtick, not a cell's bar, not HTML."""
    if not text:
        return ""
    shown = plain(text)[:200].replace("`", "'").replace("|", "\u2502").replace("<", "\u2039")
    return f"`{shown}`"
