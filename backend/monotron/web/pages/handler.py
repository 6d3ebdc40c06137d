"""The base class of the handlers of pages: HTML responses, also for errors."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, NamedTuple, TypeVar

from monotron import __version__
from monotron.auth.principal import ANONYMOUS, ANYONE, Principal
from monotron.errors import MonotronError, StoreUnavailable
from monotron.redaction import redact
from monotron.web.handler import Handler
from monotron.web.pages.failures import Link, fix_of
from monotron.web.pages.snippets import server_url
from monotron.web.pages.templates import render
from monotron.web.permissions import NOTHING, requires

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing is executed, and everything that a page loads comes from this server."""


PAGE_ROWS = 20
"""The rows of a page. They are decided, and then rendered, on the event loop."""

PAGE_SECONDS = 6.0
"""The time limit of a page, and of the authentication before it. Errors of a store that is busy,
which state more, come before."""

Get = Callable[..., Awaitable[None]]
Result = TypeVar("Result")


class Section(NamedTuple):
    """A part of the navigation."""

    name: str
    title: str
    path: str
    scope: str
    """The scope that its pages require, or `NOTHING`."""


SECTIONS = (
    Section("versions", "Versions", "/", "read:series"),
    Section("series", "Series", "/series", "read:series"),
    Section("access", "Access", "/access", "read:acl"),
    Section("status", "Status", "/status", "read:system"),
    Section("api", "API", "/api", NOTHING),
)


def sections_of(principal: Principal) -> list[Section]:
    """The sections that the caller may use; without credentials, those that most callers use."""
    scopes = frozenset() if principal.is_disabled else principal.scopes
    if principal is ANONYMOUS:
        scopes = frozenset(("read:series",))
    return [each for each in SECTIONS if each.scope == NOTHING or each.scope in scopes]


@dataclass(frozen=True)
class Page:
    """What all pages show."""

    title: str
    section: str
    """The name of the page's section in the navigation, or empty."""
    sections: list[Section]
    caller: str
    """The name of the principal; empty without credentials."""
    is_open: bool
    """Whether the server is in open mode."""
    version: str = __version__


class PageHandler(Handler):
    """Base class of the handlers of pages. They only read: a form that changes data is impossible,
    because browsers send Basic credentials with every request."""

    section: ClassVar[str] = ""
    back: Link | None = None
    """Where the page of an error leads."""
    challenge: ClassVar[str] = 'Basic realm="monotron", charset="UTF-8"'
    """Without `Bearer`, which no browser supports."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)

    def prepare(self) -> Awaitable[None] | None:
        prepared = super().prepare()
        return prepared and in_time(prepared)

    @property
    def server_url(self) -> str:
        """The URL of this server, for examples."""
        return server_url(self.request.host, self.request.headers)

    def reply_page(self, template: str, title: str, /, **values: object) -> None:
        """Render a template with these values."""
        self.write(self._rendered(template, title, values))

    def finish_with(self, error: MonotronError) -> None:
        values = {
            "error": error,
            "detail": redact(error.detail),
            "fix": fix_of(error, is_open=self.services.authenticator.open_to_all),
            "back": self.back,
            "request_id": self.request_id,
        }
        self.finish(self._rendered("failure.html", error.title, values))

    def _rendered(self, template: str, title: str, values: dict[str, object]) -> bytes:
        is_open = self.services.authenticator.open_to_all
        principal = ANYONE if is_open else self.principal
        sections = sections_of(principal)
        page = Page(title, self.section, sections, self.principal.name, is_open)
        return render(template, page=page, **values)


def shows(scope: str) -> Callable[[Get], Get]:
    """Restrict a page that reads from the store to a scope, and to its turn and time limit."""

    def mark(get: Get) -> Get:
        @requires(scope)
        @wraps(get)
        async def in_turn(self: Any, *args: str) -> None:
            async def read() -> None:
                async with self.services.page_turns.turn():
                    await get(self, *args)

            await in_time(read())

        return in_turn

    return mark


async def in_time(work: Awaitable[Result]) -> Result:
    """Wait for a part of a request. Raises StoreUnavailable after `PAGE_SECONDS`."""
    try:
        async with asyncio.timeout(PAGE_SECONDS):
            return await work
    except TimeoutError:
        raise StoreUnavailable(
            f"The page was not ready within {PAGE_SECONDS:g} s: the store does not respond, or too "
            "many pages are being loaded. Reload it in a moment."
        ) from None
