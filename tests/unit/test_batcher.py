"""The batcher: which requests share a call, and whose error is raised to whom."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from monotron.errors import EntryNotFound, MonotronError, StoreUnavailable
from monotron.services.batcher import MAX_WAITING, WAIT_SECONDS, Batcher


class FakeStore:
    """Answers each request with itself once it may; records the batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_answer = threading.Event()
        self.called = threading.Semaphore(0)

    def begin(self, requests: Sequence[str]) -> Callable[[], list[str | MonotronError]]:
        return partial(self.call, requests)

    def call(self, requests: Sequence[str]) -> list[str | MonotronError]:
        self.batches.append(list(requests))
        self.called.release()
        self.may_answer.wait()
        if "all fail" in requests:
            raise StoreUnavailable("down")
        return [EntryNotFound(each) if each == "fails" else each for each in requests]


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def threads(store: FakeStore) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads
        store.may_answer.set()


@pytest.fixture
def batcher(store: FakeStore, threads: ThreadPoolExecutor) -> "Batcher[str, str]":
    return Batcher(store.begin, threads.submit, max_batch_size=3)


def test_a_single_request_is_served_immediately(
    store: FakeStore, threads: ThreadPoolExecutor
) -> None:
    begun: list[list[str]] = []

    def begin(requests: Sequence[str]) -> Callable[[], list[str | MonotronError]]:
        begun.append(list(requests))
        return store.begin(requests)

    store.may_answer.set()

    async def scenario() -> None:
        batcher: Batcher[str, str] = Batcher(begin, threads.submit, max_batch_size=3)
        for each in "ab":
            future = batcher.add(each)
            await asyncio.sleep(0)  # one turn of the loop
            assert begun[-1:] == [[each]]
            assert await future == each

    asyncio.run(scenario())
    assert store.batches == [["a"], ["b"]]


def test_an_idle_batcher_waits_briefly_after_a_batch_of_several_requests(
    store: FakeStore, batcher: "Batcher[str, str]"
) -> None:
    store.may_answer.set()

    async def add_in_successive_turns(names: str) -> None:
        futures = []
        for name in names:
            futures.append(batcher.add(name))
            await asyncio.sleep(0)  # one turn of the loop
        await asyncio.gather(*futures)

    async def scenario() -> None:
        await asyncio.gather(batcher.add("a"), batcher.add("b"))
        await add_in_successive_turns("cde")
        await add_in_successive_turns("f")
        await add_in_successive_turns("gh")

    asyncio.run(scenario())
    assert store.batches[:4] == [["a", "b"], ["c", "d", "e"], ["f"], ["g"]]


def test_requests_that_arrive_during_a_call_form_the_next_batches(
    store: FakeStore, batcher: "Batcher[str, str]"
) -> None:
    async def scenario() -> list[str]:
        futures = [batcher.add("a")]
        await asyncio.to_thread(store.called.acquire)
        futures += [batcher.add(each) for each in "bcdef"]
        await asyncio.sleep(0)
        assert store.batches == [["a"]]
        store.may_answer.set()
        return await asyncio.gather(*futures)

    assert asyncio.run(scenario()) == list("abcdef")
    assert store.batches == [["a"], ["b", "c", "d"], ["e", "f"]]


def test_the_work_after_a_batch_runs_once_its_callers_have_their_results(
    store: FakeStore, threads: ThreadPoolExecutor
) -> None:
    store.may_answer.set()
    answered, done = threading.Event(), threading.Event()

    def after() -> None:
        if answered.wait(10):
            done.set()

    async def scenario() -> None:
        batcher: Batcher[str, str] = Batcher(
            store.begin, threads.submit, max_batch_size=3, after=after
        )
        assert await batcher.add("a") == "a"
        answered.set()

    asyncio.run(scenario())
    assert done.wait(10)


def test_an_error_after_a_batch_is_logged_and_the_next_batch_is_served(
    store: FakeStore, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    store.may_answer.set()

    def after() -> None:
        raise ValueError("of no consequence")

    async def scenario() -> None:
        batcher: Batcher[str, str] = Batcher(
            store.begin, threads.submit, max_batch_size=3, after=after
        )
        assert [await batcher.add(each) for each in "abc"] == ["a", "b", "c"]

    asyncio.run(scenario())
    threads.shutdown()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "of no consequence"
    ] * 3


