"""Several servers write one series at the same time: each of them makes progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from faults.tier import rounds
from support.server import Server

VALUES = rounds(short=1000, whole=5000)
CALLERS = 4
"""The number of callers of each server."""


@pytest.mark.parametrize(("servers", "min_share"), [(2, 1 / 4), (4, 1 / 16)])
def test_every_server_on_one_series_makes_progress(
    database_url: str, servers: int, min_share: float, report: Callable[[str], None]
) -> None:
    values: list[int] = []
    shares: Counter[int] = Counter()
    finished = Event()

    def request(server: Server, number: int, caller: int) -> None:
        with server.client() as client:
            count = 0
            while not finished.is_set():
                count += 1
                token = f"{number}-{caller}-{count}"
                response = client.request("PUT", f"/v1/series/shared/{token}?reuse=any")
                assert response.status == 200, response.text
                values.append(int(response.json()["value"]))
                shares[number] += 1
                if len(values) >= VALUES:
                    finished.set()

    with ExitStack() as stack:
        running = [stack.enter_context(Server(database_url)) for _ in range(servers)]
        with ThreadPoolExecutor(servers * CALLERS) as executor:
            callers = [
                executor.submit(request, server, number, caller)
                for number, server in enumerate(running)
                for caller in range(CALLERS)
            ]
            for each in callers:
                each.result()
    assert sorted(values) == list(range(1, len(values) + 1))
    parts = [shares[number] / len(values) for number in range(servers)]
    report(f"{servers} servers: shares {', '.join(f'{part:.2f}' for part in sorted(parts))}")
    assert min(parts) > min_share
