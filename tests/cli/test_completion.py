"""`monotron completion`, in the shells themselves."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

BASH = """
eval "$(monotron completion bash)"
COMP_WORDS=({line}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_monotron_completion monotron
echo "${{COMPREPLY[@]}}"
"""

FISH = """
monotron completion fish | source
complete --do-complete '{line}' | cut -f 1
"""

ZSH = """
autoload -U compinit && compinit -D; PS1=
eval "$(monotron completion zsh)"; echo prepared
"""

START_OF_LINE, TAB = "\x01", "\t"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with the command `monotron`."""
    program = tmp_path / "monotron"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m monotron "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "TERM": "dumb"}


def output_of(shell: str, script: str, env: dict[str, str]) -> str:
    process = subprocess.run([shell, "-c", script], env=env, capture_output=True, check=True)
    assert process.stderr == b""
    return process.stdout.decode()


def completed_by_bash(line: str, env: dict[str, str]) -> str:
    return output_of("bash", BASH.format(line=line), env).strip()


def completed_by_fish(line: str, env: dict[str, str]) -> str:
    return output_of("fish", FISH.format(line=line), env).strip()


def completed_by_zsh(line: str, env: dict[str, str]) -> str:
    """Zsh completes on a terminal only: type the line and TAB, and let it print the result."""
    controller, terminal = pty.openpty()
    with (
        os.fdopen(controller, "r+b", buffering=0) as screen,
        subprocess.Popen(
            ["zsh", "-f", "-i"], env=env, stdin=terminal, stdout=terminal, stderr=terminal
        ) as shell,
    ):
        os.close(terminal)
        try:
            screen.write(ZSH.encode())
            read_line(screen, "prepared")
            screen.write(f"{line}{TAB}{START_OF_LINE}echo result: \n".encode())
            return read_line(screen, "result: ").split()[-1]
        finally:
            shell.kill()


def read_line(screen: IO[bytes], start: str) -> str:
    """Read until a line that starts with *start*, which no typed line does."""
    line = b""
    while not (line.startswith(start.encode()) and line.endswith(b"\n")):
        character = screen.read(1)
        line = character if line.endswith(b"\n") else line + character
    return line.decode()


@pytest.mark.parametrize("complete", [completed_by_bash, completed_by_zsh, completed_by_fish])
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("monotron series adv", "advance"),
        ("monotron version shop --bump ma", "major"),
    ],
)
def test_a_shell_completes(
    complete: Callable[[str, dict[str, str]], str], line: str, word: str, env: dict[str, str]
) -> None:
    assert complete(line, env) == word


class TestPowerShell:
    """PowerShell cannot be installed on all machines: its script is parsed, but not run."""

    def test_the_script_has_no_syntax_errors(self, env: dict[str, str]) -> None:
        script = output_of("sh", "monotron completion powershell", env)
        grammar = Language(tree_sitter_powershell.language())
        assert not Parser(grammar).parse(script.encode()).root_node.has_error
        assert Parser(grammar).parse(script.rstrip().rstrip("}").encode()).root_node.has_error

    @pytest.mark.parametrize(
        ("line", "word", "suggestion"),
        [
            ("monotron series adv", "adv", "advance"),
            ("monotron version shop --bump ma", "ma", "major"),
            ("monotron version shop --bump", "", "patch"),
            ("monotron pin", "pin", "ping"),
        ],
    )
    def test_suggestions_are_lines_with_a_help_text(
        self, line: str, word: str, suggestion: str, env: dict[str, str]
    ) -> None:
        request = {"_MONOTRON_COMPLETE": "powershell_complete", "COMP_WORDS": line}
        if word:
            request["COMP_WORD"] = word
        lines = output_of("sh", "monotron", env | request).splitlines()
        texts = dict(each.split("\t") for each in lines)
        assert suggestion in texts
        assert all(texts.values())
        assert all(value.startswith(word) for value in texts)
