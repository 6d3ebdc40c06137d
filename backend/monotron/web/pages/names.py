"""`/names/{name}`: the versions of a name, and what the next ones would be."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monotron.errors import MonotronError
from monotron.model.semver import Release
from monotron.model.versions.batch import Results
from monotron.model.versions.requests import VersionRequest, VersionResult
from monotron.redaction import redact
from monotron.services.name_overviews import NameOverview
from monotron.web.pages.badge_examples import badge_examples, new_badge_command
from monotron.web.pages.charts import Chart, release_chart
from monotron.web.pages.failures import Link
from monotron.web.pages.find import MAX_MATCHES, find_releases
from monotron.web.pages.handler import PAGE_ROWS, PageHandler, shows
from monotron.web.pages.markup import path_of, plain_isolated
from monotron.web.pages.next_requests import (
    NextRequest,
    calendar_of,
    next_requests,
)
from monotron.web.pages.query import NamePageQuery, link
from monotron.web.pages.rows import ReleaseRow, release_row, version_path
from monotron.web.pages.snippets import snippets

MAX_LINES = 12


class Filter(NamedTuple):
    """A link to a part of the versions."""

    text: str
    path: str
    is_current: bool


class Preview(NamedTuple):
    """The result of a next request, if it were sent now."""

    title: str
    purpose: str
    version: str | None
    problem: str
    """Why the request would fail; empty if it would not."""


class ReleasesPage(NamedTuple):
    """A page of the versions of a name."""

    rows: list[ReleaseRow]
    filters: list[Filter]
    chart: Chart | None
    is_first: bool
    first_path: str
    next_path: str | None

    @property
    def newest_pre_release(self) -> ReleaseRow | None:
        """The highest pre-release that was not withdrawn, if the page starts with all versions."""
        if not self.is_first or not self.filters[0].is_current:
            return None
        return next((row for row in self.rows if row.is_pre_release and not row.withdrawn), None)


def releases_page(
    name: str, overview: NameOverview, query: NamePageQuery, commit_url: str
) -> ReleasesPage:
    """Prepare what the page shows about versions."""
    path = path_of("names", name)
    line = None if query.line is None else str(query.line)
    releases, next_before, newest, _ = overview
    latest = newest and newest.release.sort_key
    return ReleasesPage(
        [release_row(each, commit_url, is_latest=each.sort_key == latest) for each in releases],
        filters(path, releases, line, query.label),
        release_chart(releases),
        query.before is None,
        link(path, line=line, label=query.label),
        next_before and link(path, line=line, label=query.label, before=next_before),
    )


def filters(
    path: str, releases: Sequence[Release], line: str | None, label: str | None
) -> list[Filter]:
    """Links to the final versions, and to each label and line on the page."""
    labels = _distinct([label, *(each.label for each in releases)])
    majors = _distinct(str(each.target.major) for each in releases)
    minors = _distinct(f"{each.target.major}.{each.target.minor}" for each in releases)
    lines = _distinct([line, *majors, *minors])[:MAX_LINES]
    return [
        Filter("All", path, line is None and label is None),
        Filter("Final versions", link(path, label=""), line is None and label == ""),
        *(Filter(f"Pre-releases {each}", link(path, label=each), label == each) for each in labels),
        *(Filter(f"Line {each}", link(path, line=each), line == each) for each in lines),
    ]


def _distinct(texts: Iterable[str | None]) -> list[str]:
    """The texts without duplicates and empty ones, in order."""
    return [text for text in dict.fromkeys(texts) if text]


class NamePageHandler(PageHandler):
    """`/names/{name}`: newest version, next versions, releases, badge, and YAML for pipelines."""

    section = "versions"
    back = Link("All names", "/")

    @shows("read:series")
    async def get(self, raw_name: str) -> None:
        query = NamePageQuery.parse(self.request.query)
        name = self.version_name(raw_name)
        text = query.find.strip()
        matches: list[Release] = []
        if text:
            matches = await find_releases(self.services.versions, self.account, name, text)
            if len(matches) == 1:
                self.redirect(version_path(matches[0]))
                return
            if not matches:
                self.set_status(404)
        commit_url = self.services.commit_url
        overview, badge = await asyncio.gather(
            self.services.name_overviews.read(
                self.account,
                name,
                query.before,
                PAGE_ROWS,
                line=query.line,
                label=query.label,
                next_requests=self._next_requests,
            ),
            self.services.badges.of_name(self.account, name),
        )
        latest = overview.newest and overview.newest.release
        is_open = self.services.authenticator.open_to_all
        self.reply_page(
            "name.html",
            plain_isolated(name),
            name=name,
            path=path_of("names", name),
            series_path=link("/series", prefix=f"{name}-"),
            newest=latest and release_row(latest, commit_url),
            previews=self._previews(latest, overview.next_results),
            searched=text,
            matches=[release_row(each) for each in matches[:MAX_MATCHES]],
            has_more_matches=len(matches) > MAX_MATCHES,
            releases=releases_page(name, overview, query, commit_url),
            badge=badge and badge_examples(self.server_url, badge.id),
            new_badge=new_badge_command(self.server_url, name, is_open=is_open),
            examples=snippets(
                self.server_url, name, is_open=is_open, calendar=latest and calendar_of(latest)
            ),
        )

    def _next_requests(self, newest: Release | None) -> list[VersionRequest]:
        return [each.request for each in next_requests(newest, by=self.principal.name)]

    def _previews(self, latest: Release | None, results: Results) -> list[Preview]:
        """The next versions. *results*: of the requests that follow *latest*."""
        requests = next_requests(latest, by=self.principal.name)
        previews = list(map(preview_of, requests, results))
        if latest is None:
            promotion, patch, *others = previews
            previews = [promotion if promotion.version else patch, *others]
        return previews


def preview_of(next_request: NextRequest, result: VersionResult | MonotronError) -> Preview:
    """What the page shows about the result of a next request. Raises an error of the server."""
    title, purpose, _ = next_request
    if isinstance(result, VersionResult):
        return Preview(title, purpose, result.release.full_text, "")
    if result.status >= 500:
        raise result
    return Preview(title, purpose, None, redact(result.detail))


ROUTES = [("/names/{name}", NamePageHandler)]
