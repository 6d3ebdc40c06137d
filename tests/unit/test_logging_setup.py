"""Log lines: their content, and what must never be in them."""

import asyncio
import io
import json
import logging

import pytest

from monotron.logging_setup import JsonFormatter, RequestLog, TextFormatter

HOSTILE = '/v1/series/\x1b[31m\r\n{"level": "error"}\u2028é"\\'


def logged(log_format: str, path: str, method: str = "PUT") -> str:
    stream = io.StringIO()

    async def scenario() -> None:
        RequestLog(log_format, stream).add(
            1795470106.457, method, path, 200, 1.26, "id-1", "key:a", "42"
        )
        await asyncio.sleep(0)

    asyncio.run(scenario())
    return stream.getvalue()


def test_a_request_is_one_line_of_json() -> None:
    assert json.loads(logged("json", "/v1/series/a/b")) == {
        "time": "2026-11-23T21:41:46.457Z",
        "level": "info",
        "message": "request",
        "method": "PUT",
        "path": "/v1/series/a/b",
        "status": 200,
        "ms": 1.3,
        "request_id": "id-1",
        "principal": "key:a",
        "assigned": "42",
    }


def test_a_request_is_one_line_of_text() -> None:
    line = logged("text", "/v1/series/a/b")
    assert line == "2026-11-23T21:41:46.457Z PUT /v1/series/a/b 200 1.3 ms id-1 key:a 42\n"


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
            log.add(0, "GET", f"/{number}", 200, 1, "id", "", "")
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
