"""Responses of the service, validated strictly, so that nothing else is taken for a version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple

from monotron_ci.credential import redact
from monotron_ci.errors import Failure, NoResponse, Unreachable
from monotron_ci.http import RETRYABLE_STATUSES, UNREACHABLE_STATUSES, HttpResponse

INT64_MAX = (1 << 63) - 1
"""The highest value of a series."""

NUMBER = r"(?:0|[1-9][0-9]{0,18})"
"""A pattern for values and components of versions."""

VERSION = re.compile(
    rf"({NUMBER})\.({NUMBER})\.({NUMBER})(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?"
)
"""The characters of a semantic version. The service checks the rules of SemVer 2.0.0."""

_BUMP = re.compile(r"[a-z]{1,20}")
_CODE = re.compile(r"[a-z_]{1,64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

LOGGED_STATUSES = frozenset({401, 403, 429, 500})
"""The statuses whose reason is in the server's log, found by the request id."""


class SeriesEntry(NamedTuple):
    """An entry of a series."""

    key: str
    token: str | None
    value: int
    """0 if nothing is assigned yet."""
    reused: bool
    document: Mapping[str, Any] = {}
    """The JSON object of the response."""


class VersionInfo(NamedTuple):
    """A version of a name, or 0.0.0 if no version is assigned yet."""

    name: str
    token: str | None
    version: str
    major: int
    minor: int
    patch: int
    prerelease: str | None
    bump: str | None
    previous: str | None
    latest: bool
    reused: bool
    reason: str | None
    created_at: str | None
    notes: Sequence[str]
    """What the caller should know, one sentence each."""
    previous_token: str | None
    latest_in_major: bool
    latest_in_minor: bool
    spellings: Mapping[str, str | None]
    document: Mapping[str, Any] = {}
    """The JSON object of the response."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the response states that nothing was assigned to the token.

        Responses to GET state this, too.
        """
        return self.document.get("changed") is False

    @property
    def is_withdrawn(self) -> bool:
        """Whether the version was taken back."""
        return bool(self.document.get("withdrawn"))


NO_VERSION = VersionInfo(
    name="",
    token=None,
    version="0.0.0",
    major=0,
    minor=0,
    patch=0,
    prerelease=None,
    bump=None,
    previous=None,
    latest=False,
    reused=False,
    reason=None,
    created_at=None,
    notes=(),
    previous_token=None,
    latest_in_major=False,
    latest_in_minor=False,
    spellings={},
)


_ZERO = {
    "version": NO_VERSION.version,
    **dict.fromkeys(("major", "minor", "patch"), 0),
    "spellings": {},
}
"""What replaces the null members of a response without a version."""


def parse_entry(document: object, key: str, reused: bool) -> SeriesEntry | None:
    """The entry of *key* in a JSON value, or None if the value is anything else."""
    if not isinstance(document, dict) or document.get("key") != key:
        return None
    token, value = document.get("token"), document.get("value")
    if value and _is_number(value) and _is_optional(_is_text)(token):
        return SeriesEntry(key, token, value, reused, document)
    return None


def parse_version(document: object, name: str) -> VersionInfo | None:
    """The version of *name* in a JSON value, or None if the value is anything else."""
    if not isinstance(document, dict) or document.get("name") != name:
        return None
    if not all(check(document.get(member)) for member, check in _CHECKS.items()):
        return None
    version = VersionInfo._make([*map(document.get, VersionInfo._fields[:-1]), document])
    match = VERSION.fullmatch(version.version)
    components = (version.major, version.minor, version.patch)
    if match is None or match.groups()[:4] != (*map(str, components), version.prerelease):
        return None
    return version


def parse_assigned(document: object, name: str, token: str) -> VersionInfo | None:
    """The version of *token* in a response to PUT, or None if the value is anything else.

    If no commit needs a version, it is the newest version, or 0.0.0, and unchanged.
    """
    if not isinstance(document, dict):
        return None
    unchanged = document.get("changed") is False
    is_missing = unchanged and all(document.get(member) is None for member in _ZERO)
    version = parse_version({**document, **_ZERO} if is_missing else document, name)
    if version is None or (version.token != token and not unchanged):
        return None
    return version._replace(document=document)


