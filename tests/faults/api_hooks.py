"""What Schemathesis cannot know from the OpenAPI document: rules between parameters, and the state.

Schemathesis imports this module (`SCHEMATHESIS_HOOKS`). `map_case` turns requests that are valid
for the document into requests that are valid for the server, as far as the rules are independent of
the state. `REFUSALS` lists the valid requests that the server may still refuse.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zlib import crc32

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

STORE = os.environ["FUZZED_STORE"]
"""The kind of store of the server, `sqlite` or `mongod`."""

MAX_ACCOUNTS = 10_000
"""More accounts than a run creates."""

WITH_AUTO = ("base", "skip_types", "minor_types", "commits")


@schemathesis.hook
def map_case(context: Any, case: schemathesis.Case) -> schemathesis.Case:
    """Make a valid request consistent. Invalid requests and examples stay as they are."""
    if case.meta is None or case.meta.generation.mode.is_negative or _is_example(case):
        return case
    # A random id has no account. Ids of created accounts, which links contain, are small.
    if case.path_parameters and int(case.path_parameters.get("account", 1)) > MAX_ACCOUNTS:
        case.path_parameters = {**case.path_parameters, "account": 1}
    if unwanted := inconsistent(case.query or {}):
        case.query = {name: case.query[name] for name in case.query if name not in unwanted}
    if isinstance(case.body, dict):
        case.body = {name: without_fraction(value) for name, value in case.body.items()}
        if _name(case) == "createTrustPolicy":
            case.body = trusted(case.body)
    return case


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: Any) -> None:
    """Write headers as text. Schemathesis takes values of links from responses: also numbers."""
    for name, value in list(case.headers.items()):
        if not isinstance(value, str | bytes):
            case.headers[name] = str(value)


def inconsistent(query: dict[str, Any]) -> set[str]:
    """The parameters that exclude others, or that require others which are missing.

    OpenAPI has no rules between parameters.
    """
    unwanted = set()
    if query.get("format") != "dotenv":
        unwanted.add("dotenv_prefix")
    if query.get("format") != "text":
        unwanted.add("spelling")
    if "version" in query:
        unwanted |= {"bump", "line", "prerelease", "initial"}
    bump = "exact" if "version" in query else str(query.get("bump", "patch")).lower()
    if bump != "auto":
        unwanted |= {*WITH_AUTO}
    unwanted.add("line" if bump == "calendar" else "calendar")
    if "name" in query:  # of GET /v1/accounts
        unwanted.add("after")
    return unwanted & query.keys()


def without_fraction(value: Any) -> Any:
    """Write 41.0 as 41. JSON Schema considers both an integer, and the server requires the latter.

    A program that parses 9007199254740993.0 as a floating-point number gets another value.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def trusted(body: dict[str, Any]) -> dict[str, Any]:
    """Replace issuer and claims, which depend on each other and on the settings of the server."""
    if not isinstance(body.get("claims"), dict) or "repository_id" in body["claims"]:
        return body
    repository = str(crc32(json.dumps(body["claims"]).encode()))
    claims = {"repository_id": repository, "ref": "refs/heads/main"}
    return {**body, "issuer": "github", "claims": claims}


class Refusal(NamedTuple):
    """A valid request that the server may refuse."""

    operation: str
    code: str
    reason: str
    applies: Callable[[schemathesis.Case], bool] = lambda case: True
    detail: str = ""
    """A part of the detail."""


def _expired(case: schemathesis.Case) -> bool:
    time = case.body.get("expires_at") if isinstance(case.body, dict) else None
    return isinstance(time, str) and datetime.fromisoformat(time) <= datetime.now(UTC)


def _has_bytes(case: schemathesis.Case) -> bool:
    return case.media_type == "application/octet-stream"


def _grants_system(case: schemathesis.Case) -> bool:
    scopes = case.body["scopes"] if isinstance(case.body, dict) else case.body
    return any(scope.endswith(":system") for scope in scopes)


