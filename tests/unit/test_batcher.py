"""Lanes: what waits together, what does not, and whose error is whose."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from monotron.errors import EntryNotFound, MonotronError, StoreUnavailable
from monotron.services import batcher as batching
from monotron.services.batcher import Batcher
from monotron.services.executor import StoreExecutor


class Store:
    """Answers each request with itself, when it is let; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_answer = threading.Event()
        self.called = threading.Semaphore(0)

    def call(self, requests: Sequence[str]) -> list[str | MonotronError]:
        self.batches.append(list(requests))
        self.called.release()
        self.may_answer.wait()
        if "all fail" in requests:
            raise StoreUnavailable("down")
        return [EntryNotFound(each) if each == "fails" else each for each in requests]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def lanes(store: Store) -> Iterator["Batcher[str, str]"]:
    with ThreadPoolExecutor(4) as executor:
        yield Batcher(
            lambda requests: partial(store.call, requests),
            executor.submit,
            max_batch_size=3,
            max_concurrency=4,
        )
        store.may_answer.set()


def test_a_request_that_comes_alone_is_served_at_once(
    store: Store, lanes: "Batcher[str, str]"
) -> None:
    store.may_answer.set()

    async def scenario() -> None:
        assert await lanes.ask("lane", "a") == "a"
        assert await lanes.ask("lane", "b") == "b"

    asyncio.run(scenario())
    assert store.batches == [["a"], ["b"]]


def test_a_lane_waits_for_company_once_it_had_some(
    store: Store, lanes: "Batcher[str, str]"
) -> None:
    store.may_answer.set()

    async def ask_in_turn(names: str) -> None:
        answers = []
        for name in names:
            answers.append(lanes.ask("lane", name))
            await asyncio.sleep(0)  # a turn of the loop
        await asyncio.gather(*answers)

    async def scenario() -> None:
        await asyncio.gather(lanes.ask("lane", "a"), lanes.ask("lane", "b"))
        await ask_in_turn("cde")
        await ask_in_turn("f")
        await ask_in_turn("gh")

    asyncio.run(scenario())
    assert store.batches[:4] == [["a", "b"], ["c", "d", "e"], ["f"], ["g"]]


def test_what_arrives_during_a_call_forms_the_next_batch(
    store: Store, lanes: "Batcher[str, str]"
) -> None:
    async def scenario() -> list[str]:
        answers = [lanes.ask("lane", "a")]
        await asyncio.to_thread(store.called.acquire)
        answers += [lanes.ask("lane", each) for each in "bcdef"]
        store.may_answer.set()
        return await asyncio.gather(*answers)

    assert asyncio.run(scenario()) == list("abcdef")
    assert store.batches == [["a"], ["b", "c", "d"], ["e", "f"]]


def test_what_can_wait_is_done_once_the_callers_have_their_answers(store: Store) -> None:
    store.may_answer.set()
    answered, done = threading.Event(), threading.Event()

    def afterwards() -> None:
        if answered.wait(10):
            done.set()

    async def scenario(submit: Callable[[Callable[[], None]], object]) -> None:
        lanes: Batcher[str, str] = Batcher(
            lambda requests: partial(store.call, requests),
            submit,
            max_batch_size=3,
            max_concurrency=4,
            afterwards=afterwards,
        )
        assert await lanes.ask("lane", "a") == "a"
        answered.set()

    with ThreadPoolExecutor(4) as executor:
        asyncio.run(scenario(executor.submit))
    assert done.is_set()


def test_what_can_wait_may_fail_and_the_next_is_served(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.may_answer.set()

    def afterwards() -> None:
        raise ValueError("of no consequence")

    async def scenario(submit: Callable[[Callable[[], None]], object]) -> None:
        lanes: Batcher[str, str] = Batcher(
            lambda requests: partial(store.call, requests),
            submit,
            max_batch_size=3,
            max_concurrency=1,
            afterwards=afterwards,
        )
        assert [await lanes.ask("lane", each) for each in "abc"] == ["a", "b", "c"]

    threads = StoreExecutor(1, "step")
    asyncio.run(scenario(threads.submit))
    threads.close()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "of no consequence"
    ] * 3


def test_lanes_do_not_wait_for_each_other(store: Store, lanes: "Batcher[str, str]") -> None:
    async def scenario() -> None:
        answers = [lanes.ask(lane, lane) for lane in "ab"]
        for _ in answers:  # both are under way before either is answered
            await asyncio.to_thread(store.called.acquire)
        store.may_answer.set()
        assert await asyncio.gather(*answers) == ["a", "b"]

    asyncio.run(scenario())


