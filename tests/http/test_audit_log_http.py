"""Audit events in the log of a server: who changed what, and what was granted."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monotron.audit_log import AUDIT_LOGGER, EVENTS
from monotron.errors import StoreUnavailable
from monotron.store.sqlite.auth_records import SqliteAuthRecords
from monotron.store.sqlite.store import SqliteStore
from support.administration import MAIN
from support.credentials import JSON, bearer, new_account, new_grant
from support.server import ROOT, ROOT_ENV, Client, Response, Server
from support.server_thread import ServerThread

RIGHTS = {"scopes": ["read:series"], "names": ["shop", "shop-*"]}
POLICY = {"issuer": "github", "claims": {**MAIN, "repository_owner_id": "42"}, **RIGHTS}
ISSUER = "https://token.actions.githubusercontent.com"
EXPIRES = "2099-01-31T00:00:00Z"


@pytest.fixture(scope="module")
def logging_server() -> Iterator[Server]:
    """A server that omits the lines of successful requests."""
    env = {**ROOT_ENV, "MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}
    args = ["--log-format=json", "--log-level=warning"]
    with Server("sqlite://", env=env, args=args) as server:
        yield server
        assert '"status": 200' not in server.log()


@pytest.fixture(scope="module")
def root(logging_server: Server) -> Iterator[Client]:
    with logging_server.client(authorization=ROOT) as client:
        yield client


def send(client: Client, method: str, path: str, body: object = None) -> Response:
    """Send a request that succeeds."""
    text = None if body is None else json.dumps(body)
    response = client.request(method, f"/v1/{path}", text, {} if body is None else JSON)
    assert response.status == 200, response
    return response


def events_of(server: Server, response: Response) -> list[dict[str, Any]]:
    """The audit events of the request ID of the response. They precede the response."""
    lines = [json.loads(line) for line in server.log().splitlines()]
    request_id = response.headers["X-Request-Id"]
    events = [line for line in lines if line["message"] == "audit"]
    return [event for event in events if event["request_id"] == request_id]


def create_account(root: Client) -> Response:
    return send(root, "POST", "accounts", {"name": "acme"})


def update_account(root: Client) -> Response:
    account = new_account(root)
    return send(root, "PATCH", f"accounts/{account}", {"name": "mallory", "disabled": True})


def create_api_key(root: Client) -> Response:
    return send(root, "POST", "accounts/1/grants", {**RIGHTS, "expires_at": EXPIRES})


def rotate_api_key(root: Client) -> Response:
    key = new_grant(root, 1, "read:series", names=RIGHTS["names"], expires_at=None)
    path = f"accounts/1/grants/{key['api_key']['key']}/rotate"
    return send(root, "POST", path, {"overlap_seconds": 0})


def delete_api_key(root: Client) -> Response:
    key = new_grant(root, 1, "read:series", names=RIGHTS["names"], expires_at=EXPIRES)
    return send(root, "DELETE", f"accounts/1/grants/{key['api_key']['key']}")


def create_trust(root: Client) -> Response:
    return send(root, "POST", "accounts/1/trusts", POLICY)


def delete_trust(root: Client) -> Response:
    id = send(root, "POST", "accounts/1/trusts", {**POLICY, "description": "x"}).json()["id"]
    return send(root, "DELETE", f"accounts/1/trusts/{id}")


def advance_series(root: Client) -> Response:
    return send(root, "PUT", "series/web", {"value": 41})


def delete_series(root: Client) -> Response:
    send(root, "PUT", "series/old/T")
    return send(root, "DELETE", "series/old?restart=true")


def adopt_version(root: Client) -> Response:
    return send(root, "PUT", "versions/adopted", {"version": "v1.4.2"})


def create_badge(root: Client) -> Response:
    return send(root, "POST", "badges", {"name": "web"})


def delete_badge(root: Client) -> Response:
    badge = send(root, "POST", "badges", {"name": "old"}).json()
    return send(root, "DELETE", f"badges/{badge['id']}")


def withdraw_version(root: Client) -> Response:
    send(root, "PUT", "versions/shop/a?bump=minor")
    body = {"reason": "broken é", "commits": "ignore"}
    return send(root, "PUT", "releases/shop/0.1.0/withdrawal", body)


def restore_version(root: Client) -> Response:
    send(root, "PUT", "versions/web/a?bump=minor")
    send(root, "PUT", "releases/web/0.1.0/withdrawal", {"reason": "broken"})
    return send(root, "DELETE", "releases/web/0.1.0/withdrawal")


GRANTED = {**RIGHTS, "expires_at": EXPIRES}
TRUSTED = {**POLICY, "issuer": ISSUER}
CASES: dict[tuple[str, str], tuple[Callable[[Client], Response], dict[str, Any]]] = {
    ("create", "account"): (create_account, {"after": {"name": "acme", "disabled": False}}),
    ("update", "account"): (
        update_account,
        {
            "before": {"name": None, "disabled": False},
            "after": {"name": "mallory", "disabled": True},
        },
    ),
    ("create", "api_key"): (create_api_key, {"granted": GRANTED}),
    ("rotate", "api_key"): (rotate_api_key, {"granted": {**RIGHTS, "expires_at": None}}),
    ("delete", "api_key"): (delete_api_key, {"granted": GRANTED}),
    ("create", "trust"): (create_trust, {"granted": TRUSTED}),
    ("delete", "trust"): (delete_trust, {"granted": {**TRUSTED, "description": "x"}}),
    ("create", "badge"): (create_badge, {"name": "web"}),
    ("delete", "badge"): (delete_badge, {"name": "old"}),
    ("advance", "series"): (advance_series, {"subject_id": "web", "value": 41}),
    ("delete", "series"): (delete_series, {"subject_id": "old", "restart": True}),
    ("adopt", "release"): (adopt_version, {"subject_id": "adopted/1.4.2"}),
    ("withdraw", "release"): (
        withdraw_version,
        {"subject_id": "shop/0.1.0", "reason": "broken é", "commits": "ignore"},
    ),
    ("restore", "release"): (restore_version, {"subject_id": "web/0.1.0"}),
}


@pytest.mark.parametrize(("action", "subject"), EVENTS)
def test_a_change_is_logged_with_its_author_and_what_was_granted(
    action: str, subject: str, logging_server: Server, root: Client
) -> None:
    change, details = CASES[action, subject]
    response = change(root)
    (event,) = events_of(logging_server, response)
    of_caller = {"level": "info", "message": "audit", "client": "127.0.0.1", "principal": "root"}
    of_change = {"action": action, "subject": subject, "applied": "yes"}
    assert event.items() >= {**of_caller, **of_change, **details}.items()
    body = response.json() if response.body else {}
    account = body["id"] if subject == "account" else 1
    assert event["account"] == account
    assert {"subject_id", *EVENTS[action, subject]} <= event.keys()
    if subject in ("account", "trust") and "id" in body:
        assert event["subject_id"] == str(body["id"])
    if subject == "badge":
        assert re.fullmatch(r"[0-9a-f]{8}\*\*\*", event["subject_id"])
    if "api_key" in body:
        assert event["subject_id"] == body["api_key"]["key"]
        assert body["api_key"]["secret"][15:] not in logging_server.log()
    if action == "rotate":
        old = body["replaces"]
        assert event["replaces"] == {
            "key": old["api_key"]["key"],
            "expires_at": old["expires_at"],
        }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "series/same", {"value": 7}),
        ("PUT", "versions/same", {"version": "1.2.3"}),
        ("PUT", "releases/again/0.1.0/withdrawal", {"reason": "broken"}),
        ("PUT", "series/same/T", None),
        ("PUT", "versions/same/T", None),
    ],
)
def test_a_repeated_change_and_an_assignment_have_no_event(
    method: str, path: str, body: object, logging_server: Server, root: Client
) -> None:
    if path.startswith("releases"):
        send(root, "PUT", "versions/again/a?bump=minor")
    send(root, method, path, body)
    assert events_of(logging_server, send(root, method, path, body)) == []


def test_a_refused_change_has_no_event(logging_server: Server, root: Client) -> None:
    send(root, "PUT", "series/refused", {"value": 7})
    response = root.request("PUT", "/v1/series/refused", '{"value": 6}', JSON)
    assert response.status == 409
    assert events_of(logging_server, response) == []


def test_each_descendant_of_a_revoked_key_is_an_event_of_the_account(
    logging_server: Server, root: Client
) -> None:
    account = new_account(root)
    parent = new_grant(root, account, "*:series", "*:acl")["api_key"]
    with logging_server.client(authorization=bearer(parent["secret"])) as client:
        created = send(client, "POST", f"accounts/{account}/grants", ["read:series"])
        send(client, "POST", f"accounts/{account}/trusts", POLICY)
    (event,) = events_of(logging_server, created)
    assert (event["principal"], event["account"]) == (f"key:{parent['key']}", account)
    path = f"accounts/{account}/grants/{parent['key']}?with_descendants=true"
    events = events_of(logging_server, send(root, "DELETE", path))
    child = created.json()["api_key"]["key"]
    subjects = [(each["action"], each["subject"], each["subject_id"]) for each in events]
    assert subjects == [
        ("delete", "api_key", parent["key"]),
        ("delete", "api_key", child),
        ("delete", "trust", "1"),
    ]
    assert {(each["account"], each["principal"]) for each in events} == {(account, "root")}


@pytest.mark.parametrize("applied", ["unknown", "no"])
def test_a_change_with_an_unknown_outcome_is_logged_as_such(
    applied: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store did not respond.", applied=applied)

    caplog.set_level(logging.INFO, AUDIT_LOGGER)
    with ServerThread("sqlite://", env=ROOT_ENV) as server, server.client(ROOT) as root:
        monkeypatch.setattr(SqliteStore, "delete", fail)
        monkeypatch.setattr(SqliteAuthRecords, "add", fail)
        series = root.request("DELETE", "/v1/series/web")
        api_key = root.request("POST", "/v1/accounts/1/grants", '["read:series"]', JSON)
    assert [series.json()["applied"], api_key.json()["applied"]] == [applied, applied]
    events = [record.members for record in caplog.records if record.name == AUDIT_LOGGER]  # type: ignore[attr-defined]
    logged = [(each["subject"], each["request_id"], each["applied"]) for each in events]
    expected = [
        ("series", series.headers["X-Request-Id"], "unknown"),
        ("api_key", api_key.headers["X-Request-Id"], "unknown"),
    ]
    assert logged == (expected if applied == "unknown" else [])
