"""Startup and shutdown: settings → store → services → application → listen → drain."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from monotron import __version__, logging_setup
from monotron.auth.key_format import NewKey
from monotron.auth.oidc import Issuer
from monotron.auth.trust_schema import configured_issuers
from monotron.composition import build_services
from monotron.config import Settings
from monotron.errors import InvalidSetting
from monotron.listen_address import Address
from monotron.logging_setup import LEVELS
from monotron.metrics_folder import VARIABLE as METRICS_FOLDER
from monotron.metrics_folder import metrics_folder
from monotron.model.quotas import Quotas
from monotron.request_log import RequestLog
from monotron.services.executor import StoreExecutor
from monotron.store import Store, describe, open_store, store_class
from monotron.store.startup_check import check_store
from monotron.supervisor import Supervisor
from monotron.web.acceptor import raise_descriptor_limit
from monotron.web.app import make_app, make_metrics_app
from monotron.web.connections import ListeningServer
from monotron.web.listeners import Listeners, listen
from monotron.web.metrics import update_forever
from monotron.web.services import Services

log = logging.getLogger("monotron")

DRAIN_SECONDS = 20.0
"""Time limit for the requests in flight when the server shuts down."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain. Return the exit code. Raises StartupError."""
    _ignore_metrics_of_others()
    log_format = logging_setup.set_up(settings.log_format, settings.log_level)
    for warning in settings.warnings:
        log.warning(warning)
    issuers = configured_issuers(settings.issuers)
    _check_processes(settings)
    for issuer in issuers:
        if issuer.audience is not None:
            log.warning(
                "tokens of the issuer %s have the audience %s for every service: each one is "
                "accepted for one path, but a service that receives one can use it here first",
                issuer.url,
                issuer.audience,
            )
    raise_descriptor_limit()
    request_log = RequestLog(log_format, sys.stderr, LEVELS[settings.log_level])
    announce = partial(_announce, settings)
    if settings.processes == 1:
        asyncio.run(_serve(settings, issuers, partial(listen, settings), request_log, announce))
        return 0
    with metrics_folder() as folder:
        os.environ[METRICS_FOLDER] = folder
        return _supervise(settings, issuers, request_log, announce)


def check_settings(settings: Settings) -> None:
    """Raise StartupError for settings that `serve` would reject, whatever the store contains.

    Neither the store nor the network is used. Whether the server may be open depends on the store:
    this is not checked.
    """
    _ignore_metrics_of_others()
    issuers = configured_issuers(settings.issuers)
    _check_processes(settings)
    alone = replace(
        settings,
        store="sqlite://",
        listen=Address("127.0.0.1", 0),
        credential_sources=(),
        is_offline=True,
        init_root_key=False,
    )
    asyncio.run(_check(alone, issuers))


def _check_processes(settings: Settings) -> None:
    if settings.processes > 1 and not store_class(settings.store).shareable:
        raise InvalidSetting(
            "Several processes cannot share an SQLite file. Use MongoDB, or set --processes 1."
        )


def _ignore_metrics_of_others() -> None:
    """Do not share metrics with the program that started this one, if it has several processes."""
    for name in (METRICS_FOLDER, METRICS_FOLDER.lower()):
        os.environ.pop(name, None)


def _supervise(
    settings: Settings,
    issuers: Sequence[Issuer],
    request_log: RequestLog,
    announce: Callable[[Listeners], None],
) -> int:
    """Serve with several processes."""
    asyncio.run(_check(settings, issuers))
    listeners = listen(settings)

    def work(report_ready: Callable[[], None], supervisor: int) -> int:
        asyncio.run(
            _serve(
                settings,
                issuers,
                lambda: listeners,
                request_log,
                lambda _: report_ready(),
                supervisor,
            )
        )
        return 0

    return Supervisor(settings.processes, work, lambda: announce(listeners), _process_ended).run()


