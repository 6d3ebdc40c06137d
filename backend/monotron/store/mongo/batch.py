"""The requests of one call, and the decision about them. Pure: no I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, SeriesKey
from monotron.store.mongo.series import Change, Head, NewEntry

Results: TypeAlias = list[Allocation | MonotronError]


class Batch:
    """The requests of a batch by series, and the results of series that cannot be served."""

    def __init__(self, requests: Sequence[AllocationRequest], rule: Callable[..., Any]) -> None:
        self._rule = rule
        self._size = len(requests)
        self._positions: dict[SeriesKey, list[int]] = {}
        self._excluded: dict[SeriesKey, MonotronError] = {}
        for position, request in enumerate(requests):
            self._positions.setdefault(request.series, []).append(position)
        self.requests = {
            series: [requests[position] for position in positions]
            for series, positions in self._positions.items()
        }

    def all_requests(self) -> Iterator[AllocationRequest]:
        for requests in self.requests.values():
            yield from requests

    def exclude(self, series: SeriesKey, error: MonotronError) -> None:
        """Make the error the result of all requests of this series."""
        self._excluded[series] = error
        del self.requests[series]

    def decide(
        self, heads: Mapping[SeriesKey, Head], known: Mapping[SeriesKey, Mapping[str, int]]
    ) -> tuple[Results, list[Change]]:
        """Apply the counting rule to each series. Return all results, and what to write."""
        results: Results = [None] * self._size  # type: ignore[list-item]
        changes: list[Change] = []
        for series, positions in self._positions.items():
            if series in self._excluded:
                of_series: Results = [self._excluded[series]] * len(positions)
                accepted: list[AllocationRequest] = []
            else:
                head = heads[series]
                of_series, accepted = self._rule(
                    head.value, head.token, known.get(series, {}), self.requests[series]
                )
            for position, result in zip(positions, of_series, strict=True):
                results[position] = result
            if accepted:
                entries = [
                    NewEntry(value, request.token, request.assigned_by)
                    for value, request in enumerate(accepted, head.value + 1)
                ]
                new = head.at(entries[-1].value, entries[-1].token)
                changes.append(Change(series, head, new, entries))
        return results, changes
