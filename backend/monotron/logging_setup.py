"""Logging to stderr, one line per event: text on a terminal, JSON otherwise."""

import asyncio
import json
import logging
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TextIO

from monotron.redaction import redact_log

PIPE_BUF_BYTES = 4096
"""The maximum size of an atomic write to a pipe (POSIX, `write`)."""

MAX_PATH_CHARACTERS = 300
MAX_REASON_CHARACTERS = 300
MAX_METHOD_CHARACTERS = 16

MAX_REJECTIONS = 20
"""The number of rejected requests without a principal that are logged individually per second."""

log = logging.getLogger("monotron")


def set_up(log_format: str) -> str:
    """Configure the root logger for `auto`, `text` or `json`. Returns the format in use."""
    if log_format == "auto":
        log_format = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextFormatter() if log_format == "text" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Tornado and PyMongo log every lost connection at lower levels, which is rarely relevant.
    logging.getLogger("tornado").setLevel(logging.WARNING)
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    return log_format


def _rfc3339(seconds: float) -> str:
    """Format seconds since the epoch, with milliseconds. The whole seconds are cached."""
    return f"{_whole_seconds(int(seconds))}.{int(seconds * 1000) % 1000:03}Z"


@lru_cache(maxsize=2)
def _whole_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON in ASCII: `{"time": …, "level": …, "message": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "message": redact_log(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redact_log(self.formatException(record.exc_info))
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """Formats a record as `TIME LEVEL: MESSAGE`, and escapes all but printable ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        message = ascii(redact_log(record.getMessage()))[1:-1]
        line = f"{_rfc3339(record.created)} {record.levelname.lower()}: {message}"
        if record.exc_info:
            line += "\n" + redact_log(self.formatException(record.exc_info))
        return line


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


class RequestLog:
    """Writes one line per request. Requests of one turn of the event loop share one write.

    It does not use `logging`, which takes as long per line as Tornado takes to parse a request.
    """

    def __init__(
        self,
        log_format: str,
        stream: TextIO,
        *,
        max_rejections: int = MAX_REJECTIONS,
        rejection_seconds: float = 1.0,
    ) -> None:
        """Summarize more than *max_rejections* 4xx responses to strangers per period."""
        self._as_text = log_format == "text"
        self._stream = stream
        self._lines: list[str] = []
        self._rejections = RejectionLimit(max_rejections, rejection_seconds)

    def add(
        self,
        at: float,
        method: str,
        path: str,
        status: int,
        ms: float,
        request_id: str,
        principal: str,
        assigned: str,
        reason: str = "",
    ) -> None:
        """Log a request.

        *at* is its start in seconds since the epoch, *ms* its duration, and *path* the path as sent
        by the client, without the query. *reason* is why a sign-in was rejected, or empty. These
        texts are redacted, shortened and escaped here. The other texts need no escaping:
        *principal* is the name of the caller or empty, and *assigned* the value or version that a
        write assigned or empty.
        """
        if not principal and 400 <= status < 500 and not self._rejections.is_logged(status):
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        time = _rfc3339(at)
        path = _logged(path, MAX_PATH_CHARACTERS)
        method = _logged(method, MAX_METHOD_CHARACTERS)
        request_id, assigned = redact_log(request_id), redact_log(assigned)
        if self._as_text:
            line = f"{time} {method[1:-1]} {path[1:-1]} {status} {ms:.1f} ms {request_id} "
            line += f"{principal or '-'} {assigned or '-'}"
            line += f" {_logged(reason, MAX_REASON_CHARACTERS)}\n" if reason else "\n"
        else:
            ending = f', "reason": {_logged(reason, MAX_REASON_CHARACTERS)}' if reason else ""
            line = (
                f'{{"time": "{time}", "level": "info", "message": "request", '
                f'"method": {method}, "path": {path}, '
                f'"status": {status}, "ms": {ms:.1f}, "request_id": "{request_id}", '
                f'"principal": "{principal}", "assigned": "{assigned}"{ending}}}\n'
            )
        self._lines.append(line)

    def close(self) -> None:
        """Write everything that is not written yet, including the summary of rejected requests."""
        self._write()
        self._rejections.end_period()

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


def _logged(text: str, max_characters: int) -> str:
    """A text of the client as a JSON string in ASCII: without secrets, and shortened."""
    text = redact_log(text)
    if len(text) > max_characters:
        text = text[: max_characters - 3] + "..."
    return encode_basestring_ascii(text)