def _process_ended(pid: int) -> None:
    """Remove the current values of a process from the metrics. Its counters remain."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """Serve the application for the duration of a block; the value is its base URL.

    For commands that work on the store of a stopped server. Set `listen` to port 0 of a loopback
    address, and a root key that only the caller knows. Requests are not logged. Raises
    StartupError if the store or a setting cannot be used.
    """
    _ignore_metrics_of_others()
    issuers = configured_issuers(settings.issuers)
    async with _listening(settings, issuers, partial(listen, settings), None) as started:
        yield started.listeners.url


def _announce(settings: Settings, listeners: Listeners) -> None:
    address = listeners.url
    lines = [
        f"Monotron {__version__} listening on {address}",
        f"  Web pages  {address}/",
        f"  API        {address}/v1",
        f"  Data       {describe(settings.store)}",
    ]
    if listeners.metrics_url:
        lines.append(f"  Metrics    {listeners.metrics_url}/metrics")
    print("\n".join(lines), flush=True)


def _print_root_key(created: NewKey) -> None:
    """Print the secret of a new root key. It is not stored, and not logged."""
    print(
        "The store had no credentials. This root key was created, and is shown only now:\n\n"
        f"  {created.secret}\n\n"
        "It has full access to every account. Keep it like a password, and use it as follows:\n\n"
        "  export MONOTRON_URL=…  # the address of this server\n"
        "  export MONOTRON_API_KEY=…  # the root key\n"
        "  monotron whoami\n"
        "  monotron key create --scope read,write:series  # an API key for your jobs\n",
        flush=True,
    )


async def _check(settings: Settings, issuers: Sequence[Issuer]) -> None:
    """Raise the StartupError that each of several processes would raise, once."""
    from monotron.metrics import Metrics

    store = _open_store(settings)
    executor = StoreExecutor(store.max_concurrency)
    try:
        await build_services(settings, issuers, store, executor, Metrics(), None, _print_root_key)
    finally:
        executor.close()
        store.close()


async def _serve(
    settings: Settings,
    issuers: Sequence[Issuer],
    bind: Callable[[], Listeners],
    request_log: RequestLog,
    report_ready: Callable[[Listeners], None],
    supervisor: int | None = None,
) -> None:
    async with _listening(settings, issuers, bind, request_log) as started:
        lifecycle, address = started.services.lifecycle, started.listeners.url
        stop = _stop_signal(supervisor)
        log.info("listening on %s, data in %s", address, describe(settings.store))
        log.info("API keys in the store: %d, trust policies: %d", *started.credentials)
        if started.services.authenticator.open_to_all:
            log.warning(
                "no credentials configured: anyone on this machine has full access to %s", address
            )
        report_ready(started.listeners)
        # Objects created during startup are permanent: exclude them from garbage collection. Few
        # requests create reference cycles, such as pages and refused versions: run it less often.
        gc.freeze()
        gc.set_threshold(10_000, 20, 100)
        await stop.wait()
        log.info("shutting down (%d requests in flight)", lifecycle.in_flight)
        lifecycle.leaving = True
        await asyncio.sleep(settings.drain_delay)
        started.server.stop_listening()
        try:
            await asyncio.wait_for(lifecycle.drain(), DRAIN_SECONDS)
        except TimeoutError:
            log.error("%d requests still in flight after %g s", lifecycle.in_flight, DRAIN_SECONDS)
    request_log.close()
    log.info("stopped")


@dataclass(frozen=True)
class _Running:
    services: Services
    server: ListeningServer
    listeners: Listeners
    credentials: tuple[int, int]
    """The numbers of API keys and trust policies in the store."""


@asynccontextmanager
async def _listening(
    settings: Settings,
    issuers: Sequence[Issuer],
    bind: Callable[[], Listeners],
    request_log: RequestLog | None,
) -> AsyncIterator[_Running]:
    """Open the store, build the application and listen; close everything at the end."""
    from monotron.metrics import Metrics  # after the environment variable of several processes

    store = _open_store(settings)
    metrics = Metrics(asyncio.get_running_loop().call_soon)
    executor = StoreExecutor(store.max_concurrency, metrics.store)
    try:
        check_store(store)
        services = await build_services(
            settings, issuers, store, executor, metrics, request_log, _print_root_key
        )
        listeners = bind()
        count = store.auth_records.count
        api_keys = await executor.run(count, "api_key", None)
        policies = await executor.run(count, "trust", None)
        server = ListeningServer(make_app(services), listeners.api)
        metrics_server = ListeningServer(make_metrics_app(services), listeners.metrics)
        updates = asyncio.create_task(update_forever(services))
        try:
            yield _Running(services, server, listeners, (api_keys, policies))
        finally:
            updates.cancel()
            await server.close()
            await metrics_server.close()
    finally:
        executor.close()
        store.close()


def _open_store(settings: Settings) -> Store:
    quotas = Quotas(settings.series_per_account, settings.attribute_bytes_per_account)
    return open_store(settings.store, quotas=quotas)


def _stop_signal(supervisor: int | None) -> asyncio.Event:
    """Return an event set by SIGTERM, by SIGINT, and when the *supervisor* pipe is closed."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if supervisor is not None:

        def supervisor_ended() -> None:
            loop.remove_reader(supervisor)
            stop.set()

        loop.add_reader(supervisor, supervisor_ended)
    return stop
