"""The bridge from the event loop to threads that wait for a store."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from monotron.errors import StoreUnavailable
from monotron.services import executor as executor_module
from monotron.services.executor import StoreExecutor, ThreadGroup


def threads_named(name: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith(f"{name}_")]


class TestThreadGroup:
    def test_a_call_returns_its_result_or_raises_its_exception(self) -> None:
        async def scenario() -> None:
            assert await group.run(lambda: "result") == "result"
            with pytest.raises(ZeroDivisionError):
                await group.run(lambda: 1 // 0)

        group = ThreadGroup(2, "answering")
        asyncio.run(scenario())
        group.close()

    def test_a_cancelled_caller_does_not_affect_later_calls(self) -> None:
        proceed = threading.Event()

        async def scenario() -> str:
            cancelled = group.run(proceed.wait)
            cancelled.cancel()
            failing = group.run(lambda: 1 // 0)
            failing.cancel()
            proceed.set()
            return await group.run(lambda: "still here")

        group = ThreadGroup(1, "cancelled")
        assert asyncio.run(scenario()) == "still here"
        group.close()

    def test_threads_are_started_on_demand_up_to_the_maximum(self) -> None:
        barrier = threading.Barrier(3)
        group = ThreadGroup(2, "counted")
        assert threads_named("counted") == []
        for _ in range(2):
            group.submit(barrier.wait)  # type: ignore[arg-type]  # its result is dropped
        barrier.wait(10)
        for _ in range(5):
            group.submit(lambda: None)
        # A server that ends without closing the group does not wait for its threads.
        assert [each.daemon for each in threads_named("counted")] == [True] * 2
        group.close()

    def test_closing_waits_for_all_submitted_calls(self) -> None:
        done: list[int] = []
        group = ThreadGroup(1, "closed")
        for number in range(100):
            group.submit(lambda number=number: done.append(number))  # type: ignore[misc]
        group.close()
        assert done == list(range(100))
        assert threads_named("closed") == []

    def test_the_threads_of_a_dropped_group_end(self) -> None:
        group = ThreadGroup(2, "dropped")
        group.submit(lambda: None)
        (thread,) = threads_named("dropped")
        del group
        gc.collect()
        thread.join(10)
        assert not thread.is_alive()


class TestStoreExecutor:
    def test_calls_run_with_their_arguments(self) -> None:
        async def scenario() -> int:
            return await executor.run(int, "ff", base=16)

        executor = StoreExecutor(1)
        assert asyncio.run(scenario()) == 255
        executor.close()

    def test_no_more_calls_run_at_a_time_than_allowed(self) -> None:
        running, most = 0, 0
        lock = threading.Lock()
        both = threading.Barrier(2)

        def call() -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            both.wait(10)
            with lock:
                running -= 1

        async def scenario() -> None:
            await asyncio.gather(*(executor.run(call) for _ in range(6)))

        executor = StoreExecutor(2)
        asyncio.run(scenario())
        executor.close()
        assert most == 2

    def test_a_call_is_refused_if_no_thread_becomes_free_in_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(executor_module, "WAIT_SECONDS", 0.01)
        proceed = threading.Event()

        async def scenario() -> None:
            first = asyncio.ensure_future(executor.run(proceed.wait))
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable) as error:
                await executor.run(lambda: None)
            assert error.value.applied == "no"
            proceed.set()
            assert await first

        executor = StoreExecutor(1)
        asyncio.run(scenario())
        executor.close()

    def test_the_thread_of_a_cancelled_caller_is_busy_until_its_call_ends(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proceed, started = threading.Event(), threading.Event()

        def call() -> None:
            started.set()
            proceed.wait()

        async def scenario() -> None:
            caller = asyncio.ensure_future(executor.run(call))
            await asyncio.to_thread(started.wait)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            monkeypatch.setattr(executor_module, "WAIT_SECONDS", 0.01)
            with pytest.raises(StoreUnavailable):
                await executor.run(lambda: None)
            monkeypatch.undo()
            proceed.set()
            assert await executor.run(lambda: "free again") == "free again"

        executor = StoreExecutor(1)
        asyncio.run(scenario())
        executor.close()

    @pytest.mark.parametrize("turns", range(6))
    def test_a_caller_can_be_cancelled_while_a_thread_becomes_free(self, turns: int) -> None:
        proceed = threading.Event()
        calls: list[str] = []

        async def scenario() -> None:
            first = asyncio.ensure_future(executor.run(proceed.wait))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(executor.run(calls.append, "second"))
            await asyncio.sleep(0)
            proceed.set()
            await first
            for _ in range(turns):
                await asyncio.sleep(0)
            is_cancelled = second.cancel()  # false: it has ended
            await asyncio.wait([second])
            assert second.cancelled() is is_cancelled
            await executor.run(calls.append, "third")
            assert calls[-1] == "third"

        executor = StoreExecutor(1)
        asyncio.run(scenario())
        executor.close()

    def test_probes_and_batches_run_while_all_calls_are_blocked(self) -> None:
        proceed, batch_ran = threading.Event(), threading.Event()
        started = threading.Semaphore(0)

        def call() -> bool:
            started.release()
            return proceed.wait()

        async def scenario() -> None:
            blocked = [asyncio.ensure_future(executor.run(call)) for _ in range(3)]
            for _ in range(2):
                await asyncio.to_thread(started.acquire)
            assert await executor.probe(lambda: "ready") == "ready"
            executor.batch_thread("batch")(batch_ran.set)
            assert batch_ran.wait(10)
            proceed.set()
            await asyncio.gather(*blocked)

        executor = StoreExecutor(2)
        asyncio.run(scenario())
        executor.close()

    def test_a_batch_does_not_wait_for_those_of_other_batchers(self) -> None:
        batchers = 5
        all_of_them = threading.Barrier(batchers + 1)
        executor = StoreExecutor(1)
        for _ in range(batchers):
            batch_thread = executor.batch_thread("batch")
            batch_thread(all_of_them.wait)  # type: ignore[arg-type]  # its result is dropped
        all_of_them.wait(10)
        executor.close()
