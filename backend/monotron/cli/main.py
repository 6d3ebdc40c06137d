"""The `monotron` command: all commands in one group, one dispatch, one table of exit codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import click

from monotron import __version__
from monotron.cli import serve  # noqa: F401 - adds its command, the first one of its section

# isort: split
from monotron.cli import admin, builds, maintenance, trusts  # noqa: F401 - add their commands
from monotron.cli.command import ADMINISTRATION, BUILDS, MAINTENANCE, Program
from monotron.cli.errors import EXIT_CODES, ExitCode, describe, exit_code
from monotron.cli.options import DEFAULT_URL
from monotron.cli.output import CommandOutput, print_error, write
from monotron.errors import MonotronError, StartupError
from monotron_ci.errors import Failure

INTERRUPTED = 130
"""The exit code of a shell for SIGINT."""

program = click.version_option(__version__, prog_name="monotron", message="%(prog)s %(version)s")(
    Program(
        [BUILDS, ADMINISTRATION, MAINTENANCE],
        "Build numbers and semantic versions, assigned once and never twice.",
        {
            "MONOTRON_URL": f"Server URL  [default: {DEFAULT_URL}]",
            "MONOTRON_API_KEY": "API key, or KEY:SECRET of the root key. There is no option, "
            "because all users of a machine can see command lines.",
            "MONOTRON_STORE": "Store URL of `serve`, and of --store without a URL.",
        },
        {int(code): text for code, text in EXIT_CODES.items()},
    )
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code."""
    try:
        result = program.main(arguments, prog_name="monotron", standalone_mode=False)
        if not isinstance(result, CommandOutput):
            return cast(int, result)
        write(result)
    except click.Abort:
        return INTERRUPTED
    except (click.ClickException, Failure, MonotronError, StartupError) as error:
        print_error(*describe(error))
        return exit_code(error)
    return ExitCode.REFUSED if result.failed else ExitCode.SUCCESS
