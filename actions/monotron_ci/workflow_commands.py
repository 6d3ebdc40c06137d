"""Workflow commands: lines of a step's output that the runner executes.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from monotron_ci.credential import secret_variants


def mask(secret: str) -> None:
    """Make the runner replace *secret* by `***` in all further output."""
    for variant in secret_variants(secret):
        _command("add-mask", variant)


def error(title: str, text: str) -> None:
    """Add an error annotation to the page of the run. It does not end the step."""
    _command(f"error title={_escape_property(title)}", replace_control_characters(text))


def warning(title: str, text: str) -> None:
    """Add a warning annotation to the page of the run."""
    _command(f"warning title={_escape_property(title)}", replace_control_characters(text))


def log(text: str) -> None:
    """Write one line to the log of the step, without an annotation."""
    print(escape_commands(text), flush=True)


def escape_commands(text: str) -> str:
    """The text as one line without control characters, which the runner does not execute."""
    line = replace_control_characters(text).replace("\n", " ")
    # `::` at the start of a line begins a command, and `##[` anywhere begins one of the old kind.
    return line.replace("::", ":\u200b:").replace("##[", "#\u200b#[")


def replace_control_characters(text: str) -> str:
    """The text with a space in place of each control character except line breaks."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _command(command: str, data: str) -> None:
    print(f"::{command}::{_escape_data(data)}", flush=True)


def _escape_data(data: str) -> str:
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
