"""Write the tables of docs/commands.md: `make docs`.

Each table is between two comments, `<!-- table: NAME -->` and `<!-- /table -->`. NAME is
`commands`, `administration` or `common` for options that several commands share, a command, whose
other options are listed, or `ci trust` for the subcommands of `trust` for other CI systems. If a
command has subcommands, each row names those that have the option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from monotron.cli.command import SHARED
from monotron.cli.main import program
from monotron.cli.sections import MAINTENANCE

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"

ADMINISTRATION = ("account", "store", "config")
CI_SYSTEMS = ("circleci", "buildkite", "bitbucket", "azure", "jenkins")
COMMON = ("output_format", "url", "account", "timeout", "retries")

COMMANDS = {
    name: command
    for section in program.sections
    for name in section.entries
    if (command := section.find(name))
}

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
        return _options(leaves(COMMANDS["key"]), ADMINISTRATION)
    if name == "common":
        return _options([COMMANDS["version"]], COMMON)
    shared = set(SHARED) - ({"store"} if name in MAINTENANCE.entries else set())
    return [each for each in _options(_documented(name)) if each.name not in shared]


def _documented(name: str) -> list[click.Command]:
    """The commands whose options the table of a command contains."""
    ci_commands = _ci_commands() if name == "trust" else []
    return [leaf for leaf in leaves(COMMANDS[name]) if leaf not in ci_commands]


def _ci_commands() -> list[click.Command]:
    trust = COMMANDS["trust"]
    assert isinstance(trust, click.Group)
    return [trust.commands[name] for name in CI_SYSTEMS]


def _options(
    commands: Iterable[click.Command], names: tuple[str, ...] | None = None
) -> list[click.Option]:
    options = {
        _key(option): option
        for leaf in commands
        for option in leaf.params
        if isinstance(option, click.Option) and (names is None or option.name in names)
    }
    return list(options.values())


def _key(option: click.Option) -> tuple[str, str | None]:
    """Equal for the same option of several commands."""
    return option.opts[0], option.help


def _table(name: str) -> str:
    if name == "commands":
        rows = [
            (f"`monotron {command}`", entry.help)
            for section in program.sections
            for command, entry in section.entries.items()
        ]
        return _rows(("command", "purpose"), rows)
    if name == "ci trust":
        return _rows(("option", "effect"), list(_ci_rows()))
    if isinstance(COMMANDS.get(name), click.Group):
        return _rows(("command", "option", "effect"), list(_rows_of_group(name)))
    return _rows(("option", "effect"), [_row(option) for option in documented_options(name)])


def _rows_of_group(name: str) -> Iterator[tuple[str, str, str]]:
    """The options of a command with subcommands, each with the subcommands that have it."""
    for option in documented_options(name):
        commands = [
            f"`{leaf.name}`"
            for leaf in _documented(name)
            if any(isinstance(p, click.Option) and _key(p) == _key(option) for p in leaf.params)
        ]
        yield ", ".join(commands), *_row(option)


def _ci_rows() -> Iterator[tuple[str, str]]:
    """The options of each CI system, after a row with the command, and then those that all have."""
    commands = _ci_commands()
    used = {
        command.name: [_row(each) for each in _options([command]) if each.name not in SHARED]
        for command in commands
    }
    common = [row for row in used["jenkins"] if all(row in rows for rows in used.values())]
    for name, rows in used.items():
        yield f"`monotron trust {name}`", ""
        yield from (row for row in rows if row not in common)
    yield "all of these commands", ""
    yield from common


def _row(option: click.Option) -> tuple[str, str]:
    record = option.get_help_record(click.Context(program))
    assert record, option.name
    syntax, effect = record
    return f"`{syntax}`", re.sub(r"\s+", " ", effect)


def _rows(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table, or nothing without rows."""
    lines = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows]
    table = (" | ".join(head), " | ".join("---" for _ in head), *lines)
    return "".join(f"| {line} |\n" for line in table) if rows else ""


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
