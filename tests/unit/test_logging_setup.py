"""Log lines: their content, and what must never be in them."""

import asyncio
import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
from pymongo.errors import AutoReconnect

from monotron.audit_log import AUDIT_LOGGER
from monotron.logging_setup import LEVELS, JsonFormatter, TextFormatter, set_up
from monotron.request_log import RequestLine, RequestLog
from monotron.store.mongo.client import connect

HOSTILE = '/v1/series/\x1b[31m\r\n{"level": "error"}\u2028é"\\'


def logged(log_format: str, path: str, method: str = "PUT") -> str:
    stream = io.StringIO()

    async def scenario() -> None:
        RequestLog(log_format, stream).add(
            RequestLine(
                *(logging.INFO, 1795470106.457, method, "/v1/series/{key}/{token}", path),
                *(200, 1.26, "id-1", "192.0.2.1", "key:a", 1, "42"),
            )
        )
        await asyncio.sleep(0)

    asyncio.run(scenario())
    return stream.getvalue()


def test_a_request_is_one_line_of_json() -> None:
    assert json.loads(logged("json", "/v1/series/a/b")) == {
        "time": "2026-11-23T21:41:46.457Z",
        "level": "info",
        "message": "request",
        "process": os.getpid(),
        "request_id": "id-1",
        "client": "192.0.2.1",
        "principal": "key:a",
        "account": 1,
        "method": "PUT",
        "route": "/v1/series/{key}/{token}",
        "path": "/v1/series/a/b",
        "status": 200,
        "duration_ms": 1.3,
        "assigned": "42",
    }


def test_a_request_is_one_line_of_text() -> None:
    assert logged("text", "/v1/series/a/b") == (
        "2026-11-23T21:41:46.457Z info: PUT /v1/series/a/b 200 1.3 ms client=192.0.2.1 "
        f"principal=key:a account=1 request_id=id-1 process={os.getpid()} assigned=42\n"
    )


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_hostile_path_stays_one_printable_line(log_format: str) -> None:
    for line in (logged(log_format, HOSTILE), logged(log_format, "/", method=HOSTILE)):
        assert line.count("\n") == 1
        assert line.rstrip("\n").isprintable()
        assert line.isascii()


def test_a_hostile_path_can_be_read_from_json() -> None:
    assert json.loads(logged("json", HOSTILE))["path"] == HOSTILE


def test_requests_of_one_turn_of_the_event_loop_share_one_write() -> None:
    writes = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    async def scenario() -> None:
        log = RequestLog("text", Stream())
        for number in range(3):
            log.add(RequestLine(logging.INFO, 0, "GET", "/", f"/{number}", 200, 1, "id", "::1"))
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert len(writes) == 1
    assert writes[0].count("\n") == 3


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_message_stays_one_printable_line(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("monotron", logging.ERROR, "", 0, "key %r", (HOSTILE,), None)
    line = formatter.format(record)
    assert line.isprintable()
    assert line.isascii()


SECRET, IDENTITY_TOKEN = "mtk_k_AbCdEfGh_" + 36 * "S", "eyJhbGciOi.eyJzdWIi.c2ln-bmF0_dXJl"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_messages_and_stack_traces_contain_no_secrets(formatter: logging.Formatter) -> None:
    try:
        raise KeyError(f"{SECRET} {IDENTITY_TOKEN}")
    except KeyError as error:
        failed = (KeyError, error, error.__traceback__)
    record = logging.LogRecord(
        "monotron", logging.ERROR, "", 0, "%s", (f"{SECRET}, {IDENTITY_TOKEN}",), failed
    )
    line = formatter.format(record)
    assert line.count("mtk_k_AbCdEfGh_***") >= 2
    assert SECRET not in line
    assert IDENTITY_TOKEN not in line


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_logged_paths_contain_no_secrets(log_format: str) -> None:
    line = logged(log_format, f"/v1/series/{SECRET}/{IDENTITY_TOKEN}")
    assert "/v1/series/mtk_k_AbCdEfGh_***/eyJ***" in line


@pytest.fixture
def _restored_loggers() -> Iterator[None]:
    """`set_up` may change all loggers."""
    loggers = [logging.getLogger(name) for name in (None, "monotron", AUDIT_LOGGER)]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.usefixtures("_restored_loggers")
@pytest.mark.parametrize("log_level", LEVELS)
def test_lines_below_the_log_level_are_omitted_except_audit_events(
    log_level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("json", log_level)
    for name, level in LEVELS.items():
        logging.getLogger("monotron.auth").log(level, "%s of monotron", name)
        logging.getLogger("tornado.general").log(level, "%s of tornado", name)
        logging.getLogger("asyncio").log(level, "%s of asyncio", name)
    logging.getLogger(AUDIT_LOGGER).info("audit")
    messages = [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    levels = list(LEVELS)[list(LEVELS).index(log_level) :]
    others = [level for level in levels if level in ("warning", "error")]
    expected = [f"{level} of monotron" for level in levels]
    expected += [f"{level} of {name}" for level in others for name in ("tornado", "asyncio")]
    assert sorted(messages) == sorted([*expected, "audit"])


def test_the_members_of_a_record_are_members_of_json_and_pairs_of_text() -> None:
    record = logging.LogRecord("monotron", logging.INFO, "", 0, "audit", None, None)
    record.members = {"account": 1, "subject_id": HOSTILE, "client": "::1", "granted": {"a": [1]}}
    line = JsonFormatter().format(record)
    assert json.loads(line).items() >= record.members.items()
    assert line.isprintable()
    line = TextFormatter().format(record)
    assert line.endswith(
        f'info: audit account=1 subject_id={json.dumps(HOSTILE)} client=::1 granted={{"a": [1]}}'
    )
    assert line.isprintable()


def test_every_line_of_json_names_its_process() -> None:
    record = logging.LogRecord("monotron", logging.INFO, "", 0, "stopped", None, None)
    assert json.loads(JsonFormatter().format(record))["process"] == os.getpid()


@pytest.mark.usefixtures("_restored_loggers")
@pytest.mark.parametrize(
    ("error", "has_traceback"), [(AutoReconnect("cancelled"), False), (ValueError("x"), True)]
)
def test_errors_of_background_tasks_of_the_driver_are_one_line(
    error: Exception, has_traceback: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    connect("mongodb://127.0.0.1:1/monotron").client.close()
    set_up("json")
    logging.getLogger("pymongo.client").error("failed:", exc_info=error)
    line = json.loads(capsys.readouterr().err)
    assert ("exception" in line) == has_traceback
    if not has_traceback:
        assert line["level"] == "warning"
        assert line["message"] == "a background task of MongoDB's driver failed: cancelled"


@pytest.mark.usefixtures("_restored_loggers")
def test_the_level_error_omits_errors_of_background_tasks_of_the_driver(
    capsys: pytest.CaptureFixture[str],
) -> None:
    connect("mongodb://127.0.0.1:1/monotron").client.close()
    set_up("json", "error")
    logger = logging.getLogger("pymongo.client")
    logger.error("failed:", exc_info=AutoReconnect("cancelled"))
    logger.error("shown")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == [
        "shown"
    ]
