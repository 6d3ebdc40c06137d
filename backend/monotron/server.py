"""The composition root: settings → store → domain → application → listen → drain."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from monotron import logging_setup
from monotron.auth.accounts import Accounts
from monotron.auth.api_keys import ApiKeys
from monotron.auth.authenticator import Authenticator, RootKey
from monotron.auth.oidc import Issuer
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.replay_guard import ReplayGuard
from monotron.auth.trust_policies import OidcAuthenticator, TrustPolicies
from monotron.auth.trust_schema import configured_issuers, configured_trusts
from monotron.config import Settings, is_loopback
from monotron.errors import StartupError
from monotron.logging_setup import RequestLog
from monotron.services.attributes import AttributeService
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.store import Store, describe, open_store
from monotron.store.startup_check import self_check
from monotron.supervisor import Supervisor
from monotron.web.access import AccessControl
from monotron.web.app import MonotronApplication
from monotron.web.handler import Handler
from monotron.web.streams import listen

log = logging.getLogger("monotron")

DRAIN_SECONDS = 20.0
"""How long requests under way may take once the server is told to stop."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit code. `StartupError`."""
    log_format = logging_setup.set_up(settings.log_format)
    for warning in settings.warnings:
        log.warning(warning)
    request_log = RequestLog(log_format, sys.stderr)
    if settings.processes == 1:
        asyncio.run(_serve(settings, partial(_bind, settings), request_log, _say_ready))
        return 0
    if not settings.store.startswith("mongodb"):
        raise StartupError(
            "Several processes need a store that they can share, and an SQLite file is kept by one "
            "process. Use MongoDB, or --processes 1."
        )
    asyncio.run(_try(settings))
    sockets = _bind(settings)

    def work(tell_ready: Callable[[], None], supervisor: int) -> int:
        asyncio.run(
            _serve(settings, lambda: sockets, request_log, lambda _: tell_ready(), supervisor)
        )
        return 0

    return Supervisor(settings.processes, work, lambda: _say_ready(_address(sockets))).run()


def _say_ready(address: str) -> None:
    print(f"Monotron listens on {address}", flush=True)


async def _try(settings: Settings) -> None:
    """Raise the `StartupError` of each of the processes, once."""
    store = open_store(settings.store)
    executor = StoreExecutor(store.max_concurrency)
    try:
        await _application(settings, store, executor, RequestLog("json", sys.stderr))
    finally:
        executor.close()
        store.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """Serve the application for the duration of a block; the value is its base URL.

    For commands that work on the store of a stopped server. Set `listen` to port 0 of a loopback
    address, and a root key that only the caller knows. Requests are not logged. Raises
    StartupError if the store or a setting cannot be used.
    """
    async with _listening(settings, partial(_bind, settings), None) as (_, _, address):
        yield address


@asynccontextmanager
async def _listening(
    settings: Settings,
    bind: Callable[[], Sequence[socket.socket]],
    request_log: RequestLog | None,
) -> AsyncIterator[tuple[MonotronApplication, Callable[[], None], str]]:
    """Open the store, start the application and listen; close everything at the end."""
    store = open_store(settings.store)
    executor = StoreExecutor(store.max_concurrency)
    try:
        self_check(store)
        application = await _application(settings, store, executor, request_log)
        server = http_server(application)
        sockets = bind()
        stop_listening = listen(server, sockets)
        try:
            yield application, stop_listening, _address(sockets)
        finally:
            stop_listening()
            await server.close_all_connections()
    finally:
        executor.close()
        store.close()


