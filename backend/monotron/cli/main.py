"""The `monotron` command: all commands in one group, one dispatch, one table of exit codes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from enum import IntEnum
from importlib import import_module
from io import TextIOWrapper
from typing import cast

import click

from monotron import __version__
from monotron.cli.command import DEFAULT_URL, Program, describe_usage_error
from monotron.cli.output import CommandOutput, Invocation, NothingFound, print_error, write
from monotron.cli.sections import ADMINISTRATION, BUILDS, MAINTENANCE
from monotron.errors import InvalidSetting, MonotronError, StartupError
from monotron_ci.errors import Failure, NoResponse


class ExitCode(IntEnum):
    """The exit codes of all commands, for scripts."""

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

INTERRUPTED = 130
"""The exit code after Ctrl-C, as in a shell: 128 + SIGINT."""

PROPER_NAMES = ("Monotron", "Python")
"""Names that keep their capital letter at the start of a message."""

program = click.version_option(__version__, prog_name="monotron", message="%(prog)s %(version)s")(
    Program(
        [BUILDS, ADMINISTRATION, MAINTENANCE],
        "Build numbers and semantic versions, assigned once and never twice.",
        {
            "MONOTRON_URL": f"Server URL  [default: {DEFAULT_URL}]",
            "MONOTRON_API_KEY": "Secret of an API key, or KEY:SECRET of the root key. There is "
            "no option, because all users of a machine can see command lines.",
            "MONOTRON_ACCOUNT": "Id or name of the account to use.",
            "MONOTRON_STORE": "Store URL of `serve`, and of --store without a URL.",
        },
        {int(code): text for code, text in EXIT_CODES.items()},
    )
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # like standard error
    if "_MONOTRON_COMPLETE" in os.environ:  # a shell requests suggestions
        import_module("monotron.cli.powershell")
    invocation = Invocation()
    try:
        result = program.main(
            arguments, prog_name="monotron", standalone_mode=False, obj=invocation
        )
        if not isinstance(result, CommandOutput):
            return cast(int, result)
        write(result)
    except click.Abort:
        return INTERRUPTED
    except (click.ClickException, Failure, MonotronError, StartupError) as error:
        text, hint = describe(error)
        print_error(text, hint, getattr(error, "code", ""), invocation.output_format)
        return exit_code(error)
    return ExitCode.REFUSED if result.failed else ExitCode.SUCCESS


def exit_code(error: Exception) -> ExitCode:
    """The exit code for an error that `describe` can show."""
    match error:
        case NothingFound():
            return ExitCode.NOT_FOUND
        case NoResponse():
            return ExitCode.NO_RESPONSE
        case click.ClickException() | InvalidSetting() | Failure(code=""):
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
    if re.fullmatch("[A-Z][a-z]+", first) and first not in PROPER_NAMES:
        sentence = f"{sentence[0].lower()}{sentence[1:]}"
    return sentence if ". " in sentence else sentence.removesuffix(".")
