"""A server on SQLite, or on each store, and administrators of a new account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.administration import Administrator, Administrators, Rights
from support.credentials import UNLIMITED_SETTINGS, new_account, new_grant
from support.server import ROOT, ROOT_ENV, Client
from support.server_thread import ServerThread

ISSUERS = {"MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}


@pytest.fixture(scope="module")
def sqlite_site(store_url: str) -> Iterator[ServerThread]:
    """A server that trusts GitHub's issuer."""
    with ServerThread(store_url, env={**ROOT_ENV, **ISSUERS}, **UNLIMITED_SETTINGS) as server:
        yield server


@pytest.fixture(scope="module")
def mongod_site(module_database_url: str) -> Iterator[ServerThread]:
    """The same server on MongoDB."""
    env = {**ROOT_ENV, **ISSUERS}
    with ServerThread(module_database_url, env=env, **UNLIMITED_SETTINGS) as server:
        yield server


@pytest.fixture
def site(request: pytest.FixtureRequest) -> ServerThread:
    """The server on SQLite, unless the test is marked with `on_each_store`."""
    site: ServerThread = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_site")
    return site


@pytest.fixture
def root(site: ServerThread) -> Iterator[Client]:
    with site.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def account(root: Client) -> int:
    return new_account(root)


@pytest.fixture
def stranger(site: ServerThread) -> Iterator[Client]:
    with site.client() as client:
        yield client


@pytest.fixture
def administrator(root: Client, stranger: Client, account: int) -> Administrators:
    """Creates an administrator with the root key."""

    def administrator(rights: Rights) -> Administrator:
        grant = new_grant(root, account, *rights.scopes, names=rights.names)
        return Administrator(stranger, account, grant["api_key"])

    return administrator
