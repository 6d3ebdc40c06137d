"""The check whether the store accepts writes."""

from __future__ import annotations

import asyncio

import pytest

from monotron.errors import StoreUnavailable
from monotron.web.lifecycle import StoreProbe
from support.asyncio_log import logged_by_asyncio


def test_a_store_that_does_not_respond_in_time_is_unavailable() -> None:
    async def scenario() -> None:
        responds = asyncio.Event()

        async def ping() -> None:
            await responds.wait()

        probe = StoreProbe(ping)
        assert isinstance(await probe.problem(0.01), StoreUnavailable)
        responds.set()
        assert await probe.problem(30) is None

    asyncio.run(scenario())


def test_an_error_after_the_time_limit_is_not_logged_by_asyncio() -> None:
    async def scenario() -> None:
        responds = asyncio.Event()

        async def ping() -> None:
            await responds.wait()
            raise StoreUnavailable("The store has no primary.")

        assert isinstance(await StoreProbe(ping).problem(0.01), StoreUnavailable)
        responds.set()

    assert logged_by_asyncio(scenario) == []


@pytest.mark.parametrize("turns", range(6))
def test_a_caller_can_be_cancelled_while_the_check_ends(turns: int) -> None:
    async def scenario() -> None:
        responds = asyncio.Event()

        async def ping() -> None:
            await responds.wait()

        caller = asyncio.ensure_future(StoreProbe(ping).problem(30))
        for _ in range(5):
            await asyncio.sleep(0)
        responds.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        is_cancelled = caller.cancel()  # false: it has ended
        await asyncio.wait([caller])
        assert caller.cancelled() is is_cancelled

    asyncio.run(scenario())