def parse_page(document: object, name: str) -> tuple[list[VersionInfo], str | None] | None:
    """The releases of a page and the start of the next one, or None if it is anything else."""
    releases = document.get("releases") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(releases, list):
        return None
    start = document.get("next")
    versions = [parse_version(release, name) for release in releases]
    if not _is_optional(_matches(VERSION))(start) or None in versions:
        return None
    return [version for version in versions if version is not None], start


def check_account(document: Mapping[str, Any], account: int | None, url: str) -> None:
    """Raise NoResponse unless a resource belongs to *account*, if that is set."""
    owner = document.get("creator_id")
    if account is not None and owner != account:
        shown = f"account {owner}" if _is_number(owner) else "an unknown account"
        raise NoResponse(
            f"The response belongs to {shown}, not to account {account}.",
            f"Check that {url} is the URL of your Monotron server, and that no proxy changes the "
            "paths of requests.",
        )


def failure_of(
    response: HttpResponse, url: str, url_source: str, credential: str | None
) -> Failure:
    """The error for a response whose status is not 200. *url_source* is how users set *url*."""
    problem = response.json()
    code = problem.get("code") if isinstance(problem, dict) else None
    if (
        response.type == "application/problem+json"
        and isinstance(code, str)
        and _CODE.fullmatch(code)
        and isinstance(problem.get("detail"), str)
    ):
        # An unknown server at this URL may echo the API key.
        detail = redact(problem["detail"], credential)[:2000]
        detail += redact(_log_entry(response), credential)
        kind = _no_response(response) if response.status in RETRYABLE_STATUSES else Failure
        return kind(f"{code} ({response.status}): {detail}", code=code)
    if 300 <= response.status < 400:
        return NoResponse(
            f"{url} redirects to another URL. Redirects are not followed, because the API key "
            "would be sent there.",
            f"If the other URL is your Monotron server, set {url_source} to it.",
        )
    return foreign_response(response, url, url_source)


def _log_entry(response: HttpResponse) -> str:
    """Where the operator finds the reason, if the server logs one: a sentence, or an empty text."""
    request_id = response.headers.get("X-Request-Id") or ""
    if response.status not in LOGGED_STATUSES or not _REQUEST_ID.fullmatch(request_id):
        return ""
    return f" The server's log has the reason under the request id {request_id}."


def foreign_response(response: HttpResponse, url: str, url_source: str) -> NoResponse:
    """The error for a response that Monotron did not write."""
    known = re.fullmatch(r"[a-z0-9.+/-]{1,80}", response.type)
    return _no_response(response)(
        f"{url} returned {response.status} ({response.type if known else 'unknown type'}), which "
        "is not a Monotron response.",
        f"Check {url_source}. A login page or proxy may be in front of the server; "
        f"`curl {url}/v1` should print `API v1`.",
    )


def _no_response(response: HttpResponse) -> type[NoResponse]:
    return Unreachable if response.status in UNREACHABLE_STATUSES else NoResponse


_Check = Callable[[object], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT64_MAX


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _matches(pattern: re.Pattern[str]) -> _Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_optional(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _is_spellings(value: object) -> bool:
    """Whether the value is an object of strings, or nulls for missing spellings."""
    return isinstance(value, dict) and all(map(_is_optional(_is_text), value.values()))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_CHECKS: dict[str, _Check] = {
    "name": _is_text,
    "token": _is_optional(_is_text),
    "version": _matches(VERSION),
    "major": _is_number,
    "minor": _is_number,
    "patch": _is_number,
    "prerelease": _is_optional(_is_text),
    "bump": _is_optional(_matches(_BUMP)),
    "previous": _is_optional(_matches(VERSION)),
    "latest": _is_boolean,
    "reused": _is_boolean,
    "reason": _is_optional(_is_text),
    "created_at": _is_optional(_is_text),
    "changed": _is_boolean,
    "notes": _is_texts,
    "previous_token": _is_optional(_is_text),
    "latest_in_major": _is_boolean,
    "latest_in_minor": _is_boolean,
    "spellings": _is_spellings,
}
"""The check of each member of a version."""
