"""Write the tables of docs/commands.md: `make docs`.

Each table is between two comments, `<!-- table: NAME -->` and `<!-- /table -->`. NAME is
`commands`, `administration` or `common` for options that several commands share, or a command,
whose other options are listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from monotron.cli.command import MAINTENANCE, SHARED
from monotron.cli.main import program

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"

ADMINISTRATION = ("account", "store", "config")
COMMON = ("output_format", "url", "account", "timeout", "retries")

_TABLE = re.compile(r"(?s)(<!-- table: ([\w -]+) -->\n).*?(<!-- /table -->)")


def updated(page: str) -> str:
    """The page with current tables."""
    return _TABLE.sub(lambda match: f"{match[1]}{_table(match[2])}{match[3]}", page)


def leaves(command: click.Command) -> Iterator[click.Command]:
    """The command, or all of its subcommands."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from leaves(each)
    else:
        yield command


def documented_options(name: str) -> list[click.Option]:
    """The options of a table, each once."""
    if name == "administration":
        return _options(program.commands["key"], ADMINISTRATION)
    if name == "common":
        return _options(program.commands["version"], COMMON)
    command = program.commands[name]
    shared = set(SHARED) - ({"store"} if command in MAINTENANCE.commands else set())
    return [each for each in _options(command) if each.name not in shared]


def _options(command: click.Command, names: tuple[str, ...] | None = None) -> list[click.Option]:
    options = {
        (option.opts[0], option.help): option
        for leaf in leaves(command)
        for option in leaf.params
        if isinstance(option, click.Option) and (names is None or option.name in names)
    }
    return list(options.values())


def _table(name: str) -> str:
    if name == "commands":
        rows = [
            (f"`monotron {command.name}`", command.get_short_help_str(limit=200))
            for section in program.sections
            for command in section.commands
        ]
        return _rows(("command", "purpose"), rows)
    return _rows(("option", "effect"), [_row(option) for option in documented_options(name)])


def _row(option: click.Option) -> tuple[str, str]:
    record = option.get_help_record(click.Context(program))
    assert record, option.name
    syntax, effect = record
    return f"`{syntax}`", re.sub(r"\s+", " ", effect)


def _rows(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = [" | ".join(row).replace("|", r"\|").replace(r" \| ", " | ", 1) for row in rows]
    return "".join(f"| {line} |\n" for line in (" | ".join(head), "--- | ---", *lines))


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
