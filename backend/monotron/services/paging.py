"""Pages of lists. Reading one more row than requested shows whether another page follows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from semver import Version

from monotron.model.semver import Line, Release, VersionName, sort_key, sort_key_range
from monotron.store.interface import ReleaseStore

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


BATCH_ROWS = 1000
"""The number of rows that are read at a time if some of them are omitted."""


def visible_rows(
    read: Callable[[Cursor, int], Sequence[Row]],
    after: Cursor,
    cursor: Callable[[Row], Cursor],
    is_visible: Callable[[Row], bool],
) -> Callable[[int], list[Row]]:
    """Return a function for `page_of` that reads rows after *after*, and omits invisible ones."""

    def read_visible(count: int) -> list[Row]:
        rows: list[Row] = []
        position, size = after, min(count, BATCH_ROWS)
        while True:
            batch = read(position, size)
            rows += filter(is_visible, batch)
            if len(rows) >= count or len(batch) < size:
                return rows[:count]
            position, size = cursor(batch[-1]), BATCH_ROWS

    return read_visible


def releases_before(
    store: ReleaseStore,
    name: VersionName,
    before: Version | None,
    limit: int,
    *,
    line: Line | None,
    label: str | None,
) -> tuple[list[Release], str | None]:
    """At most *limit* releases in descending order, and the value of *before* for the next page.

    With *label*, only those with this label; with an empty one, only final versions.
    """
    read = partial(store.page, name, range_before(before, line), label)
    return page_of(read, limit, lambda release: release.version_text)


def range_before(before: Version | None, line: Line | None) -> tuple[str, str]:
    """The range of sort keys of a line, up to a version without it."""
    start, end = sort_key_range(line)
    return start, end if before is None else min(end, sort_key(before))


def has_releases(store: ReleaseStore, name: VersionName) -> bool:
    """Whether the name has a release, perhaps a withdrawn one. Others only count in series."""
    return bool(store.page(name, sort_key_range(), None, 1))
