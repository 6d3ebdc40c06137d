"""Pages of lists. Reading one more row than requested shows whether another page follows."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Cursor = TypeVar("Cursor")


def page_of(
    read: Callable[[int], Sequence[Row]], limit: int, cursor: Callable[[Row], Cursor]
) -> tuple[list[Row], Cursor | None]:
    """A page of at most *limit* rows, and the cursor of the next page if there is one.

    *read* returns at most as many rows as its argument. *cursor* returns the position of a row,
    after which the next page starts.
    """
    rows = read(limit + 1)
    page = list(rows[:limit])
    return page, cursor(page[-1]) if len(rows) > limit else None
