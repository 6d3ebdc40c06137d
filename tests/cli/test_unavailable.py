"""`--on-unavailable skip`: a script continues if the server cannot be reached."""

from __future__ import annotations

import json

import pytest

from monotron_ci import outputs
from support.stand_in import HANG_UP, Reply, StandIn
from support.terminal import Terminal

SKIP = ("--on-unavailable=skip", "--retries=0")


@pytest.mark.parametrize("command", ["version", "next"])
class TestSkip:
    @pytest.mark.parametrize("reply", [HANG_UP, Reply.problem(503, "draining", "Soon.")], ids=str)
    def test_an_empty_line_and_a_warning_are_printed(
        self, command: str, reply: Reply, terminal: Terminal
    ) -> None:
        with StandIn([reply]) as stand_in:
            terminal.url = stand_in.url
            process = terminal.run(command, "a", "b", *SKIP)
        assert (process.returncode, process.stdout) == (0, "\n")
        assert process.stderr.startswith("warning: ")
        assert process.stderr.endswith(" Nothing was assigned.\n")

    def test_every_format_states_that_nothing_changed(
        self, command: str, terminal: Terminal
    ) -> None:
        with StandIn([HANG_UP]) as stand_in:
            terminal.url = stand_in.url
        printed = {
            output: terminal.run(command, "a", "b", *SKIP, f"--output={output}").stdout
            for output in ("json", "dotenv", "github")
        }
        assert json.loads(printed["json"])["changed"] is False
        names = outputs.DOTENV if command == "version" else outputs.DOTENV_OF_NUMBERS
        variables = dict(line.split("=", 1) for line in printed["dotenv"].splitlines())
        assert list(variables) == [f"MONOTRON_{name}" for name in names]
        assert set(variables.values()) == {"", "false"}
        assert "version=\n" in printed["github"]
        assert "changed=false\n" in printed["github"]

    def test_a_refusal_fails(self, command: str, terminal: Terminal) -> None:
        with StandIn([Reply.problem(409, "value_would_fall", "No.")]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(1, command, "a", "b", *SKIP)

    def test_the_default_is_to_fail(self, command: str, terminal: Terminal) -> None:
        with StandIn([HANG_UP]) as stand_in:
            terminal.url = stand_in.url
        terminal.fails(4, command, "a", "b", "--retries=0")
