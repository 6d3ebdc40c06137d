"""The composition root: settings → store → domain → application → listen → drain."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from monotron import logs
from monotron.attributes import Attributes
from monotron.auth.grants import Accounts, Grants
from monotron.auth.identity import Issuer
from monotron.auth.limits import Limit
from monotron.auth.replay import ReplayBound
from monotron.auth.sign_in import RootKey, SignIn
from monotron.auth.trusts import (
    IdentitySignIn,
    Trusts,
    configured_issuers,
    configured_trusts,
)
from monotron.config import Settings, is_loopback
from monotron.errors import StartupError
from monotron.logs import RequestLog
from monotron.series import Series
from monotron.store import Store, open_store
from monotron.store.self_check import self_check
from monotron.supervisor import Supervisor
from monotron.versions import Versions
from monotron.web.admission import Admission
from monotron.web.app import MonotronApplication
from monotron.web.base import Handler
from monotron.web.streams import listen

log = logging.getLogger("monotron")

DRAIN_SECONDS = 20.0
"""How long requests under way may take once the server is told to stop."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the exit code. `StartupError`."""
    log_format = logs.set_up(settings.log_format)
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
    series = Series(store)
    try:
        await _application(settings, store, series, RequestLog("json", sys.stderr))
    finally:
        series.close()


async def _serve(
    settings: Settings,
    bind: Callable[[], Sequence[socket.socket]],
    request_log: RequestLog,
    tell_ready: Callable[[str], None],
    supervisor: int | None = None,
) -> None:
    store = open_store(settings.store)
    series = Series(store)
    try:
        self_check(store)
        application = await _application(settings, store, series, request_log)
        server = http_server(application)
        sockets = bind()
        address = _address(sockets)
        stop_listening = listen(server, sockets)
        stop = _stop_signal(supervisor)
        log.info("listening on %s, store %s", address, settings.store_name)
        if application.admission.sign_in.open_to_all:
            log.warning(
                "there are no credentials: whoever reaches %s may count, raise and delete", address
            )
        tell_ready(address)
        # What start-up made stays, and a request leaves no cycles behind: the collector need not
        # look at it, nor as often as by default, with 64 requests under way.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        await stop.wait()
        log.info("draining")
        application.leaving = True
        await asyncio.sleep(settings.drain_delay)
        stop_listening()
        try:
            await asyncio.wait_for(application.drain(), DRAIN_SECONDS)
        except TimeoutError:
            log.error("requests were still under way after %g s", DRAIN_SECONDS)
        await server.close_all_connections()
    finally:
        series.close()
    log.info("stopped")


async def _application(
    settings: Settings, store: Store, series: Series, request_log: RequestLog
) -> MonotronApplication:
    grants, accounts = Grants(store, series), Accounts(store, series)
    issuers = configured_issuers(settings.issuers)
    trusts = Trusts(store, series, issuers, configured_trusts(settings.trusts, issuers))
    return MonotronApplication(
        series,
        Versions(store, series),
        Attributes(store, series),
        accounts,
        grants,
        trusts,
        Admission(
            await _sign_in(settings, issuers, grants, trusts),
            accounts,
            ReplayBound(store, series, settings.operations_per_identity),
            Limit(settings.requests_per_key, "with these credentials"),
            Limit(settings.requests_per_account, "for this account"),
        ),
        request_log,
    )


async def _sign_in(
    settings: Settings, issuers: Sequence[Issuer], grants: Grants, trusts: Trusts
) -> SignIn:
    """Who may sign in. Without any credentials everybody may, from this machine."""
    root = identities = None
    if settings.root_api_key:
        root = RootKey(settings.root_api_key, settings.root_api_secret)
    if issuers:
        from monotron.auth.identity.tokens import IdentityTokens  # only now: it needs PyJWT

        try:
            tokens = IdentityTokens(issuers, settings.audience)
        except ValueError as error:
            raise StartupError(f"issuers are set, and the audience {error}.") from None
        identities = IdentitySignIn(tokens, trusts)
    open_to_all = not (root or identities or await grants.any())
    if open_to_all and not is_loopback(settings.listen.host):
        raise StartupError(
            f"Whoever can reach {settings.listen.host}:{settings.listen.port} could count: there "
            "are no credentials, so the server serves this machine only. Set MONOTRON_ROOT_API_KEY "
            "and MONOTRON_ROOT_API_SECRET to values of your own, or listen on 127.0.0.1."
        )
    failures = Limit(settings.failures_per_address, "with wrong credentials from this address")
    return SignIn(
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
