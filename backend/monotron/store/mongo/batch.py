"""The requests of one call, and the decision about them. Pure: no I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from monotron.errors import MonotronError, QuotaExceeded
from monotron.model.allocation import AllocationRequest, starting_value
from monotron.model.quotas import UNLIMITED, CreatedSeries, Quotas
from monotron.model.series import Allocation, SeriesHead, SeriesKey
from monotron.store.mongo.series_fields import Change, NewEntry

Results: TypeAlias = list[Allocation | MonotronError]

NOTHING_USED: Mapping[int, int] = {}


class Batch:
    """The requests of a batch by series, and the results of series that cannot be served."""

    def __init__(
        self,
        requests: Sequence[AllocationRequest],
        rule: Callable[..., Any],
        quotas: Quotas = UNLIMITED,
    ) -> None:
        self._rule = rule
        self._quotas = quotas
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

    def exclude_refused(self, results: Results) -> None:
        """Exclude the series that a quota refused in these results of `decide`."""
        for series in list(self.requests):
            result = results[self._positions[series][0]]
            if isinstance(result, QuotaExceeded):
                self.exclude(series, result)

    def decide(
        self,
        heads: Mapping[SeriesKey, SeriesHead],
        known: Mapping[SeriesKey, Mapping[str, int]],
        used: Mapping[int, int] = NOTHING_USED,
    ) -> tuple[Results, list[Change]]:
        """Apply the counting rule to each series. Return all results, and what to write.

        *used* is the number of series of each account with one.
        """
        created = CreatedSeries(self._quotas, lambda account: used.get(account, 0))
        results: Results = [None] * self._size  # type: ignore[list-item]
        changes: list[Change] = []
        for series, positions in self._positions.items():
            if series in self._excluded:
                of_series: Results = [self._excluded[series]] * len(positions)
                accepted: list[AllocationRequest] = []
            else:
                head, requests = heads[series], self.requests[series]
                start = starting_value(head, requests)
                of_series, accepted = self._rule(start, head.token, known.get(series, {}), requests)
                is_new = bool(accepted) and not head.active
                if is_new and (error := created.add(series.account)):
                    of_series, accepted = [error] * len(positions), []
            for position, result in zip(positions, of_series, strict=True):
                results[position] = result
            if accepted:
                entries = [
                    NewEntry(value, request.token, request.assigned_by)
                    for value, request in enumerate(accepted, start + 1)
                ]
                if start > head.value:
                    entries.insert(0, NewEntry(start, None, accepted[0].assigned_by))
                new = head.at(entries[-1].value, entries[-1].token)
                changes.append(Change(series, head, new, entries))
        return results, changes
