"""The default expiry of API keys, and the header that announces an expiry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monotron.auth.principal import ANONYMOUS, ANYONE, ROOT, Principal
from monotron.model.timestamps import rfc3339
from monotron.web.key_expiry import NOTICE_SECONDS, announced_expiry
from support.credentials import JSON, bearer, new_account, new_key
from support.server import Client

Problem = Callable[..., dict[str, Any]]

HEADER = "Monotron-Key-Expires"
YEAR = timedelta(days=365)


def later(**period: float) -> str:
    return f"{datetime.now(UTC) + timedelta(**period):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("body", ['["read:series"]', '{"scopes": ["read:series"]}'])
def test_a_key_expires_after_365_days_by_default(body: str, root: Client) -> None:
    path = f"/v1/accounts/{new_account(root)}/grants"
    before = datetime.now(UTC).replace(microsecond=0)
    created = root.request("POST", path, body, JSON).json()
    assert before + YEAR <= datetime.fromisoformat(created["expires_at"])
    assert datetime.fromisoformat(created["expires_at"]) <= datetime.now(UTC) + YEAR
    (listed,) = root.request("GET", path).json()["grants"]
    assert listed["expires_at"] == created["expires_at"]


def test_a_key_never_expires_if_its_expiry_is_null(root: Client) -> None:
    path = f"/v1/accounts/{new_account(root)}/grants"
    body = '{"scopes": ["read:series"], "expires_at": null}'
    assert "expires_at" not in root.request("POST", path, body, JSON).json()
    (listed,) = root.request("GET", path).json()["grants"]
    assert "expires_at" not in listed


@pytest.mark.parametrize("period", [{"days": 29.9}, {"hours": 1}], ids=str)
def test_every_response_announces_an_expiry_within_30_days(
    period: dict[str, float], root: Client, stranger: Client, problem: Problem
) -> None:
    expires_at = later(**period)
    key = {
        "Authorization": bearer(new_key(root, new_account(root), "*:series", expires_at=expires_at))
    }
    for method, path, status in (
        ("PUT", "/v1/series/k/T", 200),
        ("GET", "/v1/series/k", 200),
        ("HEAD", "/v1/series/k", 200),
        ("GET", "/v1/series/missing", 404),
        ("PUT", "/v1/series/%/T", 400),
        ("POST", "/v1/accounts", 403),
    ):
        response = stranger.request(method, path, headers=key)
        assert response.status == status, path
        assert response.headers.get_all(HEADER) == [expires_at], path
    assert stranger.request("GET", "/v1/series").headers[HEADER] is None
    assert root.request("GET", "/v1/series").headers[HEADER] is None


@pytest.mark.parametrize("days", [None, 31, 300_000], ids=str)
def test_no_response_announces_a_later_expiry(
    days: int | None, root: Client, stranger: Client
) -> None:
    expires_at = None if days is None else later(days=days)
    secret = new_key(root, new_account(root), "*:series", expires_at=expires_at)
    key = {"Authorization": bearer(secret)}
    for path, status in ("/v1/series", 200), ("/v1/series/missing", 404):
        response = stranger.request("GET", path, headers=key)
        assert (response.status, response.headers[HEADER]) == (status, None)


def test_the_announcement_begins_exactly_30_days_before() -> None:
    principal = Principal("key:k", 1, frozenset(), expires_at=NOTICE_SECONDS + 1000)
    assert announced_expiry(principal, clock=lambda: 999.9) is None
    assert announced_expiry(principal, clock=lambda: 1000.0) == rfc3339(NOTICE_SECONDS + 1000)


def test_other_callers_get_no_announcement() -> None:
    job = Principal("github:acme/shop", 1, frozenset(), expires_at=1000, identity="id")
    for principal in job, ROOT, ANYONE, ANONYMOUS:
        assert announced_expiry(principal, clock=lambda: 0.0) is None
