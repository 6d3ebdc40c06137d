"""Rejected identity tokens: their errors name issuer, project and claim, for the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from monotron.auth.oidc import Identity
from monotron.auth.oidc_authenticator import OidcAuthenticator
from monotron.errors import (
    AmbiguousAccount,
    Forbidden,
    MonotronError,
    RejectedIdentity,
    StoreUnavailable,
    Unauthenticated,
)

ISSUER, PROJECT = "https://gitlab.example.com", "acme/shop"


class Verifier:
    """Accepts every token, as one of a job of acme/shop for an account."""

    audience = "https://monotron.example.com"

    def __init__(self, account: int | None) -> None:
        self._account = account

    async def verify(self, unverified_token: str) -> Identity:
        return Identity(ISSUER, {}, "id", 9, "job", self._account, project=PROJECT)


class Matcher:
    """Trust policies in *accounts*, which match no job."""

    def __init__(self, accounts: tuple[int, ...], error: MonotronError) -> None:
        self._accounts = accounts
        self._error = error

    async def accounts(self) -> tuple[int, ...]:
        return self._accounts

    async def principal(self, identity: Identity, account: int) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error_type", "claim", "accounts", "path", "audience"),
    [
        (Unauthenticated, "aud", (2,), 2, 3),
        (Unauthenticated, "", (), None, None),
        (AmbiguousAccount, "", (2, 3), None, None),
        (Forbidden, "", (2,), 2, None),
    ],
    ids=["another account", "without trust policies", "several accounts", "refused"],
)
def test_the_error_of_a_rejected_job_names_issuer_and_project(
    error_type: type[MonotronError],
    claim: str,
    accounts: tuple[int, ...],
    path: int | None,
    audience: int | None,
) -> None:
    verifier: Any = Verifier(audience)
    matcher: Any = Matcher(accounts, Forbidden("The name belongs to another repository."))
    authenticator = OidcAuthenticator(verifier, matcher, require_account=False)
    with pytest.raises(error_type) as raised:
        asyncio.run(authenticator.principal("token", path))
    assert raised.value.identity == RejectedIdentity(ISSUER, PROJECT)
    assert raised.value.claim == claim


def test_an_error_that_jobs_share_names_no_job() -> None:
    """Jobs that wait for one call of the store get one error object."""
    verifier: Any = Verifier(2)
    matcher: Any = Matcher((2,), StoreUnavailable("The store did not respond."))
    authenticator = OidcAuthenticator(verifier, matcher, require_account=False)
    with pytest.raises(StoreUnavailable) as raised:
        asyncio.run(authenticator.principal("token", 2))
    assert raised.value.identity is None
