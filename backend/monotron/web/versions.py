"""Versions and lists of releases."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import ClassVar

from semver import Version

from monotron.errors import InvalidRequest, InvalidVersion, in_doubt, literal
from monotron.model.semver import parse_final, parse_version
from monotron.model.series import has_control, parse_token, percent_decode
from monotron.model.versions.requests import VersionResult
from monotron.web.body import json_object
from monotron.web.formats import (
    Format,
    header_text,
    releases_page,
    require_spelling,
    version_text,
    versions_page,
)
from monotron.web.handler import Handler
from monotron.web.permissions import requires
from monotron.web.routes import ANY_ACCOUNT
from monotron.web.version_query import (
    NamesQuery,
    NewestVersionQuery,
    NextVersionQuery,
    ReleasesQuery,
    TokenVersionQuery,
    VersionQuery,
)

MAX_WITHDRAWAL_REASON = 500


class VersionsHandler(Handler):
    """Base class of the handlers of versions."""

    def reply_version(
        self,
        result: VersionResult,
        query: VersionQuery,
        *,
        assigned: bool = True,
        withdrawal: bool = False,
        auto_after: bool = False,
    ) -> None:
        """Write the response. *assigned*: whether the write was applied, if it changes anything.

        *withdrawal*: whether it withdraws a version or reverses this, which assigns no version.
        """
        format = self.format_of(query)
        if format is not Format.JSON:
            self._add_texts(result)
        if self.writes:
            assigned = assigned and result.changed
            release, is_assignment = result.release, assigned and not withdrawal
            self.note_assignment(release.version_text if is_assignment else "", result.reused)
            if is_assignment:
                self.services.metrics.version_assigned(
                    release.bump,
                    is_final=release.label is None,
                    reused=result.reused,
                    skipped=result.skipped,
                )
            if format is Format.TEXT and not result.changed:
                self.reply("\n", format)  # so that no script publishes an old version again
                return
        # A version that is too long for a Docker tag has no such spelling, but is assigned.
        with in_doubt() if self.writes and assigned else nullcontext():
            text = version_text(
                result, format, query.variable_prefix, query.spelling, auto_after=auto_after
            )
        self.reply(text, format)

    def _add_texts(self, result: VersionResult) -> None:
        """Add headers with what the other formats cannot contain, because it is free text."""
        if result.release.reason:
            self.set_header("Monotron-Reason", header_text(result.release.reason))
        if result.notes:
            self.set_header("Monotron-Notes", header_text(" ".join(result.notes)))


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
        query = NewestVersionQuery.parse(self.request.query)
        result = await self.services.versions.latest(
            self.account, self.version_name(name), query.line
        )
        self.reply_version(result, query, auto_after=True)

    @requires("write:series")
    async def put(self, name: str) -> None:
        query = VersionQuery.parse(self.request.query)
        parsed = self.version_name(name)
        body = json_object(self.request, '{"version": "1.4.2"}')
        if body.keys() != {"version"} or not isinstance(body["version"], str):
            raise InvalidRequest('The body must be `{"version": "X.Y.Z"}` without other members.')
        version = parse_final(body["version"])
        with self.audited("adopt", "release", f"{parsed}/{version}") as change:
            result = await self.services.versions.adopt(
                self.account, parsed, version, self.principal.name
            )
            change.happened = not result.reused
        self.reply_version(result, query)


class VersionListHandler(Handler):
    """`/v1/versions`: the newest version of each name, ordered by name."""

    @requires("read:series")
    async def get(self) -> None:
        query = NamesQuery.parse(self.request.query)
        results, next_after = await self.services.versions.names(
            self.account, self.principal.names, query.prefix, query.after, query.limit
        )
        self.reply(versions_page(results, next_after))


class ReleaseHandler(VersionsHandler):
    """`/v1/releases/{name}/{version}`: the release of a version, with its token."""

    @requires("read:series")
    async def get(self, name: str, version: str) -> None:
        query = VersionQuery.parse(self.request.query)
        parsed = self.version_name(name)
        result = await self.services.versions.at(self.account, parsed, version_of_path(version))
        self.reply_version(result, query)


class WithdrawalHandler(VersionsHandler):
    """`/v1/releases/{name}/{version}/withdrawal`: withdraws a version, and reverses this."""

    @requires("delete:series")
    async def put(self, name: str, version: str) -> None:
        query = VersionQuery.parse(self.request.query)
        parsed, withdrawn = self.version_name(name), version_of_path(version)
        require_spelling(query.spelling, _label(withdrawn))
        reason, ignore_commits = _withdrawal(json_object(self.request, '{"reason": "…"}'))
        with self.audited(
            "withdraw",
            "release",
            f"{parsed}/{withdrawn}",
            reason=reason,
            commits="ignore" if ignore_commits else "count",
        ) as change:
            result = await self.services.versions.withdraw(
                self.account,
                parsed,
                withdrawn,
                reason,
                ignore_commits=ignore_commits,
                by=self.principal.name,
            )
            change.happened = not result.reused
        self.reply_version(result, query, withdrawal=True)

    @requires("delete:series")
    async def delete(self, name: str, version: str) -> None:
        query = VersionQuery.parse(self.request.query)
        parsed, withdrawn = self.version_name(name), version_of_path(version)
        require_spelling(query.spelling, _label(withdrawn))
        with self.audited("restore", "release", f"{parsed}/{withdrawn}") as change:
            result = await self.services.versions.reverse_withdrawal(
                self.account, parsed, withdrawn, self.principal.name
            )
            change.happened = not result.reused
        self.reply_version(result, query, withdrawal=True)


def version_of_path(raw: str) -> Version:
    """The version of a percent-encoded path. Raises `InvalidVersion`."""
    return parse_version(percent_decode(raw, "version", InvalidVersion))


def _label(version: Version) -> str | None:
    """The pre-release label of a version, or None for a final one."""
    return version.prerelease and version.prerelease.partition(".")[0]


def _withdrawal(body: Mapping[str, object]) -> tuple[str, bool]:
    """The reason of a withdrawal, and whether its commits are ignored. Raises `InvalidRequest`."""
    for member in body.keys() - {"reason", "commits"}:
        raise InvalidRequest(f"Unknown member {literal(member)}. Allowed: `reason`, `commits`.")
    reason, commits = body.get("reason"), body.get("commits", "count")
    if commits not in ("count", "ignore"):
        raise InvalidRequest(
            "`commits` must be `count` or `ignore`. With `ignore`, `bump=auto` does not read the "
            "commits of this version again."
        )
    if (
        not isinstance(reason, str)
        or not 1 <= len(reason.strip()) <= MAX_WITHDRAWAL_REASON
        or has_control(reason)
    ):
        raise InvalidRequest(
            f"`reason` must be a text of 1 to {MAX_WITHDRAWAL_REASON} characters without control "
            "characters. It is shown with the version."
        )
    return reason.strip(), commits == "ignore"


class ReleasesHandler(VersionsHandler):
    """`/v1/releases/{name}`: the releases, highest version first."""

    @requires("read:series")
    async def get(self, name: str) -> None:
        query = ReleasesQuery.parse(self.request.query)
        results, next_before = await self.services.versions.page(
            self.account,
            self.version_name(name),
            query.before,
            query.limit,
            line=query.line,
            label=query.label,
        )
        format = query.format or Format.JSON
        self.reply(releases_page(results, next_before, format), format)


ROUTES = [
    (ANY_ACCOUNT + "/versions/{name}/{token}", TokenVersionHandler),
    (ANY_ACCOUNT + "/versions/{name}", LatestVersionHandler),
    (ANY_ACCOUNT + "/versions", VersionListHandler),
    (ANY_ACCOUNT + "/releases/{name}/{version}/withdrawal", WithdrawalHandler),
    (ANY_ACCOUNT + "/releases/{name}/{version}", ReleaseHandler),
    (ANY_ACCOUNT + "/releases/{name}", ReleasesHandler),
]
