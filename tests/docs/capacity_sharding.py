"""A simulation of sharded collections: how evenly popular and rare names fill the shards.

The names are in order of the shard key, independent of their popularity, which follows Zipf's law:
the name of rank r has a share proportional to r^-exponent. The shares are exact, and only the order
is drawn, with a fixed seed. So the result is the same on every machine.
"""

from __future__ import annotations

import heapq
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple

NAMES = 1_000_000
ENTRIES = 1_000_000_000
EXPONENTS = (0.8, 1.0, 1.2)
SHARDS = (3, 12, 48)
CHUNK_BYTES = 128 * 2**20
NEW_ACCOUNTS = 0.1
"""The share of writes that accounts with the highest numbers send, those that were added last."""


class Balance(NamedTuple):
    """The load of the fullest shard divided by the mean of all, in one case."""

    exponent: float
    shards: int
    hottest: float
    """The share of the most popular name, of all entries and writes."""

    larger: int
    """The number of names whose entries are larger than a chunk, which cannot be split."""

    chunks: int
    balanced: float
    """Data, in chunks that the balancer may move to any shard."""

    zones: float
    """Data and writes, in one zone for each shard, cut at equal sizes of data."""

    hashed: float
    """Data and writes, in equal ranges of a hash."""

    zones_growing: float
    """Writes, if some of them are for new accounts, which all are in the last zone."""

    hashed_growing: float
    """The same writes, in equal ranges of a hash."""


def balances(document_bytes: float) -> Iterator[Balance]:
    """The balance in all cases. *document_bytes*: the size of an entry, uncompressed."""
    chunk_share = CHUNK_BYTES / (document_bytes * ENTRIES)
    for exponent in EXPONENTS:
        shares = in_key_order(exponent)
        chunks = chunk_sizes(shares, chunk_share)
        hottest = max(shares)
        larger = sum(share > chunk_share for share in shares)
        for shards in SHARDS:
            zones = in_zones(shares, shards)
            hashed = in_hash_ranges(shares, shards)
            growing = [load * (1 - NEW_ACCOUNTS) for load in zones]
            growing[-1] += NEW_ACCOUNTS
            spread = [load * (1 - NEW_ACCOUNTS) + NEW_ACCOUNTS / shards for load in hashed]
            yield Balance(
                exponent,
                shards,
                hottest,
                larger,
                len(chunks),
                unevenness(on_shards(chunks, shards)),
                unevenness(zones),
                unevenness(hashed),
                unevenness(growing),
                unevenness(spread),
            )


@cache
def _ranks() -> list[int]:
    ranks = list(range(1, NAMES + 1))
    random.Random(1).shuffle(ranks)
    return ranks


def in_key_order(exponent: float) -> list[float]:
    """The shares of all names in order of the shard key. Their sum is 1."""
    weights = [0.0, *(rank**-exponent for rank in range(1, NAMES + 1))]
    total = sum(weights)
    return [weights[rank] / total for rank in _ranks()]


def chunk_sizes(shares: Sequence[float], largest: float) -> list[float]:
    """The sizes of chunks: as many adjacent names as fit, or one name that does not fit."""
    sizes, size = [], 0.0
    for share in shares:
        if size and size + share > largest:
            sizes.append(size)
            size = 0.0
        size += share
    return [*sizes, size]


def on_shards(chunks: Sequence[float], shards: int) -> list[float]:
    """The loads if the balancer has moved each chunk to the emptiest shard, largest first."""
    loads = [0.0] * shards
    for chunk in sorted(chunks, reverse=True):
        heapq.heapreplace(loads, loads[0] + chunk)
    return loads


def in_zones(shares: Sequence[float], shards: int) -> list[float]:
    """The loads of adjacent zones. They are cut between names, as close to equal as possible."""
    up_to = [0.0, *accumulate(shares)]
    cuts = [_nearest(up_to, up_to[-1] * number / shards) for number in range(1, shards)]
    ends = [0, *cuts, len(shares)]
    return [up_to[end] - up_to[start] for start, end in pairwise(ends)]


def _nearest(ascending: Sequence[float], target: float) -> int:
    """The position of the value that is nearest to the target, which the last is not below."""
    after = bisect_left(ascending, target)
    before = max(0, after - 1)
    return before if target - ascending[before] < ascending[after] - target else after


def in_hash_ranges(shares: Sequence[float], shards: int) -> list[float]:
    """The loads of ranges with equally many names: the order of names is that of their hashes."""
    size = -(-len(shares) // shards)
    return [sum(shares[start : start + size]) for start in range(0, len(shares), size)]


def unevenness(loads: Sequence[float]) -> float:
    """The largest load, divided by the mean."""
    return max(loads) * len(loads) / sum(loads)
