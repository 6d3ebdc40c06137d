"""The commands for operators: accounts, keys and trusts of a service, or in a file."""

from monotron.operating.arguments import add_commands
from monotron.operating.commands import run

__all__ = ["add_commands", "run"]
