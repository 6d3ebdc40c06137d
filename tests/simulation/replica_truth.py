"""The truth of a simulated replica set: the writes that can no longer be rolled back.

Besides the guarantees of every store, these must hold: a head and its entries are written by one
transaction, generations increase, and only entries of earlier generations are removed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from simulation.documents import Document, Owner, Versions
from simulation.replica import Replica
from simulation.truth import Truth

Entries = dict[int, list[Document]]
"""Entries by the index at which they were inserted."""


def of_replica(replica: Replica, restarted: set[str]) -> Truth:
    """Return the truth of a replica set on which no transaction is running."""
    truth = Truth(restarted)
    for name, documents in sorted(replica.series.documents.items()):
        inserted = _inserted(replica, name)
        before: Document = {"generation": 0}
        for versions in documents.values():
            for index, head in versions.history:
                assert head is not None
                fresh = inserted.pop(index, [])
                truth.wrong += _of_one_write(name[1], before, head, fresh)
                truth.step(
                    name[1],
                    head["generation"],
                    _integer(head["value"]),
                    [(_integer(entry["value"]), entry["token"]) for entry in fresh],
                    replica.applied_at[index],
                    exists=head["active"],
                    committed_at=replica.committed_at(index),
                )
                before = head
            truth.wrong += _removed(replica, name, versions)
        for entries in inserted.values():
            tokens = [entry["token"] for entry in entries]
            truth.wrong.append(f"{name[1]} got entries of {tokens} without a change of its head")
    return truth


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, int) else value


def _inserted(replica: Replica, name: Owner) -> Entries:
    inserted: Entries = defaultdict(list)
    for versions in replica.entries.documents.get(name, {}).values():
        for index, entry in versions.history:
            if entry is not None:
                inserted[index].append(entry)
    for entries in inserted.values():
        entries.sort(key=lambda entry: int(entry["value"]))
    return inserted


def _of_one_write(
    key: str, before: Mapping[str, Any], head: Document, fresh: list[Document]
) -> Iterator[str]:
    """Yield contradictions between a head and the entries that were written with it."""
    generation = head["generation"]
    if generation < before["generation"]:
        yield f"{key} returned from generation {before['generation']} to {generation}"
    if any(entry["generation"] != generation for entry in fresh):
        yield f"{key} got entries of another generation than {generation}"
    if fresh and fresh[-1]["token"] != head["token"]:
        yield f"{key} has the token {head['token']!r}, and its entry {fresh[-1]['token']!r}"


def _removed(replica: Replica, name: Owner, heads: Versions) -> Iterator[str]:
    """Yield entries that were removed while their generation was the current one."""
    for versions in replica.entries.documents.get(name, {}).values():
        last = None
        for index, entry in versions.history:
            if entry is None and last is not None:
                head = heads.at(index)
                if head is None or last["generation"] >= head["generation"]:
                    yield f"{name[1]} lost the entry {last['value']} of {last['token']!r}"
            last = entry
