"""Badges: images of the newest version of a name, for READMEs."""

from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from tornado.web import RequestHandler

from monotron.auth.badges import Badge
from monotron.errors import InvalidRequest
from monotron.model.timestamps import rfc3339
from monotron.web.badge_image import badge_svg, plain
from monotron.web.badge_query import BadgeQuery
from monotron.web.body import json_object
from monotron.web.handler import Handler
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query, TextPageQuery
from monotron.web.routes import ANY_ACCOUNT

EXAMPLE = '{"name": "shop"}'

DEFAULT_LABEL = "version"
"""The text on the left. It is not the name, which only those with credentials may learn."""

MAX_AGE_SECONDS = 60

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""Nothing is executed or loaded, also if a browser shows the image as a page."""


class Content(NamedTuple):
    """What a badge shows."""

    label: str
    message: str
    color: str
    """The name that shields.io gives it."""


class BadgesHandler(Handler):
    """`/v1/badges`: the badges of the account, and the creation of one."""

    max_body_bytes: ClassVar[int] = 4096

    @requires("write:series")
    async def post(self) -> None:
        Query.parse(self.request.query)
        name = self._name()
        badge, reused = await self.services.badges.create(self.principal, self.account, name)
        self.set_header("Monotron-Reused", "true" if reused else "false")
        self.reply_json(badge_json(badge))

    @requires("read:series")
    async def get(self) -> None:
        query = TextPageQuery.parse(self.request.query)
        badges, next_after = await self.services.badges.page(
            self.principal, self.account, query.after, query.limit
        )
        self.reply_json({"badges": [badge_json(each) for each in badges], "next": next_after})

    def _name(self) -> str:
        """The name in the body. Raises InvalidRequest, InvalidName or Forbidden."""
        body = json_object(self.request, EXAMPLE)
        if body.keys() != {"name"} or not isinstance(body["name"], str):
            raise InvalidRequest(f"The body must be `{EXAMPLE}` without other members.")
        return self.version_name(quote(body["name"], safe=""))


class BadgeHandler(Handler):
    """`/v1/badges/{badge}`: one badge."""

    @requires("read:series")
    async def get(self, id: str) -> None:
        Query.parse(self.request.query)
        badge = await self.services.badges.of_account(self.principal, self.account, id)
        self.reply_json(badge_json(badge))

    @requires("delete:series")
    async def delete(self, id: str) -> None:
        Query.parse(self.request.query)
        await self.services.badges.delete(self.principal, self.account, id)


class PublicBadgeHandler(Handler):
    """Base class of the handlers of badges, which anyone can read. They reveal one version only."""

    async def content(self, id: str, query: BadgeQuery) -> Content:
        """Return what the badge with this *id* shows. Raises BadgeNotFound."""
        version = await self.services.badges.version(id, query.line, self.request.remote_ip or "")
        self.set_header("Cache-Control", f"public, max-age={MAX_AGE_SECONDS}")
        # Pages of other sites show badges.
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        label = DEFAULT_LABEL if query.label is None else query.label
        return Content(label, version or "no version", color_of(version))

    def compute_etag(self) -> str | None:  # type: ignore[override]
        """Return the entity tag: Tornado answers 304 to a request with this one."""
        return RequestHandler.compute_etag(self)


class BadgeImageHandler(PublicBadgeHandler):
    """`/badge/{badge}.svg`: the image."""

    @requires(NOTHING)
    async def get(self, id: str) -> None:
        content = await self.content(id, BadgeQuery.parse(self.request.query))
        self.set_header("Content-Type", "image/svg+xml; charset=utf-8")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.write(badge_svg(*content))


class BadgeDataHandler(PublicBadgeHandler):
    """`/badge/{badge}.json`: its content in the schema of shields.io/endpoint."""

    @requires(NOTHING)
    async def get(self, id: str) -> None:
        content = await self.content(id, BadgeQuery.parse(self.request.query))
        self.reply_json(
            {"schemaVersion": 1, **content._replace(label=plain(content.label))._asdict()}
        )


def color_of(version: str | None) -> str:
    """The color that shields.io gives a version: another one before 1.0.0."""
    if version is None:
        return "lightgrey"
    return "orange" if version.startswith("0.") else "blue"


def badge_json(badge: Badge) -> dict[str, Any]:
    """The JSON object of a badge."""
    return {
        "id": badge.id,
        "creator_id": badge.account,
        "name": badge.name,
        "created_at": rfc3339(badge.created_at),
        "created_by": badge.created_by,
        "svg": badge_path(badge.id, "svg"),
        "json": badge_path(badge.id, "json"),
    }


def badge_path(id: str, format: str) -> str:
    """The path at which anyone can read the badge."""
    return f"/badge/{id}.{format}"


ROUTES = [
    (ANY_ACCOUNT + "/badges", BadgesHandler),
    (ANY_ACCOUNT + "/badges/{badge}", BadgeHandler),
    ("/badge/{badge}.svg", BadgeImageHandler),
    ("/badge/{badge}.json", BadgeDataHandler),
]
