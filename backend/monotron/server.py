"""The composition root: settings → store → services → application → listen → drain."""

import asyncio
import errno
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from tornado.netutil import bind_sockets

from monotron import __version__, logging_setup
from monotron.auth.accounts import Accounts
from monotron.auth.api_keys import ApiKeys
from monotron.auth.authenticator import Authenticator, RootKey
from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.auth.configured_accounts import check_configured_accounts
from monotron.auth.events import Events
from monotron.auth.oidc import Issuer
from monotron.auth.oidc_authenticator import OidcAuthenticator
from monotron.auth.open_mode import check_open_mode
from monotron.auth.rate_limit import RateLimiter, share_of_account
from monotron.auth.replay_guard import ReplayGuard
from monotron.auth.revocation import Revocation
from monotron.auth.rotation import Rotation
from monotron.auth.trust_policies import TrustPolicies
from monotron.auth.trust_schema import configured_issuers, configured_trusts
from monotron.config import Settings
from monotron.errors import InvalidSetting, StartupError
from monotron.logging_setup import RequestLog
from monotron.model.quotas import Quotas
from monotron.redaction import register_secret
from monotron.services.attributes import AttributeService
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.store import Store, describe, open_store, store_class
from monotron.store.startup_check import check_store
from monotron.supervisor import Supervisor
from monotron.web.acceptor import raise_descriptor_limit
from monotron.web.access import AccessControl
from monotron.web.app import make_app
from monotron.web.connections import ListeningServer
from monotron.web.lifecycle import StoreProbe
from monotron.web.services import Services

log = logging.getLogger("monotron")

DRAIN_SECONDS = 20.0
"""Time limit for the requests in flight when the server shuts down."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain. Return the exit code. Raises StartupError."""
    log_format = logging_setup.set_up(settings.log_format)
    for warning in settings.warnings:
        log.warning(warning)
    for issuer in configured_issuers(settings.issuers):
        if issuer.audience is not None:
            log.warning(
                "tokens of the issuer %s have the audience %s for every service: each one is "
                "accepted for one path, but a service that receives one can use it here first",
                issuer.url,
                issuer.audience,
            )
    raise_descriptor_limit()
    request_log = RequestLog(log_format, sys.stderr)
    announce = partial(_announce, settings)
    if settings.processes == 1:
        asyncio.run(_serve(settings, partial(_bind, settings), request_log, announce))
        return 0
    if not store_class(settings.store).shareable:
        raise InvalidSetting(
            "Several processes cannot share an SQLite file. Use MongoDB, or set --processes 1."
        )
    asyncio.run(_check(settings))
    sockets = _bind(settings)

    def work(report_ready: Callable[[], None], supervisor: int) -> int:
        asyncio.run(
            _serve(settings, lambda: sockets, request_log, lambda _: report_ready(), supervisor)
        )
        return 0

    return Supervisor(settings.processes, work, lambda: announce(_address(sockets))).run()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """Serve the application for the duration of a block; the value is its base URL.

    For commands that work on the store of a stopped server. Set `listen` to port 0 of a loopback
    address, and a root key that only the caller knows. Requests are not logged. Raises
    StartupError if the store or a setting cannot be used.
    """
    async with _listening(settings, partial(_bind, settings), None) as started:
        yield started.address


def _announce(settings: Settings, address: str) -> None:
    print(
        f"Monotron {__version__} listening on {address}\n"
        f"  API        {address}/v1\n"
        f"  Data       {describe(settings.store)}",
        flush=True,
    )


async def _check(settings: Settings) -> None:
    """Raise the StartupError that each of several processes would raise, once."""
    store = _open_store(settings)
    executor = StoreExecutor(store.max_concurrency)
    try:
        await _services(settings, store, executor, None)
    finally:
        executor.close()
        store.close()


async def _serve(
    settings: Settings,
    bind: Callable[[], Sequence[socket.socket]],
    request_log: RequestLog,
    report_ready: Callable[[str], None],
    supervisor: int | None = None,
) -> None:
    async with _listening(settings, bind, request_log) as started:
        lifecycle, address = started.services.lifecycle, started.address
        stop = _stop_signal(supervisor)
        log.info("listening on %s, data in %s", address, describe(settings.store))
        if started.services.authenticator.open_to_all:
            log.warning(
                "no credentials configured: anyone on this machine has full access to %s", address
            )
        report_ready(address)
        # Objects created during startup are permanent, and requests create no reference cycles:
        # exclude the former from garbage collection, and run it less often.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
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
    address: str


