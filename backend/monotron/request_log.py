"""The request log: one line for each request, in batches, and a limit for those of strangers."""

import asyncio
import logging
import os
from collections import Counter
from json.encoder import encode_basestring_ascii
from typing import NamedTuple, TextIO

from monotron.log_lines import PIPE_BUF_BYTES, quoted, timestamp
from monotron.redaction import redact_log

MAX_PATH_CHARACTERS = 300
MAX_REASON_CHARACTERS = 300
MAX_METHOD_CHARACTERS = 16
MAX_ISSUER_CHARACTERS = 100
MAX_PROJECT_CHARACTERS = 120
MAX_CLAIM_CHARACTERS = 100

MAX_REJECTIONS = 20
"""The number of rejected requests without a principal that are logged individually per second."""

log = logging.getLogger("monotron")

_LEVEL_NAMES = {
    level: logging.getLevelName(level).lower()
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
}


class RejectionLimit:
    """Limits the log lines about rejected requests of strangers, and logs how many are missing."""

    def __init__(self, max_rejections: int, seconds: float) -> None:
        """Log *max_rejections* requests per period of *seconds* individually."""
        self._max_rejections = max_rejections
        self._seconds = seconds
        self._number = 0
        self._missing: Counter[int] = Counter()

    def is_logged(self, status: int) -> bool:
        """Count a rejected request. Returns whether to log it."""
        if self._number == 0:
            asyncio.get_running_loop().call_later(self._seconds, self.end_period)
        self._number += 1
        if self._number <= self._max_rejections:
            return True
        self._missing[status] += 1
        return False

    def end_period(self) -> None:
        """Log how many requests of this period were not logged, and start another one."""
        if self._missing:
            log.warning(
                "%d more requests without valid credentials were rejected within %g s (%s)",
                self._missing.total(),
                self._seconds,
                ", ".join(
                    f"{status}: {number}" for status, number in sorted(self._missing.items())
                ),
            )
        self._number = 0
        self._missing.clear()


class RequestLine(NamedTuple):
    """What is logged of a request. A text without a value is empty, and its member is omitted.

    The texts of clients are redacted, shortened and escaped by `RequestLog`.
    """

    level: int
    """As in `logging`."""
    at: float
    """When the request ended, in seconds since the epoch."""
    method: str
    route: str
    """The template of the path: printable ASCII without quotes and backslashes."""
    path: str
    """The path as the client sent it, without the query."""
    status: int
    duration_ms: float
    request_id: str
    """Up to 64 of `[A-Za-z0-9._-]`."""
    client: str
    """The address of the client."""
    principal: str = ""
    """The name of the caller: printable ASCII without quotes and backslashes."""
    account: int = 0
    """The account that the request acts on; 0 or less if it is unknown."""
    assigned: str = ""
    """The value or version that a write assigned: printable ASCII without quotes and backslashes"""
    code: str = ""
    """The code of the error."""
    reason: str = ""
    """Why access was denied."""
    issuer: str = ""
    """The issuer of a rejected identity token."""
    project: str = ""
    """The project of a rejected identity token with a valid signature."""
    claim: str = ""
    """The claims of a rejected identity token that differ from what is required."""


