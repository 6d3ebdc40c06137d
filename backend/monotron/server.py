"""The composition root: settings → store → domain → application → listen → drain."""

import asyncio
import gc
import logging
import signal
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from monotron import logs
from monotron.attributes import Attributes
from monotron.config import Settings
from monotron.errors import StartupError
from monotron.logs import RequestLog
from monotron.series import Series
from monotron.store import open_store
from monotron.versions import Versions
from monotron.web.app import MonotronApplication
from monotron.web.base import Handler

log = logging.getLogger("monotron")

DRAIN_SECONDS = 20.0
"""How long requests under way may take once the server is told to stop."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain. `StartupError` if it cannot start."""
    log_format = logs.set_up(settings.log_format)
    for warning in settings.warnings:
        log.warning(warning)
    asyncio.run(_serve(settings, RequestLog(log_format, sys.stderr)))


async def _serve(settings: Settings, request_log: RequestLog) -> None:
    store = open_store(settings.store)
    series = Series(store)
    try:
        application = MonotronApplication(
            series, Versions(store, series), Attributes(store, series), request_log
        )
        server = http_server(application)
        address = _listen(server, settings)
        stop = _stop_signal()
        log.info("listening on %s, store %s", address, settings.store_name)
        log.warning(
            "there are no credentials yet: whoever reaches %s may count, raise and delete",
            address,
        )
        print(f"Monotron listens on {address}", flush=True)
        # What start-up made stays, and a request leaves no cycles behind: the collector need not
        # look at it, nor as often as by default, with 64 requests under way.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        await stop.wait()
        log.info("draining")
        application.leaving = True
        await asyncio.sleep(settings.drain_delay)
        server.stop()
        try:
            await asyncio.wait_for(application.drain(), DRAIN_SECONDS)
        except TimeoutError:
            log.error("requests were still under way after %g s", DRAIN_SECONDS)
        await server.close_all_connections()
    finally:
        series.close()
    log.info("stopped")


def http_server(application: MonotronApplication) -> HTTPServer:
    """Tornado, bounded: sizes in bytes, times in seconds. No forms, gzip or forwarded headers."""
    return HTTPServer(
        application,
        xheaders=False,
        decompress_request=False,
        max_header_size=16384,
        max_body_size=Handler.largest_body,
        max_buffer_size=1 << 20,
        idle_connection_timeout=30,
    )


def _listen(server: HTTPServer, settings: Settings) -> str:
    host, port = settings.listen
    try:
        sockets = bind_sockets(port, host, backlog=1024)
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --listen; "
            "port 0 picks a free one."
        ) from error
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
