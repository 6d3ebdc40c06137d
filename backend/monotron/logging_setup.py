"""One line an event, to stderr: text for people, JSON for machines."""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TextIO

from monotron.redaction import redacted

PIPE_BUF = 4096
"""Bytes that a pipe takes in one piece (POSIX, `write`)."""


def set_up(log_format: str) -> str:
    """Let the root logger write to stderr as `auto`, `text` or `json` says; answers which."""
    if log_format == "auto":
        log_format = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextFormatter() if log_format == "text" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Both tell of every lost connection, which is their business and seldom ours.
    logging.getLogger("tornado").setLevel(logging.WARNING)
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    return log_format


def _time(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds * 1000) % 1000:03}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


class JsonFormatter(logging.Formatter):
    """`{"time": …, "level": …, "message": …}`, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """The same for a person: whatever is not printable ASCII is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        message = ascii(redacted(record.getMessage()))[1:-1]
        line = f"{_time(record.created)} {record.levelname.lower()}: {message}"
        if record.exc_info:
            line += "\n" + redacted(self.formatException(record.exc_info))
        return line


class RequestLog:
    """A line a request, all that one turn of the event loop brought in one write.

    Not by `logging`, which takes as long for a line as Tornado does to parse a request.
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
        by: str,
        gave: str,
    ) -> None:
        """*path* is as the client sent it, without the query; redacted and escaped here.

        *by* is the name of who asked, and *gave* the value or version that a write gave, or empty;
        they hold nothing to escape, as ids do not.
        """
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        time = _time(at)
        path, method = encode_basestring_ascii(redacted(path)), method[:16]
        if self._as_text:
            line = f"{time} {ascii(method)[1:-1]} {path[1:-1]} {status} {ms:.1f} ms {request_id} "
            line += f"{by or '-'} {gave or '-'}\n"
        else:
            line = (
                f'{{"time": "{time}", "level": "info", "message": "request", '
                f'"method": {encode_basestring_ascii(method)}, "path": {path}, '
                f'"status": {status}, "ms": {ms:.1f}, "request_id": "{request_id}", '
                f'"by": "{by}", "gave": "{gave}"}}\n'
            )
        self._lines.append(line)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        text = "".join(lines)
        while text:
            # Several processes may write to one pipe: what is no longer than this stays whole.
            end = len(text) if len(text) <= PIPE_BUF else text.rfind("\n", 0, PIPE_BUF) + 1
            self._stream.write(text[: end or len(text)])
            self._stream.flush()
            text = text[end or len(text) :]