class RequestLog:
    """Writes one line per request. Requests of one turn of the event loop share one write.

    It does not use `logging`, which takes as long per line as Tornado takes to parse a request.
    """

    def __init__(
        self,
        log_format: str,
        stream: TextIO,
        level: int = logging.INFO,
        *,
        max_rejections: int = MAX_REJECTIONS,
        rejection_seconds: float = 1.0,
    ) -> None:
        """Omit lines below *level*, and summarize more than *max_rejections* 4xx responses to
        strangers per period.

        Jobs with valid identity tokens of trusted issuers have a limit of their own, so that other
        strangers cannot hide them.
        """
        self._format = _text_line if log_format == "text" else _json_line
        self._stream = stream
        self._level = level
        self._lines: list[str] = []
        self._process = 0  # not yet known: the server starts its processes later
        self._rejections = RejectionLimit(max_rejections, rejection_seconds)
        self._rejected_jobs = RejectionLimit(max_rejections, rejection_seconds)

    def add(self, line: RequestLine) -> None:
        """Log a request."""
        if line.level < self._level:
            return
        if not line.principal and 400 <= line.status < 500:
            limit = self._rejected_jobs if line.project else self._rejections
            if not limit.is_logged(line.status):
                return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
            self._process = self._process or os.getpid()
        self._lines.append(self._format(_without_secrets(line), self._process))

    def close(self) -> None:
        """Write everything that is not written yet, including summaries of rejected requests."""
        self._write()
        self._rejections.end_period()
        self._rejected_jobs.end_period()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        text = "".join(lines)
        while text:
            # Several processes may write to one pipe. Lines of at most this size are not mixed.
            fits = len(text) <= PIPE_BUF_BYTES
            end = len(text) if fits else text.rfind("\n", 0, PIPE_BUF_BYTES) + 1
            self._stream.write(text[: end or len(text)])
            self._stream.flush()
            text = text[end or len(text) :]


def _without_secrets(line: RequestLine) -> RequestLine:
    """The line without the secrets that clients may have sent. Searches all texts together."""
    texts = f"{line.path} {line.request_id} {line.assigned} {line.method}"
    if line.code:
        texts += f" {line.reason} {line.issuer} {line.project} {line.claim}"
    if redact_log(texts) == texts:
        return line
    return line._replace(
        path=redact_log(line.path),
        request_id=redact_log(line.request_id),
        assigned=redact_log(line.assigned),
        method=redact_log(line.method),
        reason=redact_log(line.reason),
        issuer=redact_log(line.issuer),
        project=redact_log(line.project),
        claim=redact_log(line.claim),
    )


def _json_line(line: RequestLine, process: int) -> str:
    principal = f', "principal": "{line.principal}"' if line.principal else ""
    account = f', "account": {line.account}' if line.account > 0 else ""
    assigned = f', "assigned": "{line.assigned}"' if line.assigned else ""
    end = ""
    if line.code:
        end = f', "code": "{line.code}"'
        end += "".join(f', "{name}": {value}' for name, value in _explanation(line))
    method, path = _quoted_request(line)
    return (
        f'{{"time": "{timestamp(line.at)}", "level": "{_LEVEL_NAMES[line.level]}", '
        f'"message": "request", "process": {process}, "request_id": "{line.request_id}", '
        f'"client": {encode_basestring_ascii(line.client)}{principal}{account}, '
        f'"method": {method}, "route": "{line.route}", "path": {path}, "status": {line.status}, '
        f'"duration_ms": {line.duration_ms:.1f}{assigned}{end}}}\n'
    )


def _text_line(line: RequestLine, process: int) -> str:
    method, path = _quoted_request(line)
    text = (
        f"{timestamp(line.at)} {_LEVEL_NAMES[line.level]}: {method[1:-1]} {path[1:-1]} "
        f"{line.status} {line.duration_ms:.1f} ms "
        f"client={encode_basestring_ascii(line.client)[1:-1]}"
    )
    if line.principal:
        text += f" principal={line.principal}"
    if line.account > 0:
        text += f" account={line.account}"
    text += f" request_id={line.request_id} process={process}"
    if line.assigned:
        text += f" assigned={line.assigned}"
    if line.code:
        text += f" code={line.code}"
        text += "".join(f" {name}={value}" for name, value in _explanation(line))
    return text + "\n"


def _quoted_request(line: RequestLine) -> tuple[str, str]:
    """Method and path as JSON strings."""
    return quoted(line.method, MAX_METHOD_CHARACTERS), quoted(line.path, MAX_PATH_CHARACTERS)


def _explanation(line: RequestLine) -> list[tuple[str, str]]:
    """The names and JSON strings of the members that explain an error."""
    members = (
        ("issuer", line.issuer, MAX_ISSUER_CHARACTERS),
        ("project", line.project, MAX_PROJECT_CHARACTERS),
        ("claim", line.claim, MAX_CLAIM_CHARACTERS),
        ("reason", line.reason, MAX_REASON_CHARACTERS),
    )
    return [(name, quoted(text, max_characters)) for name, text, max_characters in members if text]
