"""The command that runs the server."""

from __future__ import annotations

import os

import click

from monotron.cli.command import Function
from monotron.cli.sections import ADMINISTRATION
from monotron.config import SETTINGS, Settings


def setting_options(function: Function) -> Function:
    """Add an option for each setting except secrets."""
    for setting in reversed(SETTINGS):
        if setting.flag is not None:
            default = f"; default: {setting.default}" if setting.default else ""
            function = click.option(
                setting.flag,
                setting.name,
                metavar=setting.placeholder,
                is_flag=False,
                flag_value="true" if setting.is_boolean else None,
                help=f"{setting.help}  [env var: {setting.variable}{default}]",
            )(function)
    return function


@ADMINISTRATION.command("serve", cls=click.Command)
@setting_options
@click.option(
    "--config",
    metavar="FILE",
    help="Read settings from this YAML file.  [env var: MONOTRON_CONFIG]",
)
def serve(**options: str | None) -> int:
    """Run the server.

    Precedence of settings: option, environment variable, config file, default.
    """
    from monotron import server  # imports Tornado

    passed = {name: value for name, value in options.items() if value is not None}
    return server.serve(Settings.load(passed, os.environ))
