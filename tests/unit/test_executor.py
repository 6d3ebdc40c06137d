"""Threads that wait for a store: when they begin, what they answer, how they end."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from monotron.services.executor import StoreExecutor


def named(name: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith(f"{name}_")]


def test_a_call_returns_what_it_returns_and_raises_what_it_raises() -> None:
    async def scenario() -> None:
        assert await threads.call(lambda: "answer") == "answer"
        with pytest.raises(ZeroDivisionError):
            await threads.call(lambda: 1 // 0)

    threads = StoreExecutor(2, "answering")
    asyncio.run(scenario())
    threads.close()


def test_a_caller_that_is_gone_does_no_harm() -> None:
    go_on = threading.Event()

    async def scenario() -> str:
        gone = threads.call(go_on.wait)
        gone.cancel()
        failing = threads.call(lambda: 1 // 0)
        failing.cancel()
        go_on.set()
        return await threads.call(lambda: "still here")

    threads = StoreExecutor(1, "cancelled")
    assert asyncio.run(scenario()) == "still here"
    threads.close()


def test_there_are_no_more_than_needed_and_no_more_than_allowed() -> None:
    together = threading.Barrier(3)
    threads = StoreExecutor(2, "counted")
    assert named("counted") == []
    for _ in range(2):
        threads.submit(together.wait)  # type: ignore[arg-type]  # what it returns is dropped
    together.wait(10)
    for _ in range(5):
        threads.submit(lambda: None)
    assert len(named("counted")) == 2
    threads.close()


def test_closing_waits_for_what_was_given() -> None:
    done: list[int] = []
    threads = StoreExecutor(1, "closed")
    for number in range(100):
        threads.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    threads.close()
    assert done == list(range(100))
    assert named("closed") == []


def test_threads_end_with_whoever_had_them() -> None:
    threads = StoreExecutor(2, "dropped")
    threads.submit(lambda: None)
    (thread,) = named("dropped")
    del threads
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
