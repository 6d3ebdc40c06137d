"""The newest entries of all series of an account, and its newest releases. Pure: no I/O."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from monotron.model.series import LedgerEntry

Series = TypeVar("Series")

MAX_OMITTED = 2000
"""The number of invisible series, or releases, that are read at most."""


def newest_entries(
    series: Iterable[tuple[Series, int]],
    read: Callable[[Series], Sequence[LedgerEntry]],
    limit: int,
    is_visible: Callable[[Series], bool],
) -> list[LedgerEntry]:
    """The newest entries of the series, newest first.

    *series*: each series and the time of its last entry, the latest first. *read* returns the
    newest entries of a series.
    """
    newest: list[LedgerEntry] = []
    omitted = 0
    for each, updated_at in series:
        if len(newest) == limit and updated_at <= newest[-1].created_at:
            break
        if is_visible(each):
            newest = latest_first([*newest, *read(each)])[:limit]
        else:
            omitted += 1
            if omitted == MAX_OMITTED:
                break
    return newest


def latest_first(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The entries in order of time, those of one moment in order of value."""
    return sorted(entries, key=lambda row: (row.created_at, row.entry.value), reverse=True)