@asynccontextmanager
async def _listening(
    settings: Settings,
    bind: Callable[[], Sequence[socket.socket]],
    request_log: RequestLog | None,
) -> AsyncIterator[_Running]:
    """Open the store, build the application and listen; close everything at the end."""
    store = _open_store(settings)
    executor = StoreExecutor(store.max_concurrency)
    try:
        check_store(store)
        services = await _services(settings, store, executor, request_log)
        sockets = bind()
        address = _address(sockets)
        server = ListeningServer(make_app(services), sockets)
        try:
            yield _Running(services, server, address)
        finally:
            await server.close()
    finally:
        executor.close()
        store.close()


def _open_store(settings: Settings) -> Store:
    quotas = Quotas(settings.series_per_account, settings.attribute_bytes_per_account)
    return open_store(settings.store, quotas=quotas)


async def _services(
    settings: Settings, store: Store, executor: StoreExecutor, request_log: RequestLog | None
) -> Services:
    series = SeriesService(store, executor)
    accounts = Accounts(store, series, executor)
    api_keys = ApiKeys(store, series, executor, quota=settings.api_keys_per_account)
    issuers = configured_issuers(settings.issuers)
    configured = configured_trusts(settings.trusts, issuers)
    if not settings.is_offline:
        await check_configured_accounts(configured, accounts)
    policies = TrustPolicies(
        store,
        series,
        executor,
        api_keys,
        issuers,
        configured,
        quota=settings.trust_policies_per_account,
    )
    authenticator = await _authenticator(settings, issuers, accounts, api_keys, policies)
    if authenticator.open_to_all:
        await check_open_mode(settings, store, executor)
    await policies.matcher.mark_configured()
    return Services(
        series=series,
        versions=VersionService(store, series, executor),
        attributes=AttributeService(store, executor),
        accounts=accounts,
        api_keys=api_keys,
        trust_policies=policies,
        revocation=Revocation(
            api_keys, policies, authenticator.forget, authenticator.forget_identities
        ),
        rotation=Rotation(store, api_keys, executor, authenticator.forget),
        events=Events(store, executor),
        authenticator=authenticator,
        access_control=AccessControl(
            authenticator,
            accounts,
            ReplayGuard(store, executor, settings.operations_per_identity),
            RateLimiter(
                share_of_account(settings.requests_per_key, settings.requests_per_account),
                "requests with these credentials",
            ),
            RateLimiter(settings.requests_per_account, "requests for this account"),
            ConcurrencyLimiter(settings.concurrent_requests_per_key),
        ),
        store_probe=StoreProbe(series.ping),
        request_log=request_log,
    )


async def _authenticator(
    settings: Settings,
    issuers: Sequence[Issuer],
    accounts: Accounts,
    api_keys: ApiKeys,
    policies: TrustPolicies,
) -> Authenticator:
    """Configure authentication. Without credentials, the server is open."""
    root = identities = None
    if settings.root_api_key:
        register_secret(settings.root_api_secret)
        root = RootKey(settings.root_api_key, settings.root_api_secret)
    if issuers:
        from monotron.auth.oidc.verifier import TokenVerifier  # imported on demand: needs PyJWT

        try:
            verifier = TokenVerifier(issuers, settings.audience)
        except ValueError as error:
            raise InvalidSetting(f"{error}.") from None
        identities = OidcAuthenticator(
            verifier, policies.matcher, require_account=settings.require_account
        )
    open_to_all = not (root or identities or await api_keys.any_valid())
    failures = RateLimiter(settings.failures_per_address, "failed sign-ins from this address")
    return Authenticator(
        api_keys,
        accounts.is_disabled,
        root=root,
        identities=identities,
        open_to_all=open_to_all,
        failures=failures,
    )


def _bind(settings: Settings) -> list[socket.socket]:
    host, port = settings.listen
    try:
        return bind_sockets(port, host, backlog=1024)
    except OSError as error:
        # Another address is necessary, unless a process that will end uses this one.
        kind = StartupError if error.errno == errno.EADDRINUSE else InvalidSetting
        raise kind(
            f"Cannot listen on {host}:{port}: {error.strerror}. Set another address with --listen. "
            "Port 0 selects a free port."
        ) from error


def _address(sockets: Sequence[socket.socket]) -> str:
    host, port = sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
