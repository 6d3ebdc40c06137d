"""`/`: the newest version of each name, and the newest assignments."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from monotron.model.versions.requests import VersionResult
from monotron.web.pages.failures import Link
from monotron.web.pages.handler import PAGE_ROWS, PageHandler, shows
from monotron.web.pages.query import ListPageQuery, link
from monotron.web.pages.rows import (
    RecentRow,
    ReleaseRow,
    is_commit,
    is_version,
    recent_row,
    release_row,
)
from monotron.web.pages.snippets import EXAMPLE_NAME, snippets
from monotron.web.routes import HtmlRoute

RECENT_ROWS = 10


class NamesPage(NamedTuple):
    """What the page shows."""

    rows: list[ReleaseRow]
    prefix: str
    is_first: bool
    next_path: str | None
    first_path: str

    @property
    def is_empty(self) -> bool:
        """Whether the account has no versions that the caller may read."""
        return not self.rows and not self.prefix and self.is_first and not self.next_path

    @property
    def is_of_version(self) -> bool:
        """Whether the prefix looks like a commit or a version. The page of a name finds them."""
        return is_commit(self.prefix) or is_version(self.prefix)


def names_page(
    results: Sequence[VersionResult],
    query: ListPageQuery,
    next_after: str | None,
    commit_url: str,
) -> NamesPage:
    """Prepare what the page shows."""
    return NamesPage(
        [release_row(each.release, commit_url, is_latest=each.latest.overall) for each in results],
        query.prefix,
        not query.after,
        next_after and link("/", prefix=query.prefix or None, after=next_after),
        link("/", prefix=query.prefix or None),
    )


class VersionsPageHandler(PageHandler):
    """`/` for browsers: the names with their newest versions, or how to assign the first one."""

    route_class = HtmlRoute
    section = "versions"
    back = Link("All names", "/")

    @shows("read:series")
    async def get(self) -> None:
        query = ListPageQuery.parse(self.request.query)
        (results, next_after), recent = await asyncio.gather(
            self.services.versions.names(
                self.account, self.principal.names, query.prefix, query.after, PAGE_ROWS
            ),
            self._recent(query),
        )
        names = names_page(results, query, next_after, self.services.commit_url)
        is_open = self.services.authenticator.open_to_all
        examples = snippets(self.server_url, EXAMPLE_NAME, is_open=is_open)
        self.set_header("Vary", "Accept")
        self.reply_page("versions.html", "Versions", names=names, recent=recent, examples=examples)

    async def _recent(self, query: ListPageQuery) -> list[RecentRow]:
        if query.prefix or query.after:
            return []
        newest = await self.services.recent.newest(self.account, self.principal.names, RECENT_ROWS)
        return [recent_row(each, self.services.commit_url) for each in newest]


ROUTES = [("/", VersionsPageHandler)]