def test_an_error_among_the_results_is_raised_to_its_own_caller_only(
    store: FakeStore, batcher: "Batcher[str, str]"
) -> None:
    store.may_answer.set()

    async def scenario() -> None:
        futures = [batcher.add(each) for each in ("a", "fails", "b")]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert [str(each) for each in outcomes] == ["a", "fails", "b"]
        assert isinstance(outcomes[1], EntryNotFound)

    asyncio.run(scenario())


def test_a_failed_call_fails_its_own_batch_only(
    store: FakeStore, batcher: "Batcher[str, str]"
) -> None:
    store.may_answer.set()

    async def scenario() -> None:
        futures = [batcher.add(each) for each in ("a", "all fail", "b", "c")]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert [isinstance(each, StoreUnavailable) for each in outcomes] == [True] * 3 + [False]

    asyncio.run(scenario())


def test_a_call_that_cannot_begin_fails_its_own_batch_only(
    store: FakeStore, threads: ThreadPoolExecutor
) -> None:
    def begin(requests: Sequence[str]) -> Callable[[], list[str | MonotronError]]:
        if "cannot begin" in requests:
            raise StoreUnavailable("down")
        return store.begin(requests)

    store.may_answer.set()

    async def scenario() -> None:
        batcher: Batcher[str, str] = Batcher(begin, threads.submit, max_batch_size=2)
        outcomes = await asyncio.gather(
            *(batcher.add(each) for each in ("a", "cannot begin", "b")), return_exceptions=True
        )
        assert [isinstance(each, StoreUnavailable) for each in outcomes] == [True, True, False]

    asyncio.run(scenario())


def test_a_cancelled_request_does_not_affect_the_others_of_its_batch(
    store: FakeStore, batcher: "Batcher[str, str]"
) -> None:
    async def scenario() -> None:
        cancelled, other = batcher.add("a"), batcher.add("b")
        await asyncio.to_thread(store.called.acquire)
        cancelled.cancel()
        store.may_answer.set()
        assert await other == "b"

    asyncio.run(scenario())
    assert store.batches == [["a", "b"]]


def test_a_request_that_is_cancelled_while_it_waits_is_not_sent(
    store: FakeStore, batcher: "Batcher[str, str]"
) -> None:
    async def scenario() -> None:
        first = batcher.add("a")
        await asyncio.to_thread(store.called.acquire)
        cancelled, behind = batcher.add("b"), batcher.add("c")
        cancelled.cancel()
        store.may_answer.set()
        assert await first == "a"
        assert await behind == "c"
        assert await batcher.add("d") == "d"

    asyncio.run(scenario())
    assert store.batches == [["a"], ["c"], ["d"]]


def test_requests_are_refused_when_the_queue_is_full(
    store: FakeStore, threads: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        batcher: Batcher[str, str] = Batcher(store.begin, threads.submit, max_batch_size=1000)
        accepted = [batcher.add("a") for _ in range(MAX_WAITING)]
        with pytest.raises(StoreUnavailable) as error:
            batcher.add("b")
        assert error.value.applied == "no"
        store.may_answer.set()
        assert await asyncio.gather(*accepted) == ["a"] * MAX_WAITING
        assert await batcher.add("c") == "c"

    asyncio.run(scenario())
    full, rest = divmod(MAX_WAITING, 1000)
    assert [len(batch) for batch in store.batches] == [*[1000] * full, rest, 1]


def test_a_request_that_waits_too_long_is_refused_as_not_applied(
    store: FakeStore, batcher: "Batcher[str, str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        now = 2.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        first = batcher.add("first")
        await asyncio.to_thread(store.called.acquire)
        late = batcher.add("late")
        now += 0.5
        in_time = batcher.add("in time")
        now += WAIT_SECONDS
        store.may_answer.set()
        assert await first == "first"
        with pytest.raises(StoreUnavailable) as error:
            await late
        assert error.value.applied == "no"
        assert await in_time == "in time"

    asyncio.run(scenario())
    assert store.batches == [["first"], ["in time"]]
