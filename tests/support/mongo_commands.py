"""What stores send to MongoDB, and what docs/mongodb-versions.md lists of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.monitoring import CommandListener, CommandStartedEvent

from docs.test_drift import code, page, section, table

PAGE = "docs/mongodb-versions.md"

PARTS = ("readConcern", "writeConcern", "indexes", "updates", "deletes", "$currentOp")
"""The options whose members are listed, too."""


class SentCommands(CommandListener):
    """The commands, options, members of options and operators that clients have sent.

    A command is its name, an option `command option`, a member `option.member`, and an operator
    starts with `$`, a variable with `$$`. Values of read concerns are like members.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def started(self, event: CommandStartedEvent) -> None:
        name = event.command_name
        self.seen.add(name)
        self.seen.update(f"{name} {option}" for option in event.command if option != name)
        self.seen.update(_parts(event.command))

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def documented() -> set[str]:
    """What the page lists, as in `SentCommands`."""
    text = page(PAGE)
    listed = _names(text, "## Members of options") | _names(text, "## Operators")
    for row in table(section(text, "## Commands")):
        command = code(row[0])
        listed.add(command)
        listed.update(f"{command} {option}" for option in re.findall(r"`([^`]+)`", row[1]))
    return listed


def common_options() -> set[str]:
    """The options that the page lists once for all commands."""
    return _names(page(PAGE), "## Options of all commands")


def sent_without_common_options(sent: SentCommands) -> set[str]:
    """What was sent, without the options of all commands."""
    common = common_options()
    return {each for each in sent.seen if each.rpartition(" ")[2] not in common}


def _names(text: str, heading: str) -> set[str]:
    return {code(row[0]) for row in table(section(text, heading))}


def _parts(value: Any) -> Iterator[str]:
    """Yield operators, variables, and members of options."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "documents":  # data
                continue
            if name.startswith("$"):
                yield name
            if name in PARTS:
                for part in each if isinstance(each, list) else [each]:
                    yield from (f"{name}.{member}" for member in part)
                    if "level" in part:
                        yield f"{name}.level {part['level']}"
            yield from _parts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, str) and value.startswith("$$"):
        yield value.partition(".")[0]
