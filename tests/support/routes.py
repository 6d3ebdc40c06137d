"""All methods of all routes of the API and of the pages, derived from those of the application."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tornado.web import RequestHandler

from monotron.web import pages
from monotron.web.app import API_ROUTES
from monotron.web.handler import Handler
from monotron.web.permissions import declared_scope
from monotron.web.routes import HtmlRoute, Route

VERBS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")

# An optional group, which contains at most one level of groups; and a plain group.
OPTIONAL = re.compile(r"\(\?:((?:[^()]|\([^()]*\))*)\)\?")
GROUP = re.compile(r"\((?:\?P<\w+>)?([^()]*)\)")

PLAUSIBLE = ("some-name", "1", "0.1.0", "00000000-0000-4000-8000-000000000000")
"""Default values of the variable parts of a path."""


@dataclass(frozen=True)
class Call:
    """A method of a route. The variable parts are named after the segment before them."""

    verb: str
    template: str
    """The path as a format string: `/v1/series/{series}/{series_2}`."""
    needs: str | None
    """The declared permission; None if there is none."""
    handler: type[Handler]
    defaults: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.verb} {self.template}{' as HTML' if self.prefers_html else ''}"

    @property
    def prefers_html(self) -> bool:
        """Whether only browsers get this response, and other clients another one."""
        return self.handler.route_class is HtmlRoute

    @property
    def writes(self) -> bool:
        return self.verb not in ("GET", "HEAD", "OPTIONS")

    @property
    def names_account(self) -> bool:
        return "{accounts}" in self.template

    def path(self, **parts: object) -> str:
        """Return the path with these parts, and defaults for the others."""
        return self.template.format_map({**dict(self.defaults), **parts})


def calls() -> Iterator[Call]:
    """Return all methods of all routes of the API, twice for those with an optional account."""
    return _calls(API_ROUTES)


def page_calls() -> Iterator[Call]:
    """Return all methods of all routes of pages."""
    return _calls(pages.ROUTES)


def _calls(routes: Sequence[tuple[str, type[Handler]]]) -> Iterator[Call]:
    for template, handler in routes:
        for variant in _variants(Route(template).pattern):
            path, defaults = _template(variant)
            for verb in VERBS:
                method = "get" if verb == "HEAD" else verb.lower()
                if getattr(handler, method) is not getattr(RequestHandler, method):
                    yield Call(verb, path, declared_scope(handler, verb), handler, defaults)


def handler_of(path: str) -> type[Handler] | None:
    """Return the handler of the first route of the API that matches the path."""
    return next(
        (
            handler
            for template, handler in API_ROUTES
            if re.fullmatch(Route(template).pattern, path)
        ),
        None,
    )


def _variants(pattern: str) -> list[str]:
    optional = OPTIONAL.search(pattern)
    if not optional:
        return [pattern]
    before, after = pattern[: optional.start()], pattern[optional.end() :]
    return _variants(before + after) + _variants(before + optional[1] + after)


def _template(pattern: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    defaults: dict[str, str] = {}

    def named(group: re.Match[str]) -> str:
        word = re.findall(r"/([a-z]+)/", pattern[: group.start()])[-1]
        number = sum(1 for name in defaults if name.partition("_")[0] == word)
        name = f"{word}_{number + 1}" if number else word
        plausible = ("1",) if name == "accounts" else PLAUSIBLE
        defaults[name] = next(each for each in plausible if re.fullmatch(group[1], each))
        return f"{{{name}}}"

    return GROUP.sub(named, pattern).replace("\\.", "."), tuple(defaults.items())
