"""The command that prints completion scripts."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from monotron.cli.output import CommandOutput
from monotron.cli.powershell import PowerShellComplete
from monotron.cli.sections import ADMINISTRATION

SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
    "powershell": PowerShellComplete,
}


@ADMINISTRATION.command("completion")
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
def completion(shell: str) -> CommandOutput:
    """Print a script with which a shell completes commands and options.

    \b
    bash, in ~/.bashrc:
      eval "$(monotron completion bash)"
    zsh, in ~/.zshrc after compinit:
      eval "$(monotron completion zsh)"
    fish, in ~/.config/fish/config.fish:
      monotron completion fish | source
    PowerShell, in the file $PROFILE:
      monotron completion powershell | Out-String | Invoke-Expression
    """
    program = click.get_current_context().find_root().command
    script = SHELLS[shell](program, {}, "monotron", "_MONOTRON_COMPLETE").source()
    return CommandOutput(f"{script}\n")
