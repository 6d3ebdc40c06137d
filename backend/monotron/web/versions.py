"""Versions and lists of releases."""

from typing import ClassVar

from monotron.errors import InvalidRequest, InvalidVersion
from monotron.model.semver import parse_final, parse_name, parse_version
from monotron.model.series import parse_token, percent_decode
from monotron.model.versions.requests import VersionResult
from monotron.web.body import json_object
from monotron.web.formats import releases_page, version_text
from monotron.web.handler import ANY_ACCOUNT, Handler
from monotron.web.permissions import requires
from monotron.web.query import FormatQuery, NextVersionQuery, ReleasesQuery, TokenVersionQuery


class VersionsHandler(Handler):
    """Base class of the handlers of versions."""

    def version_name(self, raw: str) -> str:
        """Return a percent-encoded name. Raises InvalidName or Forbidden."""
        name = parse_name(raw)
        self.principal.require_name(name)
        return name

    def reply_version(
        self, result: VersionResult, query: FormatQuery, *, assigned: bool = True
    ) -> None:
        format = self.format_of(query)
        if self.writes:
            self.note_assignment(result.release.version_text if assigned else "", result.reused)
        self.reply(version_text(result, format, query.variable_prefix), format)


class TokenVersionHandler(VersionsHandler):
    """`/v1/versions/{name}/{token}`: the version of a token."""

    max_body_bytes: ClassVar[int] = 1 << 20

    def required_scope(self) -> str:
        if self.request.method == "PUT" and NextVersionQuery.parse(self.request.query).dry_run:
            return "read:series"
        return super().required_scope()

    @requires("write:series")
    async def put(self, name: str, token: str) -> None:
        query = NextVersionQuery.parse(self.request.query)
        result = await self.services.versions.next(
            self.account,
            self.version_name(name),
            parse_token(token),
            query.version_request(self.principal.name),
            self.request.body,
            self.principal.rate_limit_key,
        )
        self.reply_version(result, query, assigned=not query.dry_run)

    @requires("read:series")
    async def get(self, name: str, token: str) -> None:
        query = TokenVersionQuery.parse(self.request.query)
        result = await self.services.versions.of_token(
            self.account, self.version_name(name), parse_token(token), query.prerelease
        )
        self.reply_version(result, query)


class LatestVersionHandler(VersionsHandler):
    """`/v1/versions/{name}`: the latest version; `PUT` adopts one."""

    @requires("read:series")
    async def get(self, name: str) -> None:
        query = FormatQuery.parse(self.request.query)
        result = await self.services.versions.latest(self.account, self.version_name(name))
        self.reply_version(result, query)

    @requires("write:series")
    async def put(self, name: str) -> None:
        query = FormatQuery.parse(self.request.query)
        parsed = self.version_name(name)
        body = json_object(self.request, '{"version": "1.4.2"}')
        if body.keys() != {"version"} or not isinstance(body["version"], str):
            raise InvalidRequest('The body must be `{"version": "X.Y.Z"}` without other members.')
        result = await self.services.versions.adopt(
            self.account, parsed, parse_final(body["version"]), self.principal.name
        )
        self.reply_version(result, query)


class ReleaseHandler(VersionsHandler):
    """`/v1/releases/{name}/{version}`: the release of a version, with its token."""

    @requires("read:series")
    async def get(self, name: str, version: str) -> None:
        query = FormatQuery.parse(self.request.query)
        parsed = self.version_name(name)
        text = percent_decode(version, "version", InvalidVersion)
        result = await self.services.versions.at(self.account, parsed, parse_version(text))
        self.reply_version(result, query)


class ReleasesHandler(VersionsHandler):
    """`/v1/releases/{name}`: the releases, highest version first."""

    @requires("read:series")
    async def get(self, name: str) -> None:
        query = ReleasesQuery.parse(self.request.query)
        results, next_before = await self.services.versions.page(
            self.account, self.version_name(name), query.before, query.limit
        )
        self.reply(releases_page(results, next_before))


ROUTES = [
    (ANY_ACCOUNT + r"/versions/([^/]*)/([^/]*)", TokenVersionHandler),
    (ANY_ACCOUNT + r"/versions/([^/]*)", LatestVersionHandler),
    (ANY_ACCOUNT + r"/releases/([^/]*)/([^/]*)", ReleaseHandler),
    (ANY_ACCOUNT + r"/releases/([^/]*)", ReleasesHandler),
]
