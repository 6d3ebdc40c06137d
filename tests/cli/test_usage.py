"""The help, the errors of the command line, and their page, docs/commands.md."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import click
import pytest

from docs import command_tables
from docs.command_tables import COMMANDS
from docs.test_drift import code, page, section, table
from monotron.cli.main import EXIT_CODES, program
from support.terminal import Terminal

PAGE = page("docs/commands.md")


class TestHelp:
    def test_the_help_shows_all_commands_in_three_groups(self, terminal: Terminal) -> None:
        printed = terminal.prints("--help")
        titles = re.findall(r"^(\S.*):$", printed, re.MULTILINE)
        assert titles == [
            "Options",
            "Builds",
            "Administration",
            "Store maintenance",
            "Environment variables",
            "Exit codes",
        ]
        assert printed.count("  Example: monotron ") == 3
        for name in COMMANDS:
            assert re.search(rf"^  {name}  ", printed, re.MULTILINE)

    def test_the_help_of_a_command_starts_with_its_usage(self, terminal: Terminal) -> None:
        printed = terminal.prints("peek", "--help")
        assert printed.startswith("Usage: monotron peek [OPTIONS] KEY [TOKEN]\n")

    @pytest.mark.parametrize("arguments", [(), ("trust",)], ids=str)
    def test_a_missing_command_prints_the_help_and_exits_with_2(
        self, arguments: tuple[str, ...], terminal: Terminal
    ) -> None:
        assert terminal.fails(2, *arguments) == terminal.prints(*arguments, "--help")

    def test_the_help_of_the_program_has_the_first_sentences_of_the_commands(self) -> None:
        for each in program.sections:
            for name, entry in each.entries.items():
                assert COMMANDS[name].get_short_help_str(limit=200) == entry.help

    @pytest.mark.parametrize("name", COMMANDS)
    def test_the_help_of_a_command_fits_into_80_columns(
        self, name: str, terminal: Terminal
    ) -> None:
        printed = terminal.prints(name, "--help", COLUMNS="80")
        assert max(map(len, printed.splitlines())) <= 80

    def test_the_help_imports_no_command(self) -> None:
        script = (
            "import sys; from monotron.cli.main import main; main(['--help']); "
            "print(*sys.modules, file=sys.stderr)"
        )
        process = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, text=True
        )
        assert process.stdout.startswith("Usage: monotron ")
        commands = {
            f"monotron.cli.{entry.module}"
            for section in program.sections
            for entry in section.entries.values()
        }
        imported = set(process.stderr.split())
        assert not imported & {*commands, "tornado", "pymongo", "jwt", "asyncio", "http.client"}


class TestSuggestions:
    @pytest.mark.parametrize(
        ("arguments", "error", "help_command"),
        [
            (("verison",), "unknown command 'verison'. Did you mean 'version'?", "monotron"),
            (("trust", "gitub"), "unknown command 'gitub'. Did you mean 'github'?",
             "monotron trust"),
            (("xyz",), "unknown command 'xyz'", "monotron"),
            (("version", "--bmp", "minor"),
             "unknown option --bmp for 'monotron version'. Did you mean --bump?",
             "monotron version"),
            (("peek", "a", "--wat"), "unknown option --wat for 'monotron peek'", "monotron peek"),
            (("next",), "missing argument 'KEY'", "monotron next"),
        ],
        ids=str,
    )  # fmt: skip
    def test_an_unknown_word_is_an_error_with_a_suggestion(
        self, arguments: tuple[str, ...], error: str, help_command: str, terminal: Terminal
    ) -> None:
        hint = f"hint: run '{help_command} --help' for usage"
        assert terminal.fails(2, *arguments) == f"error: {error}\n{hint}\n"

    def test_an_unknown_value_is_an_error_that_lists_the_known_values(
        self, terminal: Terminal
    ) -> None:
        errors = terminal.fails(2, "version", "a", "--bump=huge")
        assert errors.startswith("error: invalid value for '--bump': 'huge' is not one of 'major'")


class TestTables:
    """`key list` needs no server here: it prints the heading only."""

    COMMAND = ("key", "list", "--store=sqlite:///monotron.db")

    @pytest.fixture
    def folder(self, offline: Terminal) -> Terminal:
        offline.run("account", "create", "--store=sqlite:///monotron.db")
        return offline

    def test_columns_are_separated_by_tabs_in_a_pipe(self, folder: Terminal) -> None:
        heading = folder.prints(*self.COMMAND)
        assert heading.startswith("KEY\tSCOPES\tNAMES\tDESCRIPTION\t")

    def test_columns_are_aligned_on_a_terminal(self, folder: Terminal) -> None:
        controller, terminal = pty.openpty()
        with os.fdopen(controller, "rb") as screen, os.fdopen(terminal, "wb") as stdout:
            assert folder.start(*self.COMMAND, stdout=stdout).returncode == 0
            assert screen.readline().startswith(b"KEY  SCOPES  NAMES  DESCRIPTION  ")


class TestErrorsAsJson:
    @pytest.mark.parametrize(
        ("arguments", "code", "error"),
        [
            (
                ("peek", "none", "--output=json"),
                3,
                {"error": "'none' has no builds yet", "hint": None, "code": None},
            ),
            (
                ("peek", "--output", "json"),
                2,
                {
                    "error": "missing argument 'KEY'",
                    "hint": "run 'monotron peek --help' for usage",
                    "code": None,
                },
            ),
        ],
        ids=str,
    )
    def test_an_error_is_one_json_object(
        self,
        arguments: tuple[str, ...],
        code: int,
        error: dict[str, str | None],
        terminal: Terminal,
    ) -> None:
        assert json.loads(terminal.fails(code, *arguments)) == error

    def test_it_has_the_code_of_the_service(self, terminal: Terminal, name: str) -> None:
        terminal.prints("series", "advance", name, "41")
        errors = terminal.fails(1, "series", "advance", name, "1", "--output=json")
        assert json.loads(errors)["code"] == "value_would_fall"


class TestPage:
    def test_the_tables_are_generated_from_the_commands(self) -> None:
        assert command_tables.updated(PAGE) == PAGE, "run make docs"

    def test_every_command_except_serve_has_a_section(self) -> None:
        sections = re.findall(r"^### monotron (\S+)$", PAGE, re.MULTILINE)
        assert sorted([*sections, "serve"]) == sorted(COMMANDS)

    @pytest.mark.parametrize("name", [name for name in COMMANDS if name != "serve"])
    def test_every_option_and_subcommand_is_documented(self, name: str) -> None:
        text = section(PAGE, f"### monotron {name}")
        for option in command_tables.documented_options(name):
            assert option.opts[0] in text
        command = COMMANDS[name]
        if isinstance(command, click.Group):
            for subcommand in command.commands:
                assert f"monotron {name} {subcommand}" in text

    def test_the_options_that_commands_share_are_documented(self) -> None:
        assert "<!-- table: administration -->" in section(PAGE, "## Administration")
        assert "<!-- table: common -->" in section(PAGE, "## Common options")

    def test_every_exit_code_is_documented(self) -> None:
        rows = table(section(PAGE, "## Exit codes"))
        assert [code(row[0]) for row in rows] == [str(int(each)) for each in EXIT_CODES]
