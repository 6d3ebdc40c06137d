"""HTTP requests that are retried until a response arrives or the time limit expires.

Callers send only requests that can be repeated safely, or use `RetryPolicy.once`.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple
from urllib.parse import urlsplit

from monotron_ci.errors import NoResponse, Unreachable

MAX_BODY_BYTES = 1 << 20
"""Most responses are much smaller. The rest of a longer body is not read."""

CHUNK_BYTES = 1 << 16

ATTEMPT_TIMEOUT_SECONDS = 20.0
"""The time limit of one attempt."""

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""The statuses that `curl --retry` retries."""

UNREACHABLE_STATUSES = RETRYABLE_STATUSES - {429}
"""The statuses of a service that is down, or of a proxy in front of it."""


class HttpResponse(NamedTuple):
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The media type without parameters."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The value of a JSON body, or None if the body is not JSON."""
        if self.type != "application/json" and not self.type.endswith("+json"):
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class RetryPolicy:
    """Limits: *seconds* from now for all requests together, and *retries* of each request.

    *on_retry* is called with a sentence before each retry.
    """

    def __init__(
        self,
        seconds: float = 60.0,
        retries: int = 8,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_retry: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.retries = retries
        self.clock = clock
        self.sleep = sleep
        self.on_retry = on_retry
        self.end = clock() + seconds

    def once(self) -> RetryPolicy:
        """A policy with the same time limit and without retries."""
        return RetryPolicy(self.end - self.clock(), 0, self.clock, self.sleep, self.on_retry)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None  # the redirect itself becomes the response


def _opener() -> urllib.request.OpenerDirector:
    """An opener that uses the proxy of the environment for https only.

    Plain http is allowed for loopback, and a proxy could read the API key.
    """
    proxies = urllib.request.getproxies()
    https = {scheme: proxy for scheme, proxy in proxies.items() if scheme == "https"}
    return urllib.request.build_opener(urllib.request.ProxyHandler(https), _NoRedirect)


def send(
    request: urllib.request.Request, policy: RetryPolicy, max_bytes: int = MAX_BODY_BYTES
) -> HttpResponse:
    """The response, which may be a redirect or an error of the server.

    At most about *max_bytes* of its body are read. Raises NoResponse if no response arrived within
    the limits of *policy*.
    """
    opener, attempts = _opener(), 0
    while True:
        outcome = _attempt(opener, request, policy, max_bytes)
        attempts += 1
        if isinstance(outcome, _Problem):
            retryable, cause = not outcome.is_permanent, outcome.summary
        else:
            retryable = outcome.status in RETRYABLE_STATUSES
            cause = f"the server responded {outcome.status}"
        if not retryable or attempts > policy.retries:
            break
        pause = _pause(attempts, outcome)
        if pause >= policy.end - policy.clock():
            break
        policy.on_retry(f"{cause}; retrying in {pause:.1f} s ({attempts}/{policy.retries})")
        policy.sleep(pause)
    if isinstance(outcome, _Problem):
        raise outcome.failure(request, attempts)
    return outcome


def open_once(request: urllib.request.Request, seconds: float) -> Any:
    """A response of any status, which the caller reads and closes. It is requested once.

    Raises NoResponse if it does not begin within *seconds*.
    """
    try:
        return _opener().open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        return error
    except (OSError, http.client.HTTPException) as error:
        raise _Problem(error).failure(request, 1) from None


class _Problem:
    """Why an attempt ended without a complete response."""

    def __init__(self, error: Exception) -> None:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        self._text = _describe(cause)
        # A server without TLS responds to the handshake with HTTP, which is not a TLS record.
        self._is_plain_http = "WRONG_VERSION_NUMBER" in str(getattr(cause, "reason", ""))
        is_untrusted = type(cause).__name__ == "SSLCertVerificationError"
        self.is_permanent = is_untrusted or self._is_plain_http
        self._connected = isinstance(cause, TimeoutError) or cause is error

    @property
    def summary(self) -> str:
        return f"{'no response' if self._connected else 'cannot connect'} ({self._text})"

    def failure(self, request: urllib.request.Request, attempts: int) -> NoResponse:
        """The error that ends the request."""
        parts = urlsplit(request.full_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._is_plain_http:
            return NoResponse(
                f"{origin} does not use TLS. It responds to plain HTTP only.",
                "Use the https:// URL of the proxy in front of the server. For a server on this "
                "machine, use http://localhost with its port.",
            )
        if self.is_permanent:
            return NoResponse(
                f"Cannot verify the TLS certificate of {origin}: {self._text}.",
                "Check the URL. If a private authority issued the certificate, set SSL_CERT_FILE "
                "to the file with the certificate of that authority.",
            )
        count = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        if self._connected:
            cause = f"No response from {origin}: {self._text} after {count}."
        else:
            cause = f"Cannot connect to {origin}: {self._text} ({count})."
        return Unreachable(cause, "Check the URL and that the server is running. Retrying is safe.")


def _attempt(
    opener: urllib.request.OpenerDirector,
    request: urllib.request.Request,
    policy: RetryPolicy,
    max_bytes: int,
) -> HttpResponse | _Problem:
    """A complete response to one request, or why there is none."""
    end = min(policy.end, policy.clock() + ATTEMPT_TIMEOUT_SECONDS)
    seconds = end - policy.clock()
    try:
        if seconds <= 0:
            raise TimeoutError
        try:
            response = opener.open(request, timeout=seconds)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return _read(response, max_bytes, lambda: policy.clock() < end)
    except (OSError, http.client.HTTPException) as error:
        return _Problem(error)


def _read(response: Any, max_bytes: int, in_time: Callable[[], bool]) -> HttpResponse:
    body = b""
    while len(body) < max_bytes:
        # read1 returns what has arrived, so that a slow server cannot exceed the time limit.
        chunk = response.read1(min(CHUNK_BYTES, max_bytes - len(body)))
        if not chunk:
            break
        body += chunk
        if not in_time():
            raise TimeoutError
    length = _parse_digits(response.headers.get("Content-Length"))
    if length is not None and len(body) < min(length, max_bytes):
        raise http.client.IncompleteRead(body, length - len(body))
    if not body and length is None and _requires_length(response):
        raise http.client.IncompleteRead(body)
    return HttpResponse(response.status, response.headers, body)


def _requires_length(response: Any) -> bool:
    """Whether a response without a body and without a length was truncated in its headers.

    http.client accepts headers that end with the connection.
    """
    return response.status not in (204, 304) and "Transfer-Encoding" not in response.headers


def _pause(attempts: int, outcome: HttpResponse | _Problem) -> float:
    """Seconds until the next attempt: doubled each time, with jitter, at least Retry-After."""
    import random  # imported on demand: most requests need no retry

    pause: float = min(10.0, 0.125 * 2**attempts) * (0.5 + random.random())  # noqa: S311 - no secret
    retry_after = None if isinstance(outcome, _Problem) else _retry_after(outcome.headers)
    return pause if retry_after is None else max(pause, retry_after)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds in Retry-After. A date is compared with the server's clock."""
    text = headers.get("Retry-After")
    if text is None or _parse_digits(text) is not None:
        return _parse_digits(text)
    try:
        then, now = (
            email.utils.parsedate_to_datetime(date) for date in (text, headers.get("Date") or "")
        )
        return (then - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None


def _parse_digits(text: str | None) -> int | None:
    digits = (text or "").strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else None


def _describe(error: object) -> str:
    """A short description of the error, on one line."""
    if isinstance(error, http.client.IncompleteRead):
        return "truncated"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection closed"
    if isinstance(error, TimeoutError):
        return "timed out"
    text = str(getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error)
    text = text or type(error).__name__
    text = "".join(char if char.isprintable() else " " for char in text)[:200]
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
