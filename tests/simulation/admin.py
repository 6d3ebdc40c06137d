"""The commands of the database `admin` that the store uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulation.documents import Document, matches
from simulation.network import Command, Network, Reply


class Admin:
    """The database `admin`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def command(self, command: str | Mapping[str, Any], *_: object) -> Document:
        """Run `ping`, `hello` or `killSessions`."""
        name = command if isinstance(command, str) else next(iter(command))

        def apply() -> Reply:
            if not isinstance(command, str) and name == "killSessions":
                for session in command[name]:
                    self._network.transactions.kill(session["id"])
            return Reply({"ok": 1.0, **(self._hello() if name == "hello" else {})})

        if name == "hello" and self._network.world.current is None:
            return self._hello()  # a server starts: that is not simulated
        response: Document = self._network.call(Command(name, apply))
        return response

    def aggregate(self, pipeline: Sequence[Document]) -> Iterator[Document]:
        """Run `$currentOp`, which lists idle transactions, and `$match`."""
        operation, match = pipeline
        assert operation["$currentOp"]["idleSessions"]

        def apply() -> Reply:
            idle = self._network.transactions.idle()
            return Reply([each for each in idle if matches(each, match["$match"])])

        return iter(self._network.call(Command("$currentOp", apply)))

    def _hello(self) -> Document:
        hosts = [f"member-{number}" for number in range(self._network.replica.members)]
        return {"hosts": hosts, "me": hosts[0], "setName": "simulated"}
