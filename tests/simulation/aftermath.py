"""What a server returns about series when all faults have ended."""

from __future__ import annotations

from collections.abc import Iterator

from monotron.model.allocation import AllocationRequest
from monotron.model.series import ANYONE, Allocation, Entry, Reuse, SeriesKey
from monotron.store.interface import Store
from simulation.servers import ACCOUNT
from simulation.truth import Generation, Truth


def assigned(known: Truth) -> dict[str, tuple[int, dict[int, str | None]]]:
    """The number of generations of each series, and the values of its last generation."""
    return {
        key: (len(generations), generations[-1].assigned)
        for key, generations in known.generations.items()
    }


def wrong_results(store: Store, generations: dict[str, Generation]) -> Iterator[str]:
    """Yield results of a store that contradict its rows."""
    peeked = store.peek([series_of(key) for key in generations])
    for (key, generation), entry in zip(generations.items(), peeked, strict=True):
        current = (
            Entry(ACCOUNT, key, generation.assigned.get(generation.value), generation.value)
            if generation.exists
            else None
        )
        if entry != current:
            yield f"{key} is at {current}, and a server returns {entry}"
        page = store.ledger_page(series_of(key), None, 1000)
        rows = [] if page is None else [(each.entry.value, each.entry.token) for each in page]
        if (
            rows != sorted(generation.assigned.items(), reverse=True)
            or (page is None) == generation.exists
        ):
            yield f"the ledger of {key} is {rows}, and {generation.assigned} was assigned"
        oldest = min(generation.values().items(), key=lambda each: each[1], default=None)
        if oldest and store.entry(series_of(key), oldest[0]) != Entry(ACCOUNT, key, *oldest):
            yield f"{key} has lost {oldest}"
    results = {
        (key, token): Allocation(Entry(ACCOUNT, key, token, value), reused=True)
        for key, generation in generations.items()
        for token, value in generation.values().items()
    }
    repeats = [
        AllocationRequest(series_of(key), token, Reuse.ANY, ANYONE) for key, token in results
    ]
    for first in range(0, len(repeats), store.max_batch_size):
        batch = repeats[first : first + store.max_batch_size]
        for request, result in zip(batch, store.allocate(batch), strict=True):
            expected = results[request.series.key, request.token]
            if result != expected:
                yield f"the result was {expected}, and is now {result}"


def series_of(key: str) -> SeriesKey:
    return SeriesKey(ACCOUNT, key)
