"""The counting rule: which value each request for a series gets. Pure: no I/O."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from monotron.errors import MonotronError, SeriesExhausted, ValueWouldFall
from monotron.model.series import INT64_MAX, Allocation, Entry, Reuse, SeriesHead, SeriesKey


class AllocationRequest(NamedTuple):
    """A request to assign the next value of a series to a token."""

    series: SeriesKey
    token: str
    reuse: Reuse
    assigned_by: str
    """The name of the requesting principal, at most 128 characters. The ledger stores it with a
    newly assigned value. It does not affect the result."""
    up_to: int = INT64_MAX
    """The highest value that the caller can use."""
    initial: int = 0
    """A series that does not exist yet starts after this value."""


def starting_value(head: SeriesHead, requests: Sequence[AllocationRequest]) -> int:
    """The value that the next one of a series follows: its high-water mark, or `initial`.

    The first request creates the series, so its `initial` counts.
    """
    return head.value if head.active else max(head.value, requests[0].initial)


def allocate(
    high_water_mark: int,
    current_token: str | None,
    values: Mapping[str, int],
    requests: Sequence[AllocationRequest],
) -> tuple[list[Allocation | MonotronError], list[AllocationRequest]]:
    """Assign or reuse a value for each request of one series, in order.

    *values* contains the last value of each token, at least for the requests with `Reuse.ANY`.
    Returns a result per request, and the requests that were assigned a new value. The new values
    are consecutive and start at *high_water_mark* + 1.
    """
    last_values = dict(values)
    if current_token is not None:
        last_values[current_token] = high_water_mark
    results: list[Allocation | MonotronError] = []
    accepted: list[AllocationRequest] = []
    for request in requests:
        series, token, reuse, _, up_to, _ = request
        is_known = token == current_token or (reuse is Reuse.ANY and token in last_values)
        if is_known:
            results.append(Allocation(Entry(*series, token, last_values[token]), reused=True))
        elif high_water_mark >= up_to:
            results.append(exhausted(series))
        else:
            high_water_mark += 1
            current_token = token
            last_values[token] = high_water_mark
            accepted.append(request)
            results.append(Allocation(Entry(*series, token, high_water_mark), reused=False))
    return results, accepted


def exhausted(series: SeriesKey) -> SeriesExhausted:
    """The error of a series that has assigned its last value."""
    return SeriesExhausted(
        f"The series {series.key!r} is exhausted. It has reached {INT64_MAX}, the last possible "
        "value. Use another series."
    )


def would_decrease(series: SeriesKey, high_water_mark: int, value: int) -> ValueWouldFall:
    """The error of a request to advance a series to a value below its high-water mark."""
    return ValueWouldFall(
        f"The series {series.key!r} cannot be advanced to {value}. It has already reached "
        f"{high_water_mark}. Use {high_water_mark} or a higher value."
    )
