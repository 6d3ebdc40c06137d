"""The application, served for the duration of a block in the caller's own process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from monotron.config import Settings
from monotron.errors import StartupError
from monotron.listen_address import Address
from monotron.server import running
from support.http import Client, Response, basic

ROOT = basic("root", "correct-horse-battery")


def settings(path: Path) -> Settings:
    loaded = Settings.load({"store": f"sqlite:///{path}/monotron.db"}, {})
    return replace(
        loaded,
        listen=Address("127.0.0.1", 0),
        root_api_key="root",
        root_api_secret="correct-horse-battery",
    )


def put(address: str, authorization: str | None = None) -> Response:
    with Client(address, authorization=authorization) as client:
        return client.request("PUT", "/v1/series/web/a?reuse=any")


def test_the_application_is_served_for_the_duration_of_a_block(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, Response, Response]:
        async with running(settings(tmp_path)) as address:
            refused = await asyncio.to_thread(put, address)
            response = await asyncio.to_thread(put, address, ROOT)
        return address, refused, response

    address, refused, response = asyncio.run(scenario())
    assert refused.status == 401
    assert response.json()["value"] == 1
    with pytest.raises(ConnectionRefusedError):
        put(address, ROOT)


def test_the_store_is_released_at_the_end_of_the_block(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        values = []
        for _ in range(2):
            async with running(settings(tmp_path)) as address:
                response = await asyncio.to_thread(put, address, ROOT)
                values.append(response.json()["value"])
        return values

    assert asyncio.run(scenario()) == [1, 1]


def test_a_store_in_use_is_a_startup_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monotron.store.sqlite.connection.LOCK_SECONDS", 0.1)

    async def scenario() -> None:
        async with running(settings(tmp_path)), running(settings(tmp_path)):
            pass

    with pytest.raises(StartupError):
        asyncio.run(scenario())
