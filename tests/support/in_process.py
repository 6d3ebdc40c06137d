"""A server in the process of the test, on an empty store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tornado.netutil import bind_sockets

from monotron.auth.trust_schema import configured_issuers
from monotron.composition import build_services
from monotron.config import Settings
from monotron.metrics import Metrics
from monotron.request_log import RequestLog
from monotron.services.executor import StoreExecutor
from monotron.store import open_store
from monotron.web.app import make_app
from monotron.web.connections import ListeningServer
from monotron.web.services import Services


class InProcess(NamedTuple):
    services: Services
    port: int


@asynccontextmanager
async def serving(
    *, env: Mapping[str, str] | None = None, request_log: RequestLog | None = None, **limits: Any
) -> AsyncIterator[InProcess]:
    """Serve an empty store with the settings of *env*, and *limits* of `ListeningServer`."""
    store = open_store("sqlite://")
    executor = StoreExecutor(store.max_concurrency)
    settings = Settings.load({}, env or {})
    issuers = configured_issuers(settings.issuers)
    services = await build_services(
        settings, issuers, store, executor, Metrics(), request_log, lambda created: None
    )
    (socket,) = bind_sockets(0, "127.0.0.1")
    port = socket.getsockname()[1]
    server = ListeningServer(make_app(services), [socket], **limits)
    try:
        yield InProcess(services, port)
    finally:
        await server.close()
        executor.close()
        store.close()
