"""The network is cut between servers and members, and among members, and then restored."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from faults.ordeal import Ordeal, ordeal
from faults.private_network import Link, Network
from faults.tier import rounds
from support.member import Mongod, until
from support.mongod import ReplicaSet
from support.server import Server

CUTS = rounds(short=3, whole=33)
SERVERS = 5000
FIRST_MEMBER = 5001
READY_AGAIN_SECONDS = 5
LONG = 8
"""A cut that leaves no reachable primary must be noticed if it lasts at least this many seconds."""

Cut = Callable[[ReplicaSet], list[Link]]


@pytest.fixture
def network() -> Network:
    """Created before the first connection, because rules only match connections opened later."""
    return Network(range(SERVERS, FIRST_MEMBER + 3))


@pytest.fixture
def own_set(network: Network) -> Iterator[ReplicaSet]:
    with ReplicaSet.start(first_group=FIRST_MEMBER) as replica_set:
        yield replica_set


def _group(member: Mongod) -> int:
    assert member.group is not None
    return member.group


def servers_from_primary(replica_set: ReplicaSet) -> list[Link]:
    return [Link(SERVERS, replica_set.primary().port)]


def servers_from_a_secondary(replica_set: ReplicaSet) -> list[Link]:
    return [Link(SERVERS, replica_set.secondaries()[0].port)]


def servers_from_all(replica_set: ReplicaSet) -> list[Link]:
    return [Link(SERVERS, member.port) for member in replica_set.members]


def primary_from_members(replica_set: ReplicaSet) -> list[Link]:
    """The servers still reach the primary, which may remain primary for a while."""
    primary = replica_set.primary()
    return [
        link
        for member in replica_set.secondaries()
        for link in (Link(_group(member), primary.port), Link(_group(primary), member.port))
    ]


def members_from_each_other(replica_set: ReplicaSet) -> list[Link]:
    members = replica_set.members
    return [Link(_group(one), other.port) for one in members for other in members if one != other]


def primary_from_all(replica_set: ReplicaSet) -> list[Link]:
    return servers_from_primary(replica_set) + primary_from_members(replica_set)


KINDS: list[Cut] = [
    servers_from_all,
    servers_from_primary,
    primary_from_members,
    members_from_each_other,
    primary_from_all,
    servers_from_a_secondary,
]
WITHOUT_PRIMARY: set[Cut] = {servers_from_all, members_from_each_other}
"""The cuts that leave the servers without a primary."""

BOTH_WAYS = ("--dport", "--sport")
WAYS = [BOTH_WAYS, BOTH_WAYS, ("--dport",), ("--sport",)]


def _cuts(chance: random.Random) -> Iterator[tuple[Cut, Sequence[str], float]]:
    """Yield the kind, the directions and the seconds of each cut.

    Only the first cut is always one that the servers must notice.
    """
    yield servers_from_all, BOTH_WAYS, LONG
    for number in range(1, CUTS):
        yield KINDS[number % len(KINDS)], chance.choice(WAYS), 0.5 * 80 ** chance.random()


@pytest.mark.timeout(3600)
def test_nothing_is_lost_when_the_network_is_cut(
    own_set: ReplicaSet, network: Network, report: Callable[[str], None]
) -> None:
    done: Counter[str] = Counter()
    not_ready, slowest, lasted = 0, 0.0, 0.0
    with ordeal(own_set, "cuts", group=SERVERS) as under:
        for kind, ways, seconds in _cuts(under.chance):
            under.random_moment()
            with network.cut(kind(own_set), ways):
                began = time.monotonic()
                if kind in WITHOUT_PRIMARY and ways == BOTH_WAYS and seconds >= LONG:
                    for server in under.servers:
                        until(partial(_is_ready, server, False), 60, "a server that notices")
                    not_ready += 1
                time.sleep(max(0, began + seconds - time.monotonic()))
                assert network.lost() > 0
                lasted += time.monotonic() - began
            took = _seconds_until_ready(under)
            print(f"{kind.__name__} {ways} {seconds:.1f} s: ready after {took:.1f} s")
            slowest = max(slowest, took)
            under.wait_until_healthy()
            done[kind.__name__] += 1
        kinds = ", ".join(f"{name.replace('_', ' ')} {times}" for name, times in done.items())
        report(
            f"{done.total()} cuts of {lasted:.0f} s in total ({kinds}); /readyz failed during "
            f"{not_ready} of them and succeeded at most {slowest:.1f} s after the cut; "
            f"{under.check()}"
        )
    assert not_ready > 0
    assert under.doubts() + under.history.unknown() > 0
    assert slowest <= READY_AGAIN_SECONDS


def _seconds_until_ready(under: Ordeal) -> float:
    """Measure from the moment at which the set has a lasting primary."""
    primary, began = under.replica_set.primary(), time.monotonic()
    while not all(_is_ready(server, True) for server in under.servers):
        if (now := under.replica_set.primary()) is not primary:
            primary, began = now, time.monotonic()
        assert time.monotonic() - began < 60, "a server does not become ready again"
    return time.monotonic() - began


def _is_ready(server: Server, ready: bool) -> bool:
    with server.client() as client:
        return (client.request("GET", "/readyz").status == 200) == ready
