"""`/series` and `/series/{key}`: current values, and the ledger of a series."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from monotron.model.component_keys import name_of_key
from monotron.model.series import Entry, LedgerEntry
from monotron.web.pages.charts import Chart, ledger_chart
from monotron.web.pages.failures import Link
from monotron.web.pages.handler import PAGE_ROWS, PageHandler, shows
from monotron.web.pages.markup import path_of, plain_isolated
from monotron.web.pages.query import LedgerPageQuery, ListPageQuery, link
from monotron.web.pages.rows import commit_link
from monotron.web.pages.snippets import EXAMPLE_NAME, series_curl


class EntryRow(NamedTuple):
    """A value in a table."""

    key: str
    path: str
    value: int
    token: str | None
    """None if the series was advanced to the value."""
    commit_url: str | None
    created_at: int | None = None
    assigned_by: str | None = None


class EntriesPage(NamedTuple):
    """A page of series, or of the ledger of one."""

    rows: list[EntryRow]
    prefix: str
    is_first: bool
    first_path: str
    next_path: str | None
    chart: Chart | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the account has no series that the caller may read."""
        return not self.rows and not self.prefix and self.is_first


def entry_row(
    entry: Entry, commit_url: str, created_at: int | None = None, assigned_by: str | None = None
) -> EntryRow:
    """*commit_url* is the setting."""
    path = path_of("series", entry.key)
    href = commit_link(entry.token, commit_url, assigned_by)
    return EntryRow(entry.key, path, entry.value, entry.token, href, created_at, assigned_by)


def series_page(
    entries: Sequence[Entry], query: ListPageQuery, next_after: str | None, commit_url: str
) -> EntriesPage:
    """Prepare the page of current values."""
    prefix = query.prefix or None
    return EntriesPage(
        [entry_row(entry, commit_url) for entry in entries],
        query.prefix,
        not query.after,
        link("/series", prefix=prefix),
        next_after and link("/series", prefix=prefix, after=next_after),
    )


def ledger_page(
    path: str,
    rows: Sequence[LedgerEntry],
    query: LedgerPageQuery,
    next_before: int | None,
    commit_url: str,
) -> EntriesPage:
    """Prepare the page of a ledger."""
    return EntriesPage(
        [entry_row(row.entry, commit_url, row.created_at, row.assigned_by) for row in rows],
        "",
        query.before is None,
        path,
        None if next_before is None else link(path, before=str(next_before)),
        ledger_chart(rows),
    )


class SeriesPageHandler(PageHandler):
    """`/series`: the series with their current values."""

    section = "series"

    @shows("read:series")
    async def get(self) -> None:
        query = ListPageQuery.parse(self.request.query)
        entries, next_after = await self.services.series.page(
            self.account, self.principal.names, query.prefix, query.after, PAGE_ROWS
        )
        page = series_page(entries, query, next_after, self.services.commit_url)
        is_open = self.services.authenticator.open_to_all
        example = series_curl(self.server_url, EXAMPLE_NAME, is_open=is_open)
        self.reply_page("series.html", "Series", series=page, example=example)


class LedgerPageHandler(PageHandler):
    """`/series/{key}`: the current value of a series, and its ledger."""

    section = "series"
    back = Link("All series", "/series")

    @shows("read:series")
    async def get(self, raw_key: str) -> None:
        query = LedgerPageQuery.parse(self.request.query)
        series, commit_url = self.series_key(raw_key), self.services.commit_url
        before = None if query.before is None else max(1, query.before)
        current, (rows, next_before) = await asyncio.gather(
            self.services.series.peek(series),
            self.services.series.ledger(series, before, PAGE_ROWS),
        )
        path, name = path_of("series", series.key), name_of_key(series.key)
        self.reply_page(
            "ledger.html",
            f"Series {plain_isolated(series.key)}",
            current=entry_row(current, commit_url),
            name=None if name == series.key else name,
            name_path=path_of("names", name),
            ledger=ledger_page(path, rows, query, next_before, commit_url),
            api_path=path_of("v1", "series", series.key),
        )


ROUTES = [("/series", SeriesPageHandler), ("/series/{key}", LedgerPageHandler)]
