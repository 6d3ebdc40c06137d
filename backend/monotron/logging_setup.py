"""Logging to stderr, one line per event: text on a terminal, JSON otherwise."""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TextIO

from monotron.redaction import redact

PIPE_BUF_BYTES = 4096
"""The maximum size of an atomic write to a pipe (POSIX, `write`)."""


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
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """Formats a record as `TIME LEVEL: MESSAGE`, and escapes all but printable ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        message = ascii(redact(record.getMessage()))[1:-1]
        line = f"{_rfc3339(record.created)} {record.levelname.lower()}: {message}"
        if record.exc_info:
            line += "\n" + redact(self.formatException(record.exc_info))
        return line


class RequestLog:
    """Writes one line per request. Requests of one turn of the event loop share one write.

    It does not use `logging`, which takes as long per line as Tornado takes to parse a request.
    """

    def __init__(self, log_format: str, stream: TextIO) -> None:
        self._as_text = log_format == "text"
        self._stream = stream
        self._lines: list[str] = []

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
    ) -> None:
        """Log a request.

        *at* is its start in seconds since the epoch, *ms* its duration, and *path* the path as sent
        by the client, without the query. Path and method are redacted and escaped here. The other
        texts need no escaping: *principal* is the name of the caller or empty, and *assigned* the
        value or version that a write assigned or empty.
        """
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        time = _rfc3339(at)
        path, method = encode_basestring_ascii(redact(path)), method[:16]
        if self._as_text:
            line = f"{time} {ascii(method)[1:-1]} {path[1:-1]} {status} {ms:.1f} ms {request_id} "
            line += f"{principal or '-'} {assigned or '-'}\n"
        else:
            line = (
                f'{{"time": "{time}", "level": "info", "message": "request", '
                f'"method": {encode_basestring_ascii(method)}, "path": {path}, '
                f'"status": {status}, "ms": {ms:.1f}, "request_id": "{request_id}", '
                f'"principal": "{principal}", "assigned": "{assigned}"}}\n'
            )
        self._lines.append(line)

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
