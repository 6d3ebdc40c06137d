"""What Monotron is asked, and how its answers are read: strictly, so that nothing else passes."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlencode

from monotron_ci import __version__
from monotron_ci.credential import Credential, authorization, hidden
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import AGAIN, HttpResponse, RetryPolicy, checked_url, open_once, send

AGENT = f"monotron-ci/{__version__}"

LAST = (1 << 63) - 1
"""The largest number that there is."""

_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
_CORE = rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
VERSION = re.compile(rf"{_CORE}(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
"""A semantic version (SemVer 2.0.0), as far as it must be safe to write down."""

_BUMP = re.compile(r"[a-z]{1,20}")
_CODE = re.compile(r"[a-z_]{1,64}")


class SeriesEntry(NamedTuple):
    """A number of a series."""

    key: str
    token: str | None
    value: int
    """0 where the series has given nothing yet."""
    reused: bool
    document: Mapping[str, Any] = {}
    """As the service wrote it."""


class VersionInfo(NamedTuple):
    """A version of a name; 0.0.0 where none was given yet."""

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
    document: Mapping[str, Any] = {}
    """As the service wrote it."""


Given = TypeVar("Given", SeriesEntry, VersionInfo)


class Client:
    """One Monotron service. These requests may be sent again, and are, within *patience*."""

    def __init__(
        self,
        url: str,
        credential: Credential | None,
        patience: RetryPolicy,
        url_source: str = "`url`",
    ) -> None:
        """Raises Failure if the URL is not https. *url_source* is how users set the URL."""
        self.url = checked_url(url, "The address of Monotron")
        self._url_source = url_source
        self._credential = credential
        self._patience = patience

    def next(self, key: str, token: str) -> SeriesEntry:
        """The token's number: the one it has, or the next."""
        path = f"/v1/series/{_quoted(key)}/{_quoted(token)}?reuse=any"
        answer = self._ask("PUT", path)
        reused = (answer.headers.get("Monotron-Reused") or "").strip() == "true"
        return self._same_token(answer, self._entry(answer, key, reused), token)

    def peek(self, key: str, token: str | None = None) -> SeriesEntry:
        """Where the series stands, or what the token was given; value 0: nothing yet."""
        path = f"/v1/series/{_quoted(key)}" + (f"/{_quoted(token)}" if token is not None else "")
        try:
            return self._entry(self._ask("GET", path), key, reused=True)
        except Failure as failure:
            if failure.code in ("series_not_found", "entry_not_found"):
                return SeriesEntry(key, None, 0, reused=False)
            raise

    def preview(self, key: str, token: str) -> SeriesEntry:
        """What `next` would answer now, as far as can be told without asking it."""
        own = self.peek(key, token)
        if own.value:
            return own
        last = self.peek(key).value
        if last == LAST:
            raise Failure(
                f"The series {key!r} stands at its last value, {LAST}.",
                "Go on with another name.",
                code="series_exhausted",
            )
        return SeriesEntry(key, token, last + 1, reused=False)

    def version(
        self, name: str, token: str, query: Mapping[str, str], text: str | None = None
    ) -> VersionInfo:
        """The token's version: the one it has, or the next. *text*: messages for `bump=auto`."""
        path = f"/v1/versions/{_quoted(name)}/{_quoted(token)}"
        body = text.encode("utf-8", errors="replace") if text is not None else None
        answer = self._ask("PUT", _with(path, query), body)
        return self._same_token(answer, self._version(answer, name), token)

    def find(self, name: str, token: str = "") -> VersionInfo:
        """The latest final version, or the token's; 0.0.0 where there is none."""
        path = f"/v1/versions/{_quoted(name)}" + (f"/{_quoted(token)}" if token else "")
        try:
            return self._version(self._ask("GET", path), name)
        except Failure as failure:
            if failure.code == "version_not_found":
                return _NOTHING._replace(name=name)
            raise

    def release(self, name: str, version: str) -> VersionInfo | None:
        """Who has the version, or None where no record says so."""
        try:
            return self._version(self._ask("GET", f"/v1/releases/{_quoted(name)}/{version}"), name)
        except Failure as failure:
            if failure.code == "version_not_found":
                return None
            raise

    def adopt(self, name: str, version: str) -> VersionInfo:
        """Let counting go on from a version that was given elsewhere."""
        body = json.dumps({"version": version}).encode()
        path = f"/v1/versions/{_quoted(name)}"
        return self._version(self._ask("PUT", path, body, "application/json"), name)

    def releases(
        self, name: str, limit: int, before: str = ""
    ) -> tuple[list[VersionInfo], str | None]:
        """A page of releases, the highest version first, and where the next page begins."""
        query = {"limit": str(limit), **({"before": before} if before else {})}
        answer = self._ask("GET", _with(f"/v1/releases/{_quoted(name)}", query))
        page = answer.json()
        if not isinstance(page, dict) or not isinstance(page.get("releases"), list):
            raise self._not_ours(answer)
        after = page.get("next")
        if after is not None and not (isinstance(after, str) and VERSION.fullmatch(after)):
            raise self._not_ours(answer)
        return [self._read(answer, each, name) for each in page["releases"]], after

    def long(self, method: str, path: str, seconds: float) -> Any:
        """The answer to one request, asked once; what is 200 is for the caller to read and close.

        *seconds* may pass without a byte of it.
        """
        request = self._request(method, path)
        response = open_once(request, seconds)
        if response.status == 200:
            return response
        with response:
            raise self._failure(
                HttpResponse(response.status, response.headers, response.read(1 << 16))
            )

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        media_type: str = "text/plain",
        *,
        again: bool = True,
    ) -> HttpResponse:
        """The answer with status 200; all else is a `Failure`. Not *again*: it is sent once."""
        request = self._request(method, path, body, media_type)
        answer = send(request, self._patience if again else self._patience.once())
        if answer.status == 200:
            return answer
        raise self._failure(answer)

    def _request(
        self, method: str, path: str, body: bytes | None = None, media_type: str = "text/plain"
    ) -> urllib.request.Request:
        request = urllib.request.Request(f"{self.url}{path}", body, method=method)  # noqa: S310
        request.add_header("Accept", "application/json")
        request.add_header("User-Agent", AGENT)
        if body is not None:
            request.add_header("Content-Type", media_type)
        if self._credential is not None:
            request.add_unredirected_header("Authorization", authorization(self._credential))
        return request

    def _failure(self, answer: HttpResponse) -> Failure:
        problem = answer.json()
        code = problem.get("code") if isinstance(problem, dict) else None
        if (
            answer.type == "application/problem+json"
            and isinstance(code, str)
            and _CODE.fullmatch(code)
            and isinstance(problem.get("detail"), str)
        ):
            # Whatever stands at that address may give the key back.
            said = hidden(f"{code} ({answer.status}): {problem['detail']}", self._credential)
            kind = NoResponse if answer.status in AGAIN else Failure
            return kind(said[:2000], code=code)
        if 300 <= answer.status < 400:
            return NoResponse(
                f"{self.url} redirects elsewhere, and a redirect is not followed, since it would "
                "carry the key along.",
                f"Set {self._url_source} to the address that it leads to, if that is your server.",
            )
        return self._not_ours(answer)

    def _not_ours(self, answer: HttpResponse) -> Failure:
        kind = answer.type if re.fullmatch(r"[a-z0-9.+/-]{1,80}", answer.type) else "no known type"
        return NoResponse(
            f"{self.url} answers {answer.status} with a body ({kind}) that is not Monotron's.",
            f"Check {self._url_source}: a login page or a proxy may be in front of the server. "
            f"`curl {self.url}/v1` should print `API v1`.",
        )

    def _same_token(self, answer: HttpResponse, given: Given, token: str) -> Given:
        if given.token != token:
            raise self._not_ours(answer)
        return given

    def _entry(self, answer: HttpResponse, key: str, reused: bool) -> SeriesEntry:
        given = answer.json()
        if isinstance(given, dict) and given.get("key") == key:
            entry = SeriesEntry(
                key, given.get("token"), cast(int, given.get("value")), reused, given
            )
            if isinstance(entry.token, (str, type(None))) and _is_number(entry.value, least=1):
                return entry
        raise self._not_ours(answer)

    def _version(self, answer: HttpResponse, name: str) -> VersionInfo:
        return self._read(answer, answer.json(), name)

    def _read(self, answer: HttpResponse, given: Any, name: str) -> VersionInfo:
        if not isinstance(given, dict) or given.get("name") != name:
            raise self._not_ours(answer)
        version = VersionInfo._make([*map(given.get, VersionInfo._fields[:-1]), given])
        if not all(fits(value) for fits, value in zip(_FITS, version)):
            raise self._not_ours(answer)
        match = VERSION.fullmatch(version.version)
        numbers = (version.major, version.minor, version.patch)
        if match is None or match.groups()[:4] != (*map(str, numbers), version.prerelease):
            raise self._not_ours(answer)
        return version


_NOTHING = VersionInfo("", None, "0.0.0", 0, 0, 0, None, None, None, False, False, None, None)


def _is_number(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LAST


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _like(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _or_none(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or fits(value)


_FITS: tuple[Callable[[object], bool], ...] = (
    _is_text,  # name
    _or_none(_is_text),  # token
    _like(VERSION),
    _is_number,  # major
    _is_number,  # minor
    _is_number,  # patch
    _or_none(_is_text),  # prerelease
    _or_none(_like(_BUMP)),
    _or_none(_like(VERSION)),  # previous
    _is_boolean,  # latest
    _is_boolean,  # reused
    _or_none(_is_text),  # reason
    _or_none(_is_text),  # created_at
)
"""What each member of a version must be, in their order."""


def _quoted(text: str) -> str:
    """A key, a name or a token as one segment of a path."""
    try:
        if text not in ("", ".", ".."):  # which would be another path
            return quote(text, safe="")
    except UnicodeEncodeError:
        pass
    raise Failure(f"{text!r} can be no name, key or token.", "Give it a name of its own.")


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