REFUSALS = [
    Refusal("assignVersion", "token_taken", "the token has another version"),
    Refusal("assignVersion", "out_of_line", "the bump is too large for the line"),
    Refusal("assignVersion", "invalid_bump", "nothing to promote, or no commit messages"),
    *(
        Refusal(operation, "no_spelling", "the version has no such spelling")
        for operation in (
            "assignVersion",
            "adoptVersion",
            "getVersion",
            "getNewestVersion",
            "getRelease",
            "withdrawVersion",
            "restoreVersion",
        )
    ),
    Refusal("setAttribute", "invalid_request", "the value is not UTF-8", _has_bytes),
    *(
        Refusal(operation, "invalid_request", "too many together with others", detail="would have")
        for operation in ("setAttribute", "setAttributes")
    ),
    Refusal("createApiKey", "invalid_request", "it would have expired", _expired),
    Refusal("createApiKey", "invalid_request", "account 1 only", _grants_system),
    Refusal("createTrustPolicy", "invalid_request", "members depend on the issuer"),
    Refusal("createTrustPolicy", "body_too_large", "the members together are too large"),
    Refusal(
        "changeAccount",
        "invalid_request",
        "account 1 cannot be disabled",
        lambda case: str(case.path_parameters["account"]) == "1" and case.body.get("disabled"),
    ),
    Refusal(
        "backUp",
        "invalid_request",
        "MongoDB has its own backups",
        lambda case: STORE == "mongod",
    ),
]


_assigned: dict[tuple[str, str], set[str | None]] = {}
"""The tokens that have a value since the last deletion of their series, by account and key."""


@schemathesis.hook
def after_call(context: Any, case: schemathesis.Case, response: Response) -> None:
    """Remember the tokens that were assigned a value, and forget those of a deleted series."""
    if response.status_code >= 300:
        return
    series, token = _series_and_token(case)
    if _name(case) in {"assignValue", "advanceSeries"}:
        _assigned.setdefault(series, set()).add(token)
    elif _name(case) == "deleteSeries":
        _assigned.pop(series, None)


def _exists_again(case: schemathesis.Case) -> bool:
    """Whether the token, or any token of the series, got a value after the last deletion."""
    series, token = _series_and_token(case)
    return series in _assigned and token in {None, *_assigned[series]}


def _series_and_token(case: schemathesis.Case) -> tuple[tuple[str, str], str | None]:
    path = {name: str(value) for name, value in (case.path_parameters or {}).items()}
    return (path.get("account", "1"), path.get("key", "")), path.get("token")


@schemathesis.hook
def filter_failure(
    context: Any, failure: Failure, case: schemathesis.Case, response: Response
) -> bool:
    """Whether a failure is one.

    A refusal of `REFUSALS` is not, but examples of the document are always accepted. Deleted
    attributes are an empty object, not a missing one: a token has attributes before any is set. A
    deleted series or token exists again after a value was assigned. A link may contain the token
    of an adopted version, which is null; Schemathesis sends "None", and considers that invalid.
    """
    if isinstance(failure, UseAfterFree) and _name(case) == "getAttributes":
        return response.content != b"{}"
    if isinstance(failure, UseAfterFree) and _exists_again(case):
        return False
    if isinstance(failure, AcceptedNegativeData) and _series_and_token(case)[1] == "None":
        return False
    if not isinstance(failure, RejectedPositiveData) or _is_example(case):
        return True
    problem = json.loads(response.content)
    return not any(
        (refusal.operation, refusal.code) == (_name(case), problem["code"])
        and refusal.applies(case)
        and refusal.detail in problem["detail"]
        for refusal in REFUSALS
    )


def _is_example(case: schemathesis.Case) -> bool:
    return case.meta is not None and case.meta.phase.name is TestPhase.EXAMPLES


def _name(case: schemathesis.Case) -> str:
    """The name of the operation. That of the path with an account is the same."""
    operation = case.operation.definition.raw
    return str(operation.get("x-account-form-of", operation["operationId"]))
