"""Completion for PowerShell, which click does not provide."""

from __future__ import annotations

import os
from typing import ClassVar

from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)

SCRIPT = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $command, $position)
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = $command.ToString()
    $env:COMP_WORD = $word
    try {
        & %(prog_name)s | ForEach-Object {
            $value, $help = $_.Split("`t", 2)
            [System.Management.Automation.CompletionResult]::new(
                $value, $value, 'ParameterValue', $help)
        }
    } finally {
        $env:%(complete_var)s = $env:COMP_WORDS = $env:COMP_WORD = $null
    }
}
"""


@add_completion_class
class PowerShellComplete(ShellComplete):
    """Writes one line per suggestion: its value, a tab, and its help.

    PowerShell passes the whole command in `COMP_WORDS`, and in `COMP_WORD` what is typed of the
    word at the cursor. It removes an environment variable that it sets to an empty text.
    """

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(os.environ["COMP_WORDS"])[1:]
        incomplete = os.environ.get("COMP_WORD", "")
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        # A suggestion without help is an error in PowerShell.
        return f"{item.value}\t{item.help or item.value}"
