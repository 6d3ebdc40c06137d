"""Routes: templates of paths, and matching with the path as it was sent."""

import re
from functools import cached_property
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher

from monotron.web.accept import prefers

ACCOUNT = "/v1/accounts/{account}"
"""The start of paths that require an account."""

ANY_ACCOUNT = "/v1[/accounts/{account}]"
"""The start of paths that default to the caller's own account."""


class Route(Matcher):
    """Matches a path with a template such as `/v1[/accounts/{account}]/series/{key}`.

    The part in brackets is optional. Variables are passed on percent-encoded, in their order; the
    account separately. `tornado.routing.PathMatches` decodes leniently: it keeps `%zz`, as if it
    were `%25zz`.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._has_account = "{account}" in template

    @cached_property
    def pattern(self) -> str:
        """The regular expression of the path."""
        pattern = self.template.replace(".", r"\.").replace("[", "(?:").replace("]", ")?")
        pattern = pattern.replace("{account}", "(?P<account>[^/]*)")
        return re.sub(r"\{\w+\}", "([^/]*)", pattern)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    @property
    def path(self) -> str:
        """The template without its optional part."""
        return re.sub(r"\[.*\]", "", self.template)

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        match = self._regex.fullmatch(request.path)
        if match is None:
            return None
        if not self._has_account:
            return {"path_args": match.groups()}
        account, *path_args = match.groups()
        return {"path_args": path_args, "target_kwargs": {"account_text": account}}


def prefers_html(request: HTTPServerRequest) -> bool:
    """Whether a browser sent the request: it prefers HTML to JSON."""
    return prefers(request.headers.get("Accept", ""), "text/html")


def is_page(request: HTTPServerRequest) -> bool:
    """Whether a path without a route should be answered with a page."""
    return prefers_html(request) and not request.path.startswith("/v1")


class HtmlRoute(Route):
    """Matches the requests of browsers only."""

    is_html = True

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return super().match(request) if prefers_html(request) is self.is_html else None


class DataRoute(HtmlRoute):
    """Matches the requests that an `HtmlRoute` of the same path does not match."""

    is_html = False
