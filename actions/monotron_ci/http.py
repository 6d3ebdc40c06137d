"""HTTP with patience: the same request again until it is answered, or the time is over.

Whatever is sent here may be sent again: that is the service's promise (`reuse=any`), and the
caller's choice for everything else.
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
from urllib.parse import SplitResult, urlsplit

from monotron_ci.errors import Failure, NoResponse

MAX_ANSWER = 1 << 20
"""Bytes. What Monotron and GitHub answer here is far smaller."""

ONE_ATTEMPT = 20.0
"""Seconds that one attempt may take."""

AGAIN = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that a later try may change; those of curl's --retry."""

CHUNK = 1 << 16
"""Bytes that are read at once."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class HttpResponse(NamedTuple):
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The media type, without its parameters."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """What a JSON body holds, or None where there is none."""
        if self.type != "application/json" and not self.type.endswith("+json"):
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class RetryPolicy:
    """How long to try, all requests together, from now on; and how often again, each of them."""

    def __init__(
        self,
        seconds: float = 60.0,
        retries: int = 8,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_retry: Callable[[str], None] = lambda text: None,
    ) -> None:
        """*on_retry* is called before each retry, with a line that states its reason."""
        self.retries = retries
        self.clock = clock
        self.sleep = sleep
        self.on_retry = on_retry
        self.end = clock() + seconds

    def once(self) -> RetryPolicy:
        """As long, and not once more: for what is not to happen twice."""
        return RetryPolicy(self.end - self.clock(), 0, self.clock, self.sleep, self.on_retry)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None  # and so the redirect itself is the answer


def _opener() -> urllib.request.OpenerDirector:
    """By the proxies of the environment, but never for http: it is loopback's, and in clear."""
    proxies = urllib.request.getproxies()
    https = {scheme: proxy for scheme, proxy in proxies.items() if scheme == "https"}
    return urllib.request.build_opener(urllib.request.ProxyHandler(https), _NoRedirect)


