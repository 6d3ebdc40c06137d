"""HTTP with patience: the same request again until it is answered, or the time is over.

Whatever is sent here may be sent again: that is the service's promise (`reuse=any`), and the
caller's choice for everything else.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple
from urllib.parse import SplitResult, urlsplit

from monotron_ci.failure import Failure

LARGEST_ANSWER = 1 << 20
"""Bytes. What Monotron and GitHub answer here is far smaller."""

ONE_ATTEMPT = 20.0
"""Seconds that one attempt may take."""

AGAIN = frozenset({429, 502, 503, 504})
"""Statuses that promise a better answer later."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Answer(NamedTuple):
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
        except ValueError:
            return None


class Patience(NamedTuple):
    """How long to try, and how often again."""

    seconds: float = 60.0
    retries: int = 8
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None  # and so the redirect itself is the answer


_OPENER = urllib.request.build_opener(_NoRedirect)


def split(url: str) -> SplitResult | None:
    """The URL's parts, or None unless it is https, or http on loopback, and plain ASCII."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[\x21-\x7e]+", url):
        return None
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


def send(request: urllib.request.Request, patience: Patience) -> Answer:
    """The answer; `Failure` if none came in time. Redirects are answers like others."""
    deadline = patience.clock() + patience.seconds
    for attempt in range(patience.retries + 1):
        answer, trouble = _attempt(request, patience, deadline)
        if answer is not None and answer.status not in AGAIN:
            return answer
        pause = _pause(attempt, answer)
        left = deadline - patience.clock()
        if attempt < patience.retries and pause < left:
            patience.sleep(pause)
            continue
        if answer is not None:
            return answer
        tries = "Once" if attempt == 0 else f"{attempt + 1} times"
        raise Failure(
            f"{_origin(request)} did not answer: {trouble}. {tries} tried.",
            "Look whether the address is right and the server runs. The same request may be "
            "sent again, so re-run the job.",
        )
    raise AssertionError("the last attempt returns or raises")


def _attempt(
    request: urllib.request.Request, patience: Patience, deadline: float
) -> tuple[Answer | None, str]:
    """One try: an answer that came whole, or what came between."""
    seconds = max(0.1, min(ONE_ATTEMPT, deadline - patience.clock()))
    try:
        with _OPENER.open(request, timeout=seconds) as response:
            return _whole(response, response.status), ""
    except urllib.error.HTTPError as error:
        with error:
            try:
                return _whole(error, error.code), ""
            except (OSError, http.client.HTTPException) as broken:
                return None, _words(broken)
    except urllib.error.URLError as error:
        return None, _words(error.reason)
    except (OSError, http.client.HTTPException) as error:
        return None, _words(error)


def _whole(response: Any, status: int) -> Answer:
    body = response.read(LARGEST_ANSWER + 1)
    length = response.headers.get("Content-Length")
    if length is not None and length.isdigit() and len(body) < min(int(length), LARGEST_ANSWER):
        raise http.client.IncompleteRead(body, int(length) - len(body))
    return Answer(status, response.headers, body[:LARGEST_ANSWER])


def _pause(attempt: int, answer: Answer | None) -> float:
    """Seconds until the next try: twice as long each time, with jitter, or as the server says."""
    import random  # only now: most requests are answered at once

    pause: float = min(10.0, 0.25 * 2**attempt) * (0.5 + random.random())  # noqa: S311 - no secret
    asked = answer.headers.get("Retry-After") if answer is not None else None
    if asked and asked.strip().isdigit():
        return max(pause, float(asked.strip()))
    return pause


def _words(error: object) -> str:
    """What happened, in a few words and on one line."""
    if isinstance(error, http.client.IncompleteRead):
        return "the answer was cut off"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _origin(request: urllib.request.Request) -> str:
    parts = urlsplit(request.full_url)
    return f"{parts.scheme}://{parts.netloc}"
