"""The `monotron` command."""

import argparse
import os
import sys
from collections.abc import Sequence

from monotron import __version__
from monotron.cli import admin, arguments, builds, maintenance
from monotron.config import SETTINGS, Settings
from monotron.errors import StartupError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. The exit code is 0, 1 (it failed) or 2 (it was told something wrong).

    The commands that ask a service have more: `builds` and `admin`.
    """
    parsed = _parser().parse_args(arguments)
    if hasattr(parsed, "ask"):
        return builds.run(parsed)
    if hasattr(parsed, "operate"):
        return admin.run(parsed)
    if hasattr(parsed, "keep"):
        return maintenance.run(parsed)
    flags = {name: value for name, value in vars(parsed).items() if value is not None}
    return _serve(flags)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="monotron",
        description="The next number for every build of every project.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"monotron {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="run the service",
        description="Run the service. Every flag can be given in the environment, or in the "
        "config file, as well: flag before environment before file before default.",
        allow_abbrev=False,
    )
    for setting in SETTINGS:
        if setting.flag is None:
            continue
        default = f"default: {setting.default}; " if setting.default else ""
        serve.add_argument(
            setting.flag,
            dest=setting.name,
            metavar=setting.placeholder,
            help=f"{setting.help} ({default}{setting.variable})",
        )
    serve.add_argument(
        "--config", metavar="FILE", help="a YAML file with settings (MONOTRON_CONFIG)"
    )
    builds.add_commands(commands)
    arguments.add_commands(commands)
    maintenance.add_commands(commands)
    return parser


def _serve(flags: dict[str, str]) -> int:
    from monotron import server  # only now: `monotron --version` needs no Tornado

    try:
        settings = Settings.load(flags, os.environ)
    except StartupError as error:
        print(f"monotron: {error}", file=sys.stderr)
        return 2
    try:
        return server.serve(settings)
    except StartupError as error:
        print(f"monotron: {error}", file=sys.stderr)
        return 1
