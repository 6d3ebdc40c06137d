"""A server on each store, and administrators of a new account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.administration import Administrator, Administrators, Rights
from support.credentials import UNLIMITED, new_account, new_grant
from support.server import ROOT, ROOT_ENV, Client, Server

ISSUERS = {"MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}


@pytest.fixture(scope="module")
def site(guarded_store_url: str) -> Iterator[Server]:
    """A server on each store, which trusts GitHub's issuer."""
    env = {**ROOT_ENV, **ISSUERS}
    with Server(guarded_store_url, args=UNLIMITED, env=env) as server:
        yield server


@pytest.fixture(scope="module")
def root(site: Server) -> Iterator[Client]:
    with site.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def account(root: Client) -> int:
    return new_account(root)


@pytest.fixture
def stranger(site: Server) -> Iterator[Client]:
    with site.client() as client:
        yield client


@pytest.fixture
def administrator(root: Client, stranger: Client, account: int) -> Administrators:
    """Creates an administrator with the root key."""

    def administrator(rights: Rights) -> Administrator:
        grant = new_grant(root, account, *rights.scopes, names=rights.names)
        return Administrator(stranger, account, grant["api_key"])

    return administrator
