"""Workflow commands: what the runner reads in a step's output, and what it must not read there.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import sys

from monotron_ci.credential import forms


def mask(secret: str) -> None:
    """Have the runner write `***` wherever *secret* would be printed from now on."""
    for form in forms(secret):
        _command("add-mask", form)


def error(title: str, text: str) -> None:
    """An annotation that stands on the run's page; the step is to end with an error."""
    _command(f"error title={_property(title)}", printable(text))


def plain(text: str) -> str:
    """The text on one line, free of control characters, and of what the runner would obey."""
    line = printable(text).replace("\n", " ")
    # A line that begins with :: is a command; so is ##[ of the older kind, anywhere in a line.
    return line.replace("::", ":\u200b:").replace("##[", "#\u200b#[")


def _command(command: str, data: str) -> None:
    print(f"::{command}::{_escaped(data)}", flush=True, file=sys.stdout)


def printable(text: str) -> str:
    """The text without control characters, but with its line breaks."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _escaped(data: str) -> str:
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
