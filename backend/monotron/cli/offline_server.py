"""The server of a stopped SQLite file, on loopback, for the duration of one command."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from secrets import token_urlsafe

from monotron.auth.oidc import parse_issuer
from monotron.auth.trust_schema import configured_issuers
from monotron.cli.store_file import check_exists, sqlite_path
from monotron.config import Settings
from monotron.errors import StartupError
from monotron.listen_address import Address
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure

PUBLIC_ISSUERS = ("github", "gitlab.com")
"""Trust policies for these issuers can be created before a server accepts their tokens."""

ROOT_KEY = "root"


@dataclass(frozen=True)
class OfflineServer:
    """A running server. Its root credential exists in the memory of this process only."""

    url: str
    credential: Credential
    known_issuers: frozenset[str]
    """The issuers that the settings name."""
    created_file: str | None
    """The path, if the file did not exist."""


@contextmanager
def offline_server(
    store: str, config: str | None, environ: Mapping[str, str], *, may_create: bool
) -> Iterator[OfflineServer]:
    """Serve the file *store* with the settings of its stopped server.

    Raises Failure if the file cannot be used, for example because its server is running.
    """
    try:
        path = sqlite_path(store)
    except Failure as failure:
        failure.hint += ". Other stores are administered through the API: --url"
        raise
    new = not path.exists()
    if new and not may_create:
        check_exists(path)
    secret = token_urlsafe(32)
    configured = Settings.load({"config": config} if config else {}, environ)
    known = frozenset(issuer.url for issuer in configured_issuers(configured.issuers))
    settings = _offline_settings(configured, known, store, secret)
    try:
        with _in_thread(settings) as url:
            yield OfflineServer(
                url, Credential(f"{ROOT_KEY}:{secret}"), known, str(path) if new else None
            )
    except StartupError as error:
        raise Failure(
            str(error),
            "while a server uses the file, administer it through the API: --url, with the root "
            "key in MONOTRON_API_KEY",
        ) from None


def _offline_settings(
    settings: Settings, known: frozenset[str], store: str, secret: str
) -> Settings:
    public = tuple(name for name in PUBLIC_ISSUERS if parse_issuer(name).url not in known)
    return replace(
        settings,
        store=store,
        is_offline=True,
        listen=Address("127.0.0.1", 0),
        root_api_key=ROOT_KEY,
        root_api_secret=secret,
        issuers=(*settings.issuers, *public),
        audience=settings.audience or "http://127.0.0.1",
        requests_per_key=0,
        requests_per_account=0,
        failures_per_address=0,
    )


_Started = tuple[str, asyncio.AbstractEventLoop, asyncio.Event]
"""The URL of the server, its loop, and the event that stops it."""


@contextmanager
def _in_thread(settings: Settings) -> Iterator[str]:
    """Serve in another thread during the block. Yields the URL. Raises StartupError."""
    from monotron.server import running  # imports Tornado

    started: Future[_Started] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with running(settings) as url:
            started.set_result((url, asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield started.result()[0]
    finally:
        started.add_done_callback(_stop)
        thread.join()


def _stop(started: Future[_Started]) -> None:
    if started.exception() is None:
        _, loop, stop = started.result()
        loop.call_soon_threadsafe(stop.set)