def test_an_error_in_an_answers_place_is_its_own(store: Store, lanes: "Batcher[str, str]") -> None:
    store.may_answer.set()

    async def scenario() -> None:
        answers = [lanes.ask("lane", each) for each in ("a", "fails", "b")]
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        assert [str(each) for each in outcomes] == ["a", "fails", "b"]
        assert isinstance(outcomes[1], EntryNotFound)

    asyncio.run(scenario())


def test_a_call_that_fails_fails_its_batch_and_not_the_next(
    store: Store, lanes: "Batcher[str, str]"
) -> None:
    store.may_answer.set()

    async def scenario() -> None:
        answers = [lanes.ask("lane", each) for each in ("a", "all fail", "b", "c")]
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        assert [isinstance(each, StoreUnavailable) for each in outcomes] == [True] * 3 + [False]

    asyncio.run(scenario())


def test_a_call_that_cannot_be_started_fails_its_batch_and_not_the_next(store: Store) -> None:
    def start(requests: Sequence[str]) -> Callable[[], list[str | MonotronError]]:
        if "cannot start" in requests:
            raise StoreUnavailable("down")
        return partial(store.call, requests)

    store.may_answer.set()

    async def scenario(lanes: "Batcher[str, str]") -> None:
        outcomes = await asyncio.gather(
            *(lanes.ask("lane", each) for each in ("a", "cannot start", "b")),
            return_exceptions=True,
        )
        assert [isinstance(each, StoreUnavailable) for each in outcomes] == [True, True, False]

    with ThreadPoolExecutor(1) as executor:
        asyncio.run(scenario(Batcher(start, executor.submit, max_batch_size=2, max_concurrency=1)))


def test_a_caller_that_gives_up_does_not_disturb_its_neighbours(
    store: Store, lanes: "Batcher[str, str]"
) -> None:
    async def scenario() -> None:
        gives_up, stays = lanes.ask("lane", "a"), lanes.ask("lane", "b")
        await asyncio.to_thread(store.called.acquire)
        gives_up.cancel()
        store.may_answer.set()
        assert await stays == "b"

    asyncio.run(scenario())
    assert store.batches == [["a", "b"]]


def test_a_lane_that_is_idle_is_forgotten(store: Store, lanes: "Batcher[str, str]") -> None:
    store.may_answer.set()

    async def scenario() -> None:
        await asyncio.gather(*(lanes.ask(lane, "a") for lane in range(100)))

    asyncio.run(scenario())
    assert lanes._lanes == {}
    assert lanes._waiting == 0


def test_more_than_may_wait_are_told_to_come_again(
    store: Store, lanes: "Batcher[str, str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 2)

    async def scenario() -> None:
        taken = [lanes.ask("lane", each) for each in "ab"]
        with pytest.raises(StoreUnavailable) as error:
            lanes.ask("lane", "c")
        assert error.value.applied == "no"
        store.may_answer.set()
        assert await asyncio.gather(*taken) == ["a", "b"]

    asyncio.run(scenario())


def test_lanes_take_turns_where_the_store_gains_from_no_more_calls(store: Store) -> None:
    async def scenario(lanes: "Batcher[str, str]") -> None:
        answers = [lanes.ask(lane, lane) for lane in "abc"]
        await asyncio.to_thread(store.called.acquire)
        assert store.batches == [["a"]]
        store.may_answer.set()
        assert await asyncio.gather(*answers) == ["a", "b", "c"]

    with ThreadPoolExecutor(4) as executor:
        lanes = Batcher[str, str](
            lambda requests: partial(store.call, requests),
            executor.submit,
            max_batch_size=3,
            max_concurrency=1,
        )
        asyncio.run(scenario(lanes))
    assert store.batches == [["a"], ["b"], ["c"]]


def test_a_request_whose_turn_comes_too_late_is_told_that_it_was_not_taken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(lanes: "Batcher[str, str]") -> None:
        first, late = lanes.ask("a", "first"), lanes.ask("b", "late")
        await asyncio.to_thread(store.called.acquire)
        monkeypatch.setattr(batching, "WAIT_SECONDS", 0)
        store.may_answer.set()
        assert await first == "first"
        with pytest.raises(StoreUnavailable) as error:
            await late
        assert error.value.applied == "no"

    with ThreadPoolExecutor(1) as executor:
        lanes = Batcher[str, str](
            lambda requests: partial(store.call, requests),
            executor.submit,
            max_batch_size=3,
            max_concurrency=1,
        )
        asyncio.run(scenario(lanes))
    assert store.batches == [["first"]]
