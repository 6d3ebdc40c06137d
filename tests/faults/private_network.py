"""Links between processes on loopback, which can be cut: packets on them vanish.

A connection belongs to the group of the process that opened it. Only in a network namespace of our
own: there nobody else is cut off.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple


class Link(NamedTuple):
    """Connections that processes of a group have opened to a port."""

    group: int
    port: int


def own_namespace() -> bool:
    """Whether this process has a network that reaches nobody but those who share it."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


class Network:
    """What may be cut between some groups of processes."""

    def __init__(self, groups: Sequence[int]) -> None:
        assert own_namespace(), "this would cut off the whole machine"
        for group in groups:
            _iptables(
                *("-t", "mangle", "-A", "OUTPUT", "-m", "owner", "--gid-owner", str(group)),
                *("-m", "conntrack", "--ctstate", "NEW", "-j", "CONNMARK"),
                *("--set-mark", str(group)),
            )

    @contextmanager
    def cut(
        self, links: Sequence[Link], ways: Sequence[str] = ("--dport", "--sport")
    ) -> Iterator[None]:
        """Let nothing through that goes these *ways*: to the port, from it, or both."""
        rules = [(way, link) for link in links for way in ways]
        for way, link in rules:
            _iptables("-A", *_dropped(way, link))
        try:
            yield
        finally:
            for way, link in rules:
                _iptables("-D", *_dropped(way, link))

    def lost(self) -> int:
        """How many packets have vanished since the cut."""
        listed = _iptables("-L", "INPUT", "-v", "-x", "-n")
        return sum(int(line.split()[0]) for line in listed.splitlines() if " DROP " in line)


def _dropped(way: str, link: Link) -> list[str]:
    mark = ["-m", "connmark", "--mark", str(link.group)]
    return ["INPUT", "-p", "tcp", *mark, way, str(link.port), "-j", "DROP"]


def _iptables(*arguments: str) -> str:
    command = ["iptables", "--wait", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
