"""A server of its own, since tests compare everything that it stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.raw_requests import SeriesProbe
from support.server import Client, Server


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """A server without credentials, shared by the modules of this package."""
    with Server("sqlite://") as server:
        yield server
        assert server.running
    assert "Traceback" not in server.log()


@pytest.fixture
def series(client: Client, fresh_key: str) -> Iterator[SeriesProbe]:
    """A series at 1, which is deleted after the test."""
    yield SeriesProbe(client, fresh_key)
    client.request("DELETE", f"/v1/series/{fresh_key}?restart=true")
