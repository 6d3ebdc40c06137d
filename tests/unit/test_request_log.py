"""Request lines: length, secrets, rejected requests of strangers, reasons."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import Any

import pytest

from monotron.log_lines import PIPE_BUF_BYTES
from monotron.request_log import RequestLine, RequestLog

LINE = RequestLine(logging.INFO, 0, "GET", "/", "/", 200, 1.0, "id", "192.0.2.1")
SECRET = "mtk_k_AbCdEfGh_" + 36 * "S"


async def end_of_period() -> None:
    """Wait until everything that was scheduled after 0 s before has run."""
    ended = asyncio.Event()
    asyncio.get_running_loop().call_later(0, ended.set)
    await ended.wait()


def lines(*requests: dict[str, Any], **limits: Any) -> list[dict[str, Any]]:
    """The lines of these requests, after the end of the period for rejected requests."""
    stream = io.StringIO()

    async def scenario() -> None:
        log = RequestLog("json", stream, rejection_seconds=0, **limits)
        for request in requests:
            log.add(LINE._replace(**request))
        await end_of_period()

    asyncio.run(scenario())
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_long_path_is_shortened_to_300_characters() -> None:
    (line,) = lines({"path": "/v1/" + 16000 * "x"})
    assert line["path"] == "/v1/" + 293 * "x" + "..."
    assert len(line["path"]) == 300


def test_a_path_of_300_characters_is_complete() -> None:
    (line,) = lines({"path": 300 * "x"})
    assert line["path"] == 300 * "x"


@pytest.mark.parametrize("before", range(280, 305))
def test_a_secret_at_the_end_of_a_shortened_path_is_removed(before: int) -> None:
    (line,) = lines({"path": before * "/" + SECRET + 100 * "/"})
    assert "SS" not in line["path"]


@pytest.mark.parametrize(
    "member",
    ["path", "method", "request_id", "assigned", "reason", "issuer", "project", "claim"],
)
def test_no_member_contains_a_secret(member: str) -> None:
    (line,) = lines({"code": "forbidden", member: f"1.0.0-{SECRET}"})
    assert member in line
    assert "SS" not in json.dumps(line)


def test_a_reason_is_logged_if_there_is_one() -> None:
    rejected = {"status": 401, "code": "unauthenticated"}
    with_reason, without = lines({**rejected, "reason": 'a "b"'}, rejected)
    assert with_reason["reason"] == 'a "b"'
    assert "reason" not in without


def test_a_line_without_a_value_has_no_member_for_it() -> None:
    (line,) = lines({})
    assert line.keys() == {
        *("time", "level", "message", "process", "request_id", "client"),
        *("method", "route", "path", "status", "duration_ms"),
    }


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("character", ["x", "\0", "\xff", "\U0001f600"])
def test_the_longest_line_is_written_atomically(log_format: str, character: str) -> None:
    longest = LINE._replace(
        level=logging.WARNING,
        account=10**18 - 1,
        duration_ms=123456789.1,
        principal=128 * "p",
        request_id=64 * "i",
        client="fe80::ffff:ffff:ffff:ffff%interface-name-1",
        route="/v1/accounts/{account}/grants/{api_key}/rotate",
        assigned=256 * "9",
        code="unsupported_media_type",
    )._replace(
        **dict.fromkeys(
            ("path", "method", "reason", "issuer", "project", "claim"), 9999 * character
        )
    )
    stream = io.StringIO()

    async def scenario() -> None:
        RequestLog(log_format, stream).add(longest)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert len(stream.getvalue()) <= PIPE_BUF_BYTES
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().rstrip("\n").isprintable()


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
def test_a_line_below_the_level_of_the_log_is_omitted(level: int) -> None:
    levels = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR]
    logged = [line["level"] for line in lines(*({"level": each} for each in levels), level=level)]
    assert logged == ["debug", "info", "warning", "error"][levels.index(level) :]


class TestRejectedRequests:
    def test_more_rejections_than_the_limit_are_summarized(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        requests = [{"status": 401} for _ in range(20)] + [{"status": 404}, {"status": 401}] * 7
        assert len(lines(*requests)) == 20
        assert caplog.messages == [
            "14 more requests without valid credentials were rejected within 0 s (401: 7, 404: 7)"
        ]

    def test_as_many_rejections_as_the_limit_are_logged_without_a_summary(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert len(lines(*[{"status": 401}] * 5, max_rejections=5)) == 5
        assert not caplog.messages

    def test_strangers_do_not_hide_jobs_with_verified_tokens(self) -> None:
        stranger = {"status": 401, "code": "unauthenticated", "issuer": "https://ci.example.com"}
        job = {**stranger, "project": "acme/shop"}
        logged = lines(*[stranger] * 50, *[job] * 30)
        assert len([line for line in logged if "project" not in line]) == 20
        assert len([line for line in logged if "project" in line]) == 20

    @pytest.mark.parametrize(
        "request_",
        [{"status": 403, "principal": "key:a"}, {"status": 200}, {"status": 503}],
        ids=["with a principal", "accepted", "server error"],
    )
    def test_other_requests_are_always_logged(self, request_: dict[str, Any]) -> None:
        assert len(lines(*[request_] * 50, max_rejections=1)) == 50

    def test_the_limit_applies_to_each_period(self) -> None:
        stream = io.StringIO()

        async def scenario() -> None:
            log = RequestLog("text", stream, max_rejections=1, rejection_seconds=0)
            for _ in range(3):
                for _ in range(2):
                    log.add(LINE._replace(status=404))
                await end_of_period()

        asyncio.run(scenario())
        assert len(stream.getvalue().splitlines()) == 3
