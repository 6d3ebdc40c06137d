"""No caller can use the whole server: concurrency, threads, and shares of limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest

from monotron.auth import concurrency
from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.auth.principal import Principal
from monotron.auth.rate_limit import share_of_account
from monotron.errors import TooManyRequests
from monotron.model.commit_rules import CommitRules
from monotron.model.conventional_commits import CommitDecision
from monotron.model.series import FIRST_ACCOUNT
from monotron.services.versions import MAX_PARSER_THREADS, MessageParser

RULES = CommitRules()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


def waiting(result: Awaitable[None] | None) -> asyncio.Future[None]:
    """Await in the background what `enter` returned."""
    assert result is not None
    return asyncio.ensure_future(result)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class TestConcurrencyLimiter:
    @pytest.fixture
    def _short_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(concurrency, "WAIT_SECONDS", 0.01)

    def test_requests_wait_in_order_until_others_end(self) -> None:
        async def scenario() -> None:
            limiter = ConcurrencyLimiter(2)
            assert limiter.enter("a") is None
            assert limiter.enter("a") is None
            first, second = waiting(limiter.enter("a")), waiting(limiter.enter("a"))
            await turns()
            assert not first.done()
            limiter.leave("a")
            await first
            assert not second.done()
            limiter.leave("a")
            await second
            for _ in range(2):
                limiter.leave("a")
            assert limiter.enter("a") is None
            assert limiter.enter("a") is None

        run(scenario())

    def test_callers_do_not_wait_for_each_other(self) -> None:
        limiter = ConcurrencyLimiter(1)
        assert [limiter.enter(caller) for caller in "abc"] == [None] * 3

    @pytest.mark.usefixtures("_short_wait")
    def test_a_request_that_waits_too_long_is_refused(self) -> None:
        async def scenario() -> None:
            limiter = ConcurrencyLimiter(1)
            assert limiter.enter("a") is None
            with pytest.raises(TooManyRequests, match=r"concurrent requests .*limit: 1\)"):
                await waiting(limiter.enter("a"))
            limiter.leave("a")
            assert limiter.enter("a") is None

        run(scenario())

    def test_a_request_that_is_cancelled_when_its_turn_comes_leaves_it_to_others(self) -> None:
        async def scenario() -> None:
            limiter = ConcurrencyLimiter(1)
            assert limiter.enter("a") is None
            first, second = waiting(limiter.enter("a")), waiting(limiter.enter("a"))
            await turns()
            limiter.leave("a")
            first.cancel()
            await asyncio.wait([first])
            assert first.cancelled()
            await second

        run(scenario())

    @pytest.mark.usefixtures("_short_wait")
    def test_nothing_is_remembered_about_callers_without_requests(self) -> None:
        async def scenario() -> None:
            limiter = ConcurrencyLimiter(1)
            for number in range(10):
                assert limiter.enter(str(number)) is None
                with pytest.raises(TooManyRequests):
                    await waiting(limiter.enter(str(number)))
                limiter.leave(str(number))
            assert not limiter._running
            assert not limiter._waiting

        run(scenario())

    def test_zero_is_unlimited(self) -> None:
        limiter = ConcurrencyLimiter(0)
        assert [limiter.enter("a") for _ in range(1000)] == [None] * 1000


class Parser:
    """A parser whose texts are read until `finish` is called, and the callers being read."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self._changed = threading.Condition()
        self._finished: set[str] = set()
        self.messages = MessageParser(self._parse)

    def _parse(self, text: str, rules: CommitRules) -> CommitDecision:
        with self._changed:
            self.started.append(text)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: text in self._finished, 30)
        if text == "bad":
            raise ValueError(text)
        return CommitDecision("minor", text)

    async def wait_for(self, number: int) -> None:
        """Wait until this number of texts have been started."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: len(self.started) >= number, 30)

        await asyncio.to_thread(wait)

    def finish(self, *texts: str) -> None:
        with self._changed:
            self._finished.update(texts)
            self._changed.notify_all()


class TestMessageParser:
    def test_one_text_of_each_caller_is_parsed_at_a_time(self) -> None:
        async def scenario() -> None:
            parser = Parser()
            texts = [(b"a1", "a"), (b"a2", "a"), (b"b1", "b")]
            results = [
                asyncio.ensure_future(parser.messages.parse(text, RULES, caller))
                for text, caller in texts
            ]
            await parser.wait_for(2)
            assert sorted(parser.started) == ["a1", "b1"]
            parser.finish("b1", "a1")
            await parser.wait_for(3)
            parser.finish("a2")
            assert [await each for each in results] == [
                CommitDecision("minor", text) for text in ("a1", "a2", "b1")
            ]

        run(scenario())

    def test_two_texts_are_parsed_at_a_time(self) -> None:
        async def scenario() -> None:
            parser = Parser()
            parses = [parser.messages.parse(text.encode(), RULES, text) for text in "abcd"]
            results = [asyncio.ensure_future(each) for each in parses]
            await parser.wait_for(MAX_PARSER_THREADS)
            assert len(parser.started) == MAX_PARSER_THREADS == 2
            parser.finish(*"abcd")
            await asyncio.gather(*results)

        run(scenario())

    def test_an_error_of_one_text_does_not_block_the_next_one(self) -> None:
        async def scenario() -> None:
            parser = Parser()
            parser.finish("bad", "x")
            with pytest.raises(ValueError, match="bad"):
                await parser.messages.parse(b"bad", RULES, "a")
            assert await parser.messages.parse(b"x", RULES, "a") == CommitDecision("minor", "x")

        run(scenario())

    def test_an_empty_text_is_not_parsed(self) -> None:
        async def scenario() -> None:
            parser = Parser()
            assert await parser.messages.parse(b"", RULES, "a") is None
            assert parser.started == []

        run(scenario())


@pytest.mark.parametrize(
    ("per_key", "per_account", "expected"),
    [(600, 6000, 600), (600, 1000, 500), (0, 6000, 3000), (600, 0, 600), (0, 0, 0), (600, 1, 1)],
)
def test_a_principal_can_use_half_of_the_limit_of_its_account(
    per_key: int, per_account: int, expected: int
) -> None:
    assert share_of_account(per_key, per_account) == expected


def test_a_principal_has_its_own_limits_by_default() -> None:
    assert Principal("key:a", FIRST_ACCOUNT, frozenset()).rate_limit_key == "key:a"
    shared = Principal("key:a", FIRST_ACCOUNT, frozenset(), rate_limit_key="shared")
    assert shared.rate_limit_key == "shared"
