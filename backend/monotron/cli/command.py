"""The classes of commands: sections of the help, and suggestions for misspelled names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

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
            formatter.write_dl(_rows(self.commands.values()))

    def _fail_unknown(self, ctx: click.Context, name: str) -> NoReturn:
        similar = get_close_matches(name, self.commands, n=1)
        suggestion = f". Did you mean {similar[0]!r}?" if similar else ""
        raise click.UsageError(f"unknown command {name!r}{suggestion}", ctx)


class Section:
    """Commands under one title of the program's help, with an example."""

    def __init__(self, title: str, example: str) -> None:
        self.title = title
        self.example = example
        self.commands: list[click.Command] = []

    def command(
        self, name: str, *, cls: type[click.Command] = LeafCommand
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """Turn a function into the command *name* of this section."""

        def add(function: Callable[..., Any]) -> click.Command:
            command = click.command(name, cls=cls, context_settings=CONTEXT)(function)
            self.commands.append(command)
            return command

        return add

    def group(self, name: str, help: str) -> Group:
        """A new group of commands of this section."""
        group = Group(name, help=help, context_settings=CONTEXT)
        self.commands.append(group)
        return group


BUILDS = Section("Builds", "monotron version shop --bump minor")
ADMINISTRATION = Section("Administration", "monotron trust github acme/shop")
MAINTENANCE = Section("Store maintenance", "monotron backup /backups/monotron.db")


class Program(Group):
    """The command `monotron`. Its help has sections, environment variables and exit codes."""

    def __init__(
        self,
        sections: Sequence[Section],
        help: str,
        variables: Mapping[str, str],
        exit_codes: Mapping[int, str],
    ) -> None:
        commands = {str(each.name): each for section in sections for each in section.commands}
        super().__init__("monotron", commands=commands, help=help, context_settings=CONTEXT)
        self.sections = sections
        self._variables = variables
        self._exit_codes = exit_codes

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl(_rows(section.commands))
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


def _rows(commands: Any) -> list[tuple[str, str]]:
    return [(str(each.name), each.get_short_help_str(limit=200)) for each in commands]
