"""Request lines: length, secrets, rejected requests of strangers, reasons."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from monotron.logging_setup import RequestLog

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
            entry = {"at": 0, "method": "GET", "path": "/", "status": 200, "ms": 1.0}
            log.add(**{**entry, "request_id": "id", "principal": "", "assigned": "", **request})
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


@pytest.mark.parametrize("member", ["path", "method", "request_id", "assigned", "reason"])
def test_no_member_contains_a_secret(member: str) -> None:
    (line,) = lines({member: f"1.0.0-{SECRET}"})
    assert "SS" not in json.dumps(line)


def test_a_reason_is_logged_if_there_is_one() -> None:
    with_reason, without = lines({"status": 401, "reason": 'a "b"'}, {"status": 401})
    assert with_reason["reason"] == 'a "b"'
    assert "reason" not in without


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
                    log.add(0, "GET", "/", 404, 1.0, "id", "", "")
                await end_of_period()

        asyncio.run(scenario())
        assert len(stream.getvalue().splitlines()) == 3
