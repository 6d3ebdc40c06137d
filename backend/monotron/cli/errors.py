"""The exit codes of all commands, and how an error is shown."""

from __future__ import annotations

import re
from enum import IntEnum

import click

from monotron.cli.command import describe_usage_error
from monotron.errors import MonotronError
from monotron_ci.errors import Failure, NoResponse


class ExitCode(IntEnum):
    """What a script can distinguish."""

    SUCCESS = 0
    REFUSED = 1
    INVALID_USAGE = 2
    NOT_FOUND = 3
    NO_RESPONSE = 4


EXIT_CODES = {
    ExitCode.SUCCESS: "success",
    ExitCode.REFUSED: "the server or the store refused, or an audit found problems",
    ExitCode.INVALID_USAGE: "invalid usage, or a local prerequisite failed",
    ExitCode.NOT_FOUND: "the series, commit or version does not exist yet",
    ExitCode.NO_RESPONSE: "no usable response; retrying is safe, except for create commands",
}


NAMES = ("Monotron", "Python")


class NothingFound(Failure):
    """The series, commit or version does not exist yet."""


def exit_code(error: Exception) -> ExitCode:
    """The exit code for an error that `describe` can show."""
    match error:
        case NothingFound():
            return ExitCode.NOT_FOUND
        case NoResponse():
            return ExitCode.NO_RESPONSE
        case click.ClickException() | Failure(code=""):
            return ExitCode.INVALID_USAGE
        case _:
            return ExitCode.REFUSED


def describe(error: Exception) -> tuple[str, str]:
    """The text and the hint of an error."""
    match error:
        case click.UsageError():
            return describe_usage_error(error)
        case Failure():
            return _plain(error.cause), _plain(error.hint)
        case MonotronError():
            return f"{error.code}: {error.detail}", ""
        case _:
            return _plain(str(error)), ""


def _plain(sentence: str) -> str:
    """The sentence as one message: with a lower-case first word, and without a final period."""
    first = sentence.partition(" ")[0]
    if re.fullmatch("[A-Z][a-z]+", first) and first not in NAMES:
        sentence = f"{sentence[0].lower()}{sentence[1:]}"
    return sentence if ". " in sentence else sentence.removesuffix(".")
