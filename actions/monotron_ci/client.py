"""The client of the service's API."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any, Callable, TypeVar
from urllib.parse import quote, urlencode

from monotron_ci import __version__
from monotron_ci.credential import Credential, authorization
from monotron_ci.errors import Failure
from monotron_ci.expiry import expiry_warning
from monotron_ci.http import HttpResponse, RetryPolicy, open_once, send
from monotron_ci.responses import (
    INT64_MAX,
    NO_VERSION,
    SeriesEntry,
    VersionInfo,
    check_account,
    failure_of,
    foreign_response,
    parse_assigned,
    parse_entry,
    parse_page,
    parse_version,
)
from monotron_ci.urls import server_url

AGENT = f"monotron-ci/{__version__}"

_Parsed = TypeVar("_Parsed")


class Client:
    """One Monotron service. Requests are repeatable, and retried within *policy*."""

    def __init__(
        self,
        url: str,
        credential: Credential | None,
        policy: RetryPolicy,
        url_source: str = "`url`",
        account: int | None = None,
        warn: Callable[[str], None] = lambda _: None,
        *,
        plain_http: bool = False,
    ) -> None:
        """*url_source* is the setting with the URL, for errors. *account* is the account to use
        instead of that of the credential. *warn* is called with a sentence if the API key expires
        soon.

        Raises Failure unless *url* is an https:// URL, or an http:// URL on loopback. *plain_http*
        allows http:// for every host, and must not be combined with a credential.
        """
        assert credential is None or not plain_http  # noqa: S101 - it would be readable
        self.url = server_url(url, url_source, plain_http=plain_http)
        self._url_source = url_source
        self._credential = credential
        self.policy = policy
        self._account = account
        self._warn = warn
        self._check_first_version: Callable[[], None] | None = None

    @property
    def has_credential(self) -> bool:
        return self._credential is not None

    def check_first_version(self, check: Callable[[], None]) -> None:
        """Call *check* before a name without versions is assigned one, unless the request states
        where it starts. It raises Failure if the name must not start from 0.0.0.
        """
        self._check_first_version = check

    def next(self, key: str, token: str, initial: int | None = None) -> SeriesEntry:
        """The entry of the token. Assigns the next value to a token without an entry.

        A series that does not exist yet starts after *initial*.
        """
        query = {"reuse": "any"} if initial is None else {"reuse": "any", "initial": str(initial)}
        response = self.request("PUT", _with_query(self.path("series", key, token), query))
        reused = (response.headers.get("Monotron-Reused") or "").strip() == "true"
        entry = self._entry(response, key, reused)
        return self._expect(response, entry if entry.token == token else None)

    def peek(self, key: str, token: str | None = None) -> SeriesEntry:
        """The current entry of the series, or that of *token*. Its value is 0 if there is none."""
        path = self.path("series", key, *([token] if token is not None else []))
        try:
            return self._entry(self.request("GET", path), key, reused=True)
        except Failure as failure:
            if failure.code in ("series_not_found", "entry_not_found"):
                return SeriesEntry(key, None, 0, reused=False)
            raise

    def preview(self, key: str, token: str, initial: int | None = None) -> SeriesEntry:
        """The entry that `next` would return now. Another request may get its value first."""
        entry = self.peek(key, token)
        if entry.value:
            return entry
        value = self.peek(key).value or initial or 0
        if value == INT64_MAX:
            raise Failure(
                f"The series {key!r} is exhausted: its last value is {value}.",
                "Use another series.",
                code="series_exhausted",
            )
        return SeriesEntry(key, token, value + 1, reused=False)

    def version(
        self, name: str, token: str, query: Mapping[str, str], messages: str | None = None
    ) -> VersionInfo:
        """The version of the token. Assigns the next one to a token without a version.

        *messages*: the commit messages for `bump=auto`, separated by NUL. If none of them needs a
        version, the result is the newest version, or 0.0.0, and unchanged.
        """
        check = self._check_first_version
        if check and not query.keys() & {"initial", "version"}:
            try:
                return self._assign(name, token, {**query, "initial": "required"}, messages)
            except Failure as failure:
                if failure.code != "initial_required":
                    raise
            check()
            self._check_first_version = None
        return self._assign(name, token, query, messages)

    def _assign(
        self, name: str, token: str, query: Mapping[str, str], messages: str | None
    ) -> VersionInfo:
        path = self.path("versions", name, token)
        body = messages.encode("utf-8", errors="replace") if messages is not None else None
        response = self.request("PUT", _with_query(path, query), body)
        version = self._expect(response, parse_assigned(response.json(), name, token))
        self.check_account(version.document)
        return version

    def find(self, name: str, token: str = "") -> VersionInfo:
        """The latest final version, or the version of *token*. 0.0.0 if there is none."""
        path = self.path("versions", name, *([token] if token else []))
        return self._find(path, name) or NO_VERSION._replace(name=name)

    def has_version(self, name: str, token: str, label: str) -> bool:
        """Whether the token has a version: a pre-release with *label*, without it a final one."""
        query = {"prerelease": label} if label else {}
        version = self._find(_with_query(self.path("versions", name, token), query), name)
        if version is None or version.is_withdrawn:
            return False
        return bool(label) or version.prerelease is None

    def newest(self, name: str, line: str) -> VersionInfo | None:
        """The newest final version of a name, or of a line if given. None if there is none.

        Raises Failure if the line does not exist.
        """
        query = {"line": line} if line else {}
        return self._find(_with_query(self.path("versions", name), query), name)

    def release(self, name: str, version: str) -> VersionInfo | None:
        """The release of a version, or None without a record of it."""
        return self._find(self.path("releases", name, version), name)

    def adopt(self, name: str, version: str) -> VersionInfo:
        """Continue from a version that was released without Monotron."""
        body = json.dumps({"version": version}).encode()
        path = self.path("versions", name)
        return self._version(self.request("PUT", path, body, "application/json"), name)

    def releases(
        self, name: str, limit: int, before: str = "", label: str | None = None
    ) -> tuple[list[VersionInfo], str | None]:
        """A page of releases, the highest version first, and the start of the next page.

        With *label*, only those with this pre-release label; with an empty one, final versions.
        """
        query = {"limit": str(limit), **({"before": before} if before else {})}
        if label is not None:
            query["label"] = label
        response = self.request("GET", _with_query(self.path("releases", name), query))
        page = self._expect(response, parse_page(response.json(), name))
        for version in page[0]:
            self.check_account(version.document)
        return page

    def stream(self, method: str, path: str, seconds: float) -> Any:
        """The response with status 200 to a long request, which the caller reads and closes.

        It is requested once, and may pause for *seconds* between two bytes.
        """
        response = open_once(self._build_request(method, path), seconds)
        self._warn_of_expiry(response.headers)
        if response.status == 200:
            return response
        with response:
            body = response.read(1 << 16)
        raise self._failure(HttpResponse(response.status, response.headers, body))

    def _find(self, path: str, name: str) -> VersionInfo | None:
        try:
            return self._version(self.request("GET", path), name)
        except Failure as failure:
            if failure.code == "version_not_found":
                return None
            raise

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        media_type: str = "text/plain",
        *,
        retry: bool = True,
    ) -> HttpResponse:
        """The response with status 200. Raises Failure for any other status.

        Without *retry*, the request is sent once.
        """
        request = self._build_request(method, path, body, media_type)
        response = send(request, self.policy if retry else self.policy.once())
        self._warn_of_expiry(response.headers)
        if response.status == 200:
            return response
        raise self._failure(response)

    def _build_request(
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

    def path(self, *segments: str) -> str:
        """The path of a resource in the account."""
        account = [] if self._account is None else ["accounts", str(self._account)]
        return "/".join(["/v1", *account, *map(_quote, segments)])

    def check_account(self, document: Mapping[str, Any]) -> None:
        """Raise NoResponse unless a resource belongs to the account of the client, if it is set."""
        check_account(document, self._account, self.url)

    def _entry(self, response: HttpResponse, key: str, reused: bool) -> SeriesEntry:
        entry = self._expect(response, parse_entry(response.json(), key, reused))
        self.check_account(entry.document)
        return entry

    def _version(self, response: HttpResponse, name: str) -> VersionInfo:
        version = self._expect(response, parse_version(response.json(), name))
        self.check_account(version.document)
        return version

    def _warn_of_expiry(self, headers: Mapping[str, str]) -> None:
        """Warn once if the API key expires soon."""
        if warning := expiry_warning(headers):
            self._warn(warning)
            self._warn = lambda _: None

    def _expect(self, response: HttpResponse, parsed: _Parsed | None) -> _Parsed:
        """Return *parsed*, the content of *response*. Raises NoResponse if it is None."""
        if parsed is None:
            raise self.foreign_response(response)
        return parsed

    def _failure(self, response: HttpResponse) -> Failure:
        return failure_of(response, self.url, self._url_source, self._credential)

    def foreign_response(self, response: HttpResponse) -> Failure:
        """The error for a response that Monotron did not write."""
        return foreign_response(response, self.url, self._url_source)


def _quote(text: str) -> str:
    """A key, name or token as one segment of a path."""
    try:
        if text not in ("", ".", ".."):  # these would change the path
            return quote(text, safe="")
    except UnicodeEncodeError:
        pass
    raise Failure(
        f"{text!r} is not a valid name, key or token.",
        "Pass a text that is not empty, `.` or `..`, and valid Unicode.",
    )


def _with_query(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
