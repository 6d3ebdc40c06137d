"""`/names/{name}/{version}`: everything that is known about a version."""

from typing import NamedTuple

from monotron.model.semver import Release
from monotron.model.series import SeriesKey
from monotron.model.spellings import spellings
from monotron.model.versions.requests import Latest, VersionResult
from monotron.web.pages.failures import Link
from monotron.web.pages.handler import PageHandler, shows
from monotron.web.pages.markup import path_of, plain_isolated
from monotron.web.pages.rows import commit_link, release_row
from monotron.web.query import Query
from monotron.web.versions import version_of_path

SPELLINGS = {
    "pep440": "Python (PEP 440)",
    "deb": "Debian package",
    "rpm": "RPM package",
    "maven": "Maven, Gradle",
    "docker": "Container image tag",
}


ADOPTED = "adopted: counting continued from this version"
COUNTED = "counted in the series of the name, without a request for a version"
REASONS = {
    "exact": "the request named exactly this version",
    "final": "the pre-release was promoted",
    "calendar": "the date of the request",
}
"""By bump."""

PRINCIPALS = {
    "root": "the root key",
    "anyone": "a request without credentials, to an open server",
    "key": "an API key",
    "github": "a run of GitHub Actions",
    "gitlab": "a job of GitLab CI",
}
"""By the name of a principal, or by the start of it."""


class Fact(NamedTuple):
    """A line of the page."""

    label: str
    text: str | None = None
    href: str | None = None
    note: str = ""
    """An explanation of the text."""
    time: int | None = None
    """Milliseconds since the epoch, UTC, instead of a text."""
    is_code: bool = False


def facts(result: VersionResult, commit_url: str) -> list[Fact]:
    """The known members of a version."""
    release, row = result.release, release_row(result.release, commit_url)
    full = release.full_text
    candidates = [
        Fact("Version", full, is_code=True),
        Fact("Tag", f"v{full}", is_code=True),
        Fact("Name", row.name, row.name_path),
        Fact("Commit or token", row.token, row.commit_url, is_code=True),
        Fact("Bump", row.bump),
        Fact("Reason", row.reason or reason_text(release)),
        Fact("Line", None if release.line is None else str(release.line)),
        Fact("Pre-release", release.pre_release, is_code=True),
        Fact("Build metadata", release.metadata, is_code=True),
        Fact("Previous version", row.previous, row.previous_path, is_code=True),
        Fact(
            "Previous commit",
            release.previous_token,
            commit_link(release.previous_token, commit_url, release.assigned_by),
            is_code=True,
        ),
        Fact("Latest", latest_text(result.latest) if release.label is None else None),
        Fact("Time", time=row.created_at),
        Fact("Assigned by", row.assigned_by, note=principal_text(row.assigned_by or "")),
        Fact("Account", str(release.name.account)),
    ]
    return [fact for fact in candidates if fact.text is not None or fact.time is not None]


def withdrawal_facts(release: Release) -> list[Fact]:
    """When, why and by whom the version was withdrawn; empty if it was not."""
    withdrawn = release.withdrawn
    if withdrawn is None:
        return []
    commits = "not read again" if withdrawn.ignore_commits else "count for the next version"
    return [
        Fact("Reason", withdrawn.reason),
        Fact("Withdrawn", time=withdrawn.at),
        Fact("Withdrawn by", withdrawn.by, note=principal_text(withdrawn.by)),
        Fact("Its commits", commits),
    ]


def spelling_facts(release: Release) -> list[Fact]:
    """The version as package managers write it."""
    texts = spellings(release)._asdict()
    return [
        Fact(label, texts[name], is_code=True)
        for name, label in SPELLINGS.items()
        if texts[name] is not None
    ]


def reason_text(release: Release) -> str | None:
    """Why the name has this version, if no commit message decided. None if that is unknown."""
    if release.bump is not None:
        return REASONS.get(release.bump, f"the request had bump={release.bump}")
    if release.token is not None:
        return None
    return COUNTED if release.created_at is None else ADOPTED


def principal_text(name: str) -> str:
    """What kind of credential a name belongs to. Empty if it is unknown."""
    kind, colon, _ = name.partition(":")
    if not colon:
        return PRINCIPALS.get(name, "")
    return PRINCIPALS.get(kind.partition("@")[0], "a job that signed in with an identity token")


def latest_text(latest: Latest) -> str:
    """Of what the version is the highest final version."""
    if latest.overall:
        return "of all versions"
    if latest.in_major:
        return "of its major version"
    return "of its minor version" if latest.in_minor else "no"


class VersionPageHandler(PageHandler):
    """`/names/{name}/{version}`: a version with its spellings and the attributes of its token."""

    section = "versions"

    @shows("read:series")
    async def get(self, raw_name: str, raw_version: str) -> None:
        Query.parse(self.request.query)
        name = self.version_name(raw_name)
        self.back = Link("All versions of this name", path_of("names", name))
        result = await self.services.versions.at(self.account, name, version_of_path(raw_version))
        release = result.release
        self.reply_page(
            "version.html",
            f"{release.version_text} of {plain_isolated(name)}",
            row=release_row(release, is_latest=result.latest.overall),
            facts=facts(result, self.services.commit_url),
            withdrawal=withdrawal_facts(release),
            spellings=spelling_facts(release),
            attributes=await self._attributes(name, release.token),
            api_path=path_of("v1", "releases", name, release.version_text),
        )

    async def _attributes(self, name: str, token: str | None) -> list[Fact]:
        """The attributes of the token in the series with this key, if the caller may read it."""
        if token is None or not self.principal.names.allows_key(name):
            return []
        attributes = await self.services.attributes.all(SeriesKey(self.account, name), token)
        return [Fact(label, text) for label, text in attributes.items()]


ROUTES = [("/names/{name}/{version}", VersionPageHandler)]
