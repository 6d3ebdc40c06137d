"""The counting rule: which value each request of a series gets. Pure: no I/O."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from monotron.errors import MonotronError, SeriesExhausted
from monotron.model.series import INT64_MAX, Allocation, Entry, Reuse, SeriesKey


class AllocationRequest(NamedTuple):
    """A request to assign the next value of a series to a token."""

    series: SeriesKey
    token: str
    reuse: Reuse
    assigned_by: str
    """The credential that asks, by the short name of its principal, at most 128 characters. It
    stands in the ledger beside a value that is newly given, and decides nothing."""
    up_to: int = INT64_MAX
    """The last value that is of use to it."""


def allocate(
    height: int,
    current: str | None,
    known: Mapping[str, int],
    requests: Sequence[AllocationRequest],
) -> tuple[list[Allocation | MonotronError], list[AllocationRequest]]:
    """Number the requests of one series, in order: their answers, and those newly given a value.

    *height* is the series' last value, *current* its current token, and *known* the value that
    each token was last given, for at least those of the requests with `Reuse.ANY`. The new
    ones have the values from *height* + 1 on, without a gap.
    """
    last_given = dict(known)
    if current is not None:
        last_given[current] = height
    answers: list[Allocation | MonotronError] = []
    given: list[AllocationRequest] = []
    for request in requests:
        series, token, reuse, _, up_to = request
        known_again = token == current or (reuse is Reuse.ANY and token in last_given)
        if known_again and reuse is not Reuse.NEVER:
            answers.append(Allocation(Entry(*series, token, last_given[token]), reused=True))
        elif height >= up_to:
            answers.append(exhausted(series))
        else:
            height += 1
            current = token
            last_given[token] = height
            given.append(request)
            answers.append(Allocation(Entry(*series, token, height), reused=False))
    return answers, given


def exhausted(series: SeriesKey) -> SeriesExhausted:
    """The series has given its last value."""
    return SeriesExhausted(
        f"The series {series.key!r} stands at {INT64_MAX}, the last value that it can give. "
        "Go on with a series of another key."
    )
