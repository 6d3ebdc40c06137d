"""Audit events: their outcome, their length, and what must not be in them."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import Any

import pytest

from monotron import audit_log
from monotron.audit_log import Caller, audited
from monotron.errors import StoreUnavailable, ValueWouldFall, in_doubt
from monotron.log_lines import PIPE_BUF_BYTES
from monotron.logging_setup import JsonFormatter, TextFormatter

SECRET = "mtk_k_AbCdEfGh_" + 36 * "S"


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, audit_log.AUDIT_LOGGER)


def members(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The members of all events."""
    return [record.members for record in caplog.records]  # type: ignore[attr-defined]


def granting(granted: object) -> Any:
    return audited("root", 1, "create", "trust", "7", granted=granted)


def test_an_event_is_logged_after_the_change_with_its_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = audit_log.caller.set(Caller("id-1", "192.0.2.7"))
    with audited("key:a", 3, "advance", "series", "web", value=41):
        assert not caplog.records
    audit_log.caller.reset(token)
    assert members(caplog) == [
        {
            "request_id": "id-1",
            "client": "192.0.2.7",
            "principal": "key:a",
            "account": 3,
            "action": "advance",
            "subject": "series",
            "subject_id": "web",
            "value": 41,
            "applied": "yes",
        }
    ]


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("No response", applied="unknown"), ConnectionError(), KeyboardInterrupt()],
    ids=repr,
)
def test_a_change_with_an_unknown_outcome_is_logged_as_such(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with suppress(type(error)), audited("root", 1, "delete", "series", "web", restart=False):
        raise error
    assert [event["applied"] for event in members(caplog)] == ["unknown"]


def test_a_change_that_was_refused_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with (
        suppress(ValueWouldFall),
        audited("root", 1, "advance", "series", "web", value=1),
    ):
        raise ValueWouldFall("The series is at 2.")
    assert not caplog.records


def test_a_request_that_changed_nothing_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with audited("root", 1, "advance", "series", "web", value=1) as change:
        change.happened = False
    assert not caplog.records


def test_an_error_in_doubt_is_not_hidden_by_an_event(caplog: pytest.LogCaptureFixture) -> None:
    with (
        pytest.raises(StoreUnavailable),
        audited("root", 1, "adopt", "release", "web/1.2.3"),
        in_doubt(),
    ):
        raise StoreUnavailable("No response")
    assert len(caplog.records) == 1


def test_an_event_with_other_details_is_an_error() -> None:
    with (
        pytest.raises(ValueError, match="has the details"),
        audited("root", 1, "advance", "series", "web", restart=True),
    ):
        pass


@pytest.mark.parametrize("place", ["request_id", "subject_id", "text", "list", "object", "name"])
def test_no_event_contains_a_secret(place: str, caplog: pytest.LogCaptureFixture) -> None:
    secret = f"a-{SECRET}"
    objects = {"text": secret, "list": [secret], "object": {"a": [{"b": secret}]}}
    granted = {secret: 1} if place == "name" else objects.get(place)
    token = audit_log.caller.set(Caller(secret if place == "request_id" else "id", "::1"))
    subject_id = secret if place == "subject_id" else "7"
    with audited("root", 1, "create", "trust", subject_id, granted=granted):
        pass
    audit_log.caller.reset(token)
    line = JsonFormatter().format(caplog.records[0])
    assert "mtk_k_AbCdEfGh_***" in line
    assert "SS" not in line


LONG_GRANTS = {
    "claims": {
        "issuer": "https://ci.example.com",
        "claims": {f"{number}-\U0001f600": ["\U0001f600" * 64] * 40 for number in range(40)},
        "scopes": ["read,write:series"] * 50,
        "names": ["\U0001f600" * 256] * 32,
        "description": "\0" * 256,
    },
    "names": {"scopes": ["*:series"], "names": [256 * "n"] * 32, "expires_at": None},
    "many members": {str(number): number for number in range(5000)},
}


@pytest.mark.parametrize("granted", LONG_GRANTS.values(), ids=LONG_GRANTS)
@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_long_event_is_shortened_to_an_atomic_line(
    granted: dict[str, Any], formatter: logging.Formatter, caplog: pytest.LogCaptureFixture
) -> None:
    token = audit_log.caller.set(Caller(64 * "i", "fe80::ffff:ffff:ffff:ffff%interface-name-1"))
    with audited(128 * "p", 10**18 - 1, "create", "trust", 256 * "\U0001f600", granted=granted):
        pass
    audit_log.caller.reset(token)
    line = formatter.format(caplog.records[0])
    assert len(line) < PIPE_BUF_BYTES
    assert line.isprintable()
    assert "..." in line
    (event,) = members(caplog)
    assert (event["request_id"], event["principal"]) == (64 * "i", 128 * "p")
    assert event["granted"].keys() & granted.keys()


def test_usual_permissions_are_complete(caplog: pytest.LogCaptureFixture) -> None:
    granted = {"scopes": ["read,write:series"], "names": [f"gh:acme:shop-{n}" for n in range(32)]}
    with granting(granted):
        pass
    assert members(caplog)[0]["granted"] == granted
    assert "..." not in json.dumps(members(caplog)[0])
