"""Logging to stderr, one line per event: text on a terminal, JSON otherwise."""

import json
import logging
import sys

from monotron.audit_log import AUDIT_LOGGER
from monotron.log_lines import as_text, timestamp
from monotron.redaction import redact_log

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
"""The values of the setting `log_level`. Lines with level `critical` are always written."""


def set_up(log_format: str, log_level: str = "info") -> str:
    """Configure the loggers for `auto`, `text` or `json`, and for one of `LEVELS`.

    Returns the format in use. Audit events are logged at every level.
    """
    if log_format == "auto":
        log_format = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextFormatter() if log_format == "text" else JsonFormatter())
    level = LEVELS[log_level]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Tornado and PyMongo log every lost connection at lower levels, which is rarely relevant.
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("monotron").setLevel(level)
    logging.getLogger(AUDIT_LOGGER).setLevel(logging.INFO)
    return log_format


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON in ASCII: `{"time": …, "level": …, "message": …, "process": …}`.

    The attribute `members` of a record contains further members.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "message": redact_log(record.getMessage()),
            "process": record.process,
            **getattr(record, "members", {}),
        }
        if record.exc_info:
            line["exception"] = redact_log(self.formatException(record.exc_info))
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """Formats a record as `TIME LEVEL: MESSAGE NAME=VALUE…`, and escapes all but printable ASCII.

    The attribute `members` of a record contains the names and values.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = ascii(redact_log(record.getMessage()))[1:-1]
        line = f"{timestamp(record.created)} {record.levelname.lower()}: {message}"
        line += as_text(getattr(record, "members", {}))
        if record.exc_info:
            line += "\n" + redact_log(self.formatException(record.exc_info))
        return line
