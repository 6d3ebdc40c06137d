"""The classes of commands: sections of the help, and suggestions for misspelled names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:3030"

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


SHARED = ("account", "store", "config", "output_format", "url", "timeout", "retries")
"""Parameters that the help lists last, because most commands have them."""


class LeafCommand(click.Command):
    """A command without subcommands. Its help lists shared options last."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.sort(key=_place)


class Group(click.Group):
    """A command that consists of commands. Without one, it prints its help and fails."""

    command_class = LeafCommand

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        is_unknown = args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None
        if is_unknown and not ctx.resilient_parsing:  # it completes a command line if it is
            self._fail_unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str(limit=200)) for name, each in self.commands.items()]
            )

    def _fail_unknown(self, ctx: click.Context, name: str) -> NoReturn:
        from difflib import (
            get_close_matches,  # imported on demand, like all that the help does not need
        )

        similar = get_close_matches(name, self.list_commands(ctx), n=1)
        suggestion = f". Did you mean {similar[0]!r}?" if similar else ""
        raise click.UsageError(f"unknown command {name!r}{suggestion}", ctx)


class Entry(NamedTuple):
    """A command of a section: its line in the help, and the modules of its definition."""

    help: str
    """The first sentence of the command's own help."""
    module: str
    """The module in `monotron.cli` that defines it."""
    more_module: str | None = None
    """The module that adds subcommands to it, if there is one."""

    def load(self) -> None:
        """Import the modules, which add the command to its section."""
        for name in self.module, self.more_module:
            if name is not None:
                import_module(f"monotron.cli.{name}")


class Section:
    """Commands under one title of the program's help, with an example.

    Their modules are imported on demand.
    """

    def __init__(self, title: str, example: str, entries: Mapping[str, Entry]) -> None:
        self.title = title
        self.example = example
        self.entries = entries
        self._loaded: dict[str, click.Command] = {}

    def command(
        self, name: str, *, cls: type[click.Command] = LeafCommand
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """Turn a function into the command *name* of this section."""

        def add(function: Callable[..., Any]) -> click.Command:
            command = click.command(name, cls=cls, context_settings=CONTEXT)(function)
            self._loaded[name] = command
            return command

        return add

    def group(self, name: str) -> Group:
        """A new group of commands of this section."""
        group = Group(name, help=self.entries[name].help, context_settings=CONTEXT)
        self._loaded[name] = group
        return group

    def find(self, name: str) -> click.Command | None:
        """The command of this name, if it is one of this section."""
        if name not in self.entries:
            return None
        self.entries[name].load()
        return self._loaded[name]


class Program(Group):
    """The command `monotron`. Its help has sections, environment variables and exit codes."""

    def __init__(
        self,
        sections: Sequence[Section],
        help: str,
        variables: Mapping[str, str],
        exit_codes: Mapping[int, str],
    ) -> None:
        super().__init__("monotron", help=help, context_settings=CONTEXT)
        self.sections = sections
        self._variables = variables
        self._exit_codes = exit_codes

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in self.sections for name in section.entries]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = (section.find(cmd_name) for section in self.sections)
        return next((command for command in found if command is not None), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl([(name, each.help) for name, each in section.entries.items()])
                formatter.write_paragraph()
                formatter.write_text(f"Example: {section.example}")
        with formatter.section("Environment variables"):
            formatter.write_dl(list(self._variables.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in self._exit_codes.items()])


def describe_usage_error(error: click.UsageError) -> tuple[str, str]:
    """The message and the hint for an invalid command line."""
    path = error.ctx.command_path if error.ctx else "monotron"
    if isinstance(error, click.NoSuchOption):
        similar = sorted(error.possibilities or ())
        suggestion = f". Did you mean {similar[0]}?" if similar else ""
        text = f"unknown option {error.option_name} for '{path}'{suggestion}"
    else:
        text = error.format_message().rstrip(".")
        text = f"{text[:1].lower()}{text[1:]}"
    return text, f"run '{path} --help' for usage"


def _place(parameter: click.Parameter) -> int:
    """The place of a parameter in the help. Arguments keep their order."""
    if isinstance(parameter, click.Argument) or parameter.name not in SHARED:
        return 0
    return SHARED.index(parameter.name) + 1