def split(url: str) -> SplitResult | None:
    """The URL's parts, or None unless it is https, or http on loopback, and plain ASCII."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[\x21-\x7e]+", url):
        return None
    if not all(0 < len(label) < 64 for label in host.split(".")):
        return None  # no name of DNS, and no codec would take it
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    return parts if safe else None


def checked_url(url: str, what: str) -> str:
    """The URL without a slash at its end; else a `Failure` says what it must be."""
    text = url.strip().rstrip("/")
    parts = split(text)
    if parts is None:
        raise Failure(
            f"{what} is no https address. Without https, whoever listens on the way could read "
            "the key; only a server on this machine may be asked with http.",
            "Write it as https://monotron.example.com.",
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise Failure(
            f"{what} holds more than an address: credentials, a query or a fragment.",
            "Leave only https://HOST, perhaps with a port and a path. A key has its own place.",
        )
    return text


def send(request: urllib.request.Request, patience: RetryPolicy) -> HttpResponse:
    """The answer; `NoResponse` if none came in time. Redirects are answers like others."""
    opener, tried = _opener(), 0
    while True:
        try:
            answer, trouble, reason = _attempt(opener, request, patience), "", ""
        except _Trouble as error:
            answer, trouble, reason = None, str(error), error.reason
            if error.lasting:
                raise NoResponse(
                    f"{_origin(request)} is not trusted: {trouble}.",
                    "Look whether the address is right. Where its certificate is of an authority "
                    "of your own, set SSL_CERT_FILE to that authority's file.",
                ) from None
        tried += 1
        if answer is not None and answer.status not in AGAIN:
            return answer
        pause = _pause(tried, answer)
        if tried <= patience.retries and pause < patience.end - patience.clock():
            reason = f"the server responded {answer.status}" if answer is not None else reason
            patience.on_retry(f"{reason}; retrying in {pause:.1f} s ({tried}/{patience.retries})")
            patience.sleep(pause)
            continue
        if answer is not None:
            return answer
        tries = "Once" if tried == 1 else f"{tried} times"
        raise NoResponse(
            f"{_origin(request)} did not answer: {trouble}. {tries} tried.",
            "Look whether the address is right and the server runs. The same request may be "
            "sent again, so re-run the job.",
        )


def open_once(request: urllib.request.Request, seconds: float) -> Any:
    """An answer to read and close, whatever its status; `NoResponse` if none begins in time."""
    try:
        return _opener().open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        return error
    except (OSError, http.client.HTTPException) as error:
        trouble = _words(getattr(error, "reason", error))
        raise NoResponse(
            f"{_origin(request)} did not answer: {trouble}.",
            "Look whether the address is right and the server runs.",
        ) from None


class _Trouble(Exception):
    """What came in place of an answer, in a few words."""

    def __init__(self, error: object, problem: str = "no response") -> None:
        words = _words(error)
        super().__init__(words)
        self.reason = f"{problem} ({words[:1].lower()}{words[1:]})"
        """For the warning before a retry."""
        self.lasting = type(error).__name__ == "SSLCertVerificationError"
        """Whether another try would meet it too."""


def _attempt(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, patience: RetryPolicy
) -> HttpResponse:
    """One try: an answer that came whole, or `_Trouble`."""
    end = min(patience.end, patience.clock() + ONE_ATTEMPT)
    seconds = end - patience.clock()
    if seconds <= 0:
        raise _Trouble("no time was left for it")
    try:
        try:
            response = opener.open(request, timeout=seconds)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return _whole(response, lambda: patience.clock() < end)
    except urllib.error.URLError as error:
        raise _Trouble(error.reason, "cannot connect") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Trouble(error) from None


def _whole(response: Any, in_time: Callable[[], bool]) -> HttpResponse:
    body = b""
    while len(body) < MAX_ANSWER:
        # A read ends with what has come: a server that drips cannot hold it beyond the time.
        chunk = response.read1(min(CHUNK, MAX_ANSWER - len(body)))
        if not chunk:
            break
        body += chunk
        if not in_time():
            raise TimeoutError
    length = _whole_number(response.headers.get("Content-Length"))
    if length is not None and len(body) < min(length, MAX_ANSWER):
        raise http.client.IncompleteRead(body, length - len(body))
    if not body and length is None and _should_have_a_length(response):
        raise http.client.IncompleteRead(body)
    return HttpResponse(response.status, response.headers, body)


def _should_have_a_length(response: Any) -> bool:
    """Whether an answer without a body has been cut in its headers.

    What came of them is taken for all of them by http.client.
    """
    return response.status not in (204, 304) and "Transfer-Encoding" not in response.headers


def _pause(tried: int, answer: HttpResponse | None) -> float:
    """Seconds until the next try: twice as long each time, with jitter, or as the server says."""
    import random  # only now: most requests are answered at once

    pause: float = min(10.0, 0.125 * 2**tried) * (0.5 + random.random())  # noqa: S311 - no secret
    asked = _asked(answer.headers) if answer is not None else None
    return pause if asked is None else max(pause, asked)


def _asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for; a time is meant by the server's own clock."""
    text = headers.get("Retry-After")
    if text is None or _whole_number(text) is not None:
        return _whole_number(text)
    try:
        then, now = (
            email.utils.parsedate_to_datetime(date) for date in (text, headers.get("Date") or "")
        )
        return (then - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None


def _whole_number(text: str | None) -> int | None:
    bare = (text or "").strip()
    return int(bare) if re.fullmatch(r"[0-9]{1,9}", bare) else None


def _words(error: object) -> str:
    """What happened, in a few words and on one line."""
    if isinstance(error, http.client.IncompleteRead):
        return "the answer was cut off"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = str(getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error)
    text = text or type(error).__name__
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _origin(request: urllib.request.Request) -> str:
    parts = urlsplit(request.full_url)
    return f"{parts.scheme}://{parts.netloc}"
