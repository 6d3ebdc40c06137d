"""Links between processes on loopback that can be cut: their packets are dropped.

A connection belongs to the group of the process that opened it. This requires a private network
namespace, so that no other process is affected.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple


class Link(NamedTuple):
    """Connections that processes of a group opened to a port."""

    group: int
    port: int


def own_namespace() -> bool:
    """Return whether this process is in a private network namespace."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


class Network:
    """The links between some groups of processes."""

    def __init__(self, groups: Sequence[int]) -> None:
        assert own_namespace(), "this would cut the network of the whole machine"
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
        """Drop all packets in these directions: to the port, from it, or both."""
        rules = [(way, link) for link in links for way in ways]
        for way, link in rules:
            _iptables("-A", *_dropped(way, link))
        try:
            yield
        finally:
            for way, link in rules:
                _iptables("-D", *_dropped(way, link))

    def lost(self) -> int:
        """Return the number of packets dropped since the cut."""
        listed = _iptables("-L", "INPUT", "-v", "-x", "-n")
        return sum(int(line.split()[0]) for line in listed.splitlines() if " DROP " in line)


def _dropped(way: str, link: Link) -> list[str]:
    mark = ["-m", "connmark", "--mark", str(link.group)]
    return ["INPUT", "-p", "tcp", *mark, way, str(link.port), "-j", "DROP"]


def _iptables(*arguments: str) -> str:
    command = ["iptables", "--wait", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
