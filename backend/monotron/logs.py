"""One line an event, to stderr: text for people, JSON for machines."""

import json
import logging
import sys
from datetime import UTC, datetime


def set_up(log_format: str) -> None:
    """Let the root logger write lines of *log_format* (`auto`, `text` or `json`) to stderr."""
    if log_format == "auto":
        log_format = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextFormatter() if log_format == "text" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Tornado tells of every malformed request and of its own access log: not worth a line each.
    logging.getLogger("tornado").setLevel(logging.WARNING)
    logging.getLogger("pymongo").setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class JsonFormatter(logging.Formatter):
    """`{"time": …, "level": …, "message": …}` and, for a request, its fields. All in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        request = record.__dict__.get("request")
        if request is not None:
            line.update(request)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """The same for a person: whatever is not printable ASCII in a path or message is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        request = record.__dict__.get("request")
        if request is not None:
            message = "{method} {path} {status} {ms} ms {request_id}".format(**request)
        else:
            message = f"{record.levelname.lower()}: {record.getMessage()}"
        line = f"{_time(record)} {ascii(message)[1:-1]}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line