async def _serve(
    settings: Settings,
    bind: Callable[[], Sequence[socket.socket]],
    request_log: RequestLog,
    tell_ready: Callable[[str], None],
    supervisor: int | None = None,
) -> None:
    async with _listening(settings, bind, request_log) as (application, stop_listening, address):
        stop = _stop_signal(supervisor)
        log.info("listening on %s, store %s", address, describe(settings.store))
        if application.admission.sign_in.open_to_all:
            log.warning(
                "no credentials configured: anyone on this machine has full access to %s", address
            )
        tell_ready(address)
        # Objects created during startup are permanent, and requests create no reference cycles:
        # exclude the former from garbage collection, and run it less often.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        await stop.wait()
        log.info("shutting down (%d requests in flight)", application.requests_under_way)
        application.leaving = True
        await asyncio.sleep(settings.drain_delay)
        stop_listening()
        try:
            await asyncio.wait_for(application.drain(), DRAIN_SECONDS)
        except TimeoutError:
            log.error("requests were still in flight after %g s", DRAIN_SECONDS)
    log.info("stopped")


async def _application(
    settings: Settings, store: Store, executor: StoreExecutor, request_log: RequestLog | None
) -> MonotronApplication:
    series = SeriesService(store, executor)
    grants, accounts = ApiKeys(store, series, executor), Accounts(store, series, executor)
    issuers = configured_issuers(settings.issuers)
    trusts = TrustPolicies(
        store, series, executor, issuers, configured_trusts(settings.trusts, issuers)
    )
    return MonotronApplication(
        series,
        VersionService(store, series, executor),
        AttributeService(store, executor),
        accounts,
        grants,
        trusts,
        AccessControl(
            await _sign_in(settings, issuers, grants, trusts),
            accounts,
            ReplayGuard(store, executor, settings.operations_per_identity),
            RateLimiter(settings.requests_per_key, "requests with these credentials"),
            RateLimiter(settings.requests_per_account, "requests for this account"),
        ),
        request_log,
    )


async def _sign_in(
    settings: Settings, issuers: Sequence[Issuer], grants: ApiKeys, trusts: TrustPolicies
) -> Authenticator:
    """Who may sign in. Without any credentials everybody may, from this machine."""
    root = identities = None
    if settings.root_api_key:
        root = RootKey(settings.root_api_key, settings.root_api_secret)
    if issuers:
        from monotron.auth.oidc.verifier import TokenVerifier  # only now: it needs PyJWT

        try:
            tokens = TokenVerifier(issuers, settings.audience)
        except ValueError as error:
            raise StartupError(f"{error}.") from None
        identities = OidcAuthenticator(tokens, trusts)
    open_to_all = not (root or identities or await grants.any())
    if open_to_all and not is_loopback(settings.listen.host):
        raise StartupError(
            f"Refusing to listen on {settings.listen.host}:{settings.listen.port} without "
            "credentials. Set MONOTRON_ROOT_API_KEY and MONOTRON_ROOT_API_SECRET, or listen on "
            "127.0.0.1."
        )
    failures = RateLimiter(settings.failures_per_address, "failed sign-ins from this address")
    return Authenticator(
        grants, root=root, identities=identities, open_to_all=open_to_all, failures=failures
    )


class _HTTPServer(HTTPServer):
    """Tornado's, which also tells the application of connections that were closed."""

    def on_close(self, server_conn: object) -> None:
        super().on_close(server_conn)
        cast(MonotronApplication, self.request_callback).on_close(server_conn)


def http_server(application: MonotronApplication) -> HTTPServer:
    """Tornado, bounded: sizes in bytes. No forms, gzip or forwarded headers."""
    server = _HTTPServer(
        application,
        xheaders=False,
        decompress_request=False,
        max_header_size=16384,
        max_body_size=Handler.largest_body,
    )
    # A timer for each request costs as much as finding its handler: one looks after all of them.
    server.conn_params.header_timeout = None
    application.close_idle()
    return server


def _bind(settings: Settings) -> list[socket.socket]:
    host, port = settings.listen
    try:
        return bind_sockets(port, host, backlog=1024)
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --listen; "
            "port 0 picks a free one."
        ) from error


def _address(sockets: Sequence[socket.socket]) -> str:
    host, port = sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stop_signal(supervisor: int | None) -> asyncio.Event:
    """Set by SIGTERM, by SIGINT, and when the supervisor is gone, whose descriptor this is."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if supervisor is not None:

        def gone() -> None:
            loop.remove_reader(supervisor)
            stop.set()

        loop.add_reader(supervisor, gone)
    return stop
