"""The option `--on-unavailable`: a command that assigns nothing if the server cannot be reached."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click

from monotron.cli.command import Function
from monotron.cli.output import CommandOutput
from monotron_ci import outputs
from monotron_ci.errors import Unreachable


def on_unavailable_option(
    names: Mapping[str, str],
) -> Callable[[Function], Callable[..., CommandOutput]]:
    """Add `--on-unavailable`. *names* are the variables of the dotenv format."""

    def add(function: Function) -> Callable[..., CommandOutput]:
        @functools.wraps(function)
        def call(on_unavailable: str, **arguments: Any) -> CommandOutput:
            try:
                result: CommandOutput = function(**arguments)
            except Unreachable as failure:
                if on_unavailable == "skip":
                    return _nothing(failure.cause, names)
                raise
            return result

        return click.option(
            "--on-unavailable",
            type=click.Choice(("fail", "skip")),
            default="fail",
            show_default=True,
            help="If the server cannot be reached within --timeout: fail, or print an empty line "
            "and a warning, and exit with 0.",
        )(call)

    return add


def _nothing(cause: str, names: Mapping[str, str]) -> CommandOutput:
    values = outputs.of_no_release(cause)
    return CommandOutput(
        "\n",
        {"changed": False, "reason": cause},
        outputs.dotenv(values, names=names),
        outputs.lines(values),
        (f"warning: {cause} Nothing was assigned.",),
    )
