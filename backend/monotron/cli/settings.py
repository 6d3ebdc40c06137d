"""Commands for the settings of a server: check them, and show where each one comes from."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

import click

from monotron.cli.options import output_option
from monotron.cli.output import CommandOutput, print_warning, table
from monotron.cli.sections import ADMINISTRATION
from monotron.config import SETTINGS, FoundValue, Setting, Settings, find_values
from monotron.errors import InvalidSetting
from monotron.store import describe

HIDDEN = "(secret)"
"""Stands for the value of a secret."""

INVALID = "(invalid URL)"
"""Stands for the URL of a store that cannot be parsed, and may contain a password."""

config_option = click.option(
    "--config",
    metavar="FILE",
    help="Read settings from this YAML file.  [env var: MONOTRON_CONFIG]",
)

config_group = ADMINISTRATION.group("config")


@config_group.command("check")
@config_option
def check_config(config: str | None) -> CommandOutput:
    """Check the settings in the environment and the config file, without starting a server.

    Neither the store nor the network is used.
    """
    from monotron.server import check_settings  # imports Tornado

    settings = Settings.load(_flags(config), os.environ)
    for warning in settings.warnings:
        print_warning(warning)
    check_settings(settings)
    return CommandOutput("The settings are valid.\n")


@config_group.command("show")
@config_option
@output_option("text", "json")
def show_config(config: str | None) -> CommandOutput:
    """Show each setting with its value and its source, valid or not. Secrets are omitted."""
    found = find_values(_flags(config), os.environ)
    rows = [_row(setting, found.get(setting.name)) for setting in SETTINGS]
    if "trusts" in found:
        rows.append(_Row("trusts", str(len(found["trusts"].value)), found["trusts"].source))
    return CommandOutput(
        table([("SETTING", "VALUE", "SOURCE"), *rows]),
        {row.name: {"value": row.value, "source": row.source} for row in rows},
    )


class _Row(NamedTuple):
    name: str
    value: str
    source: str


def _flags(config: str | None) -> dict[str, str]:
    return {} if config is None else {"config": config}


def _row(setting: Setting, found: FoundValue | None) -> _Row:
    source = "default" if found is None else found.source
    value = setting.default if found is None else found.value
    if setting.secret:
        value = "" if found is None else HIDDEN
    elif setting.name == "store":
        value = _described(value)
    elif isinstance(value, list):
        value = json.dumps(value)
    return _Row(setting.name, value, source)


def _described(store: str) -> str:
    """The store without the password of its URL, also if the URL is invalid."""
    try:
        return describe(store)
    except InvalidSetting:
        return INVALID
