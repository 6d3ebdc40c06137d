"""Versions and the list of their releases."""

import json
from datetime import UTC, datetime
from typing import ClassVar

from monotron.errors import InvalidBump, InvalidRequest, InvalidVersion
from monotron.model.semver import parse_final, parse_name, parse_version
from monotron.model.series import parse_token, percent_decode
from monotron.services.versions import VersionRequest, VersionResult, VersionService
from monotron.web.handler import ANY_ACCOUNT, Handler
from monotron.web.permissions import requires
from monotron.web.query import Format, Parameters, variable_prefix


class VersionsHandler(Handler):
    """What the handlers of versions share."""

    @property
    def versions(self) -> VersionService:
        return self.application.versions

    def product(self, raw: str) -> str:
        """The name that stands percent-encoded in the path."""
        name = parse_name(raw)
        self.principal.require_name(name)
        return name

    def reply_version(self, answer: VersionResult, parameters: Parameters) -> None:
        """Write the version in the format that was asked for."""
        format = self.format_of(parameters)
        prefix = variable_prefix(parameters)
        if self.writes:
            self.set_header("Monotron-Reused", "true" if answer.reused else "false")
            self.gave = "" if parameters.dry_run else str(answer.release.version)
        if format is Format.JSON:
            self.write(json.dumps(_members(answer), ensure_ascii=False) + "\n")
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if format is Format.TEXT:
            self.write(f"{_members(answer)['version']}\n")
        else:
            self.write(_dotenv(answer, prefix))


class TokenVersionHandler(VersionsHandler):
    """`/v1/versions/{name}/{token}`: the version of a token."""

    largest_body: ClassVar[int] = 1 << 20

    def needed(self, scope: str) -> str:
        dry_run = self.request.method == "PUT" and self._put_parameters().dry_run
        return "read:series" if dry_run else scope

    def _put_parameters(self) -> Parameters:
        return self.parameters(
            "bump",
            "prerelease",
            "line",
            "metadata",
            "initial",
            "initial_development",
            "on_conflict",
            "dry_run",
            "format",
            "prefix",
        )

    @requires("write:series")
    async def put(self, name: str, token: str) -> None:
        parameters = self._put_parameters()
        variable_prefix(parameters)  # before anything is counted
        wanted = VersionRequest(
            bump=parameters.bump,
            label=parameters.prerelease,
            line=parameters.line,
            metadata=parameters.metadata,
            initial=None if parameters.initial is None else parse_final(parameters.initial),
            reuse_on_conflict=parameters.on_conflict == "reuse",
            initial_development=parameters.initial_development,
            dry_run=parameters.dry_run,
            assigned_by=self.by,
        )
        if wanted.bump == "final" and wanted.label is not None:
            raise InvalidBump(
                "bump=final makes a pre-release final, so it goes without `prerelease`. Leave "
                "one of the two out."
            )
        answer = await self.versions.next(
            self.account, self.product(name), parse_token(token), wanted, self.request.body
        )
        self.reply_version(answer, parameters)

    @requires("read:series")
    async def get(self, name: str, token: str) -> None:
        parameters = self.parameters("prerelease", "format", "prefix")
        answer = await self.versions.of_token(
            self.account, self.product(name), parse_token(token), parameters.prerelease
        )
        self.reply_version(answer, parameters)


class NameHandler(VersionsHandler):
    """`/v1/versions/{name}`: the latest version, and where to start from."""

    @requires("read:series")
    async def get(self, name: str) -> None:
        parameters = self.parameters("format", "prefix")
        self.reply_version(await self.versions.latest(self.account, self.product(name)), parameters)

    @requires("write:series")
    async def put(self, name: str) -> None:
        parameters = self.parameters("format", "prefix")
        variable_prefix(parameters)
        parsed = self.product(name)
        body = self.json_object()
        if body.keys() != {"version"} or not isinstance(body["version"], str):
            raise InvalidRequest('The body must be {"version": "X.Y.Z"} and nothing else.')
        version = parse_final(body["version"])
        answer = await self.versions.adopt(self.account, parsed, version, self.by)
        self.reply_version(answer, parameters)


class ReleaseHandler(VersionsHandler):
    """`/v1/releases/{name}/{version}`: which token has a version."""

    @requires("read:series")
    async def get(self, name: str, version: str) -> None:
        parameters = self.parameters("format", "prefix")
        parsed = self.product(name)
        text = percent_decode(version, "version", InvalidVersion)
        answer = await self.versions.at(self.account, parsed, parse_version(text))
        self.reply_version(answer, parameters)


class ReleasesHandler(VersionsHandler):
    """`/v1/releases/{name}`: the releases, the highest version first."""

    @requires("read:series")
    async def get(self, name: str) -> None:
        parameters = self.parameters("limit", "before")
        before = None if parameters.before is None else parse_version(parameters.before)
        answers, after = await self.versions.page(
            self.account, self.product(name), before, parameters.limit
        )
        members = {
            "releases": [_members(answer) for answer in answers],
            "next": None if after is None else str(after),
        }
        self.write(json.dumps(members, ensure_ascii=False) + "\n")


def _members(answer: VersionResult) -> dict[str, object]:
    """The version as the contract writes it, in this order."""
    release = answer.release
    version = release.version
    full = f"{version}+{release.metadata}" if release.metadata else str(version)
    return {
        "creator_id": release.product.account,
        "name": release.product.name,
        "token": release.token,
        "version": full,
        "tag": f"v{full}",
        "major": version.major,
        "minor": version.minor,
        "patch": version.patch,
        "prerelease": version.prerelease,
        "metadata": release.metadata,
        "bump": release.bump,
        "previous": None if release.previous is None else str(release.previous),
        "latest": answer.latest,
        "reused": answer.reused,
        "reason": release.reason,
        "created_at": None if release.created_at is None else _time(release.created_at),
    }


_VARIABLES = {
    "VERSION": "version",
    "TAG": "tag",
    "MAJOR": "major",
    "MINOR": "minor",
    "PATCH": "patch",
    "PRERELEASE_ID": "prerelease",
    "METADATA": "metadata",
    "RELEASE_TYPE": "bump",
    "PREVIOUS_VERSION": "previous",
    "IS_LATEST": "latest",
    "REUSED": "reused",
}


def _dotenv(answer: VersionResult, prefix: str) -> str:
    """Lines of NAME=VALUE. No value holds more than letters, digits, dots, hyphens and `+`."""
    members = _members(answer)
    values = {name: members[member] for name, member in _VARIABLES.items()}
    values["DOCKER_TAG"] = str(members["version"]).replace("+", "_")
    return "".join(f"{prefix}{name}={_plain(value)}\n" for name, value in values.items())


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


ROUTES = [
    (ANY_ACCOUNT + r"/versions/([^/]*)/([^/]*)", TokenVersionHandler),
    (ANY_ACCOUNT + r"/versions/([^/]*)", NameHandler),
    (ANY_ACCOUNT + r"/releases/([^/]*)/([^/]*)", ReleaseHandler),
    (ANY_ACCOUNT + r"/releases/([^/]*)", ReleasesHandler),
]
