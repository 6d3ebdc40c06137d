"""Each MongoDB command fails in each way: responses hold, and no token is counted twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from faults.aftermath import ledger
from faults.failures import APPLICATIONS, REFUSALS, Failure
from faults.tier import WHOLE
from support.credentials import JSON
from support.http import Client, Response
from support.member import Mongod
from support.mongod import ReplicaSet
from support.server import Server

IMPATIENT = str(Path(__file__).with_name("impatient_server.py"))
LAUNCHER = (IMPATIENT, *(("4", "1") if WHOLE else ("2", "0.5")))
A_WHILE = 3
"""How often in a row a command fails: more often than the driver retries."""

_numbers = count(1)


@dataclass
class Place:
    """A replica set of one member with two servers, and the series of one test."""

    member: Mongod
    one: Client
    other: Client
    key: str = ""

    def put(self, token: str, *, other: bool = False) -> Response:
        client = self.other if other else self.one
        return client.request("PUT", f"/v1/series/{self.key}/{token}?reuse=any")

    def given(self, *tokens: str, other: bool = False) -> None:
        for token in tokens:
            assert self.put(token, other=other).status == 200


@pytest.fixture(scope="module")
def shared() -> Iterator[Place]:
    with ReplicaSet.start(members=1, fail_points=True) as replica_set:
        url = replica_set.url("commands")
        with (
            Server(url, program=LAUNCHER) as one,
            Server(url, program=LAUNCHER) as other,
            one.client() as first,
            other.client() as second,
        ):
            yield Place(replica_set.members[0], first, second)


@pytest.fixture
def place(shared: Place) -> Place:
    shared.key = f"series-{next(_numbers)}"
    return shared


@dataclass(frozen=True)
class Operation:
    """A request, its preparation, and the (token, value) of the ledger after it."""

    prepare: Callable[[Place], None]
    send: Callable[[Place], Response]
    left: list[tuple[str | None, int]]


def _two_values(place: Place) -> None:
    """The other server remembers an outdated head."""
    place.given("T", other=True)
    place.given("U")


OPERATIONS = {
    "new series": Operation(lambda place: None, lambda place: place.put("X"), [("X", 1)]),
    "new token": Operation(
        _two_values, lambda place: place.put("X"), [("X", 3), ("U", 2), ("T", 1)]
    ),
    "overtaken": Operation(
        _two_values, lambda place: place.put("X", other=True), [("X", 3), ("U", 2), ("T", 1)]
    ),
    "raise": Operation(
        _two_values,
        lambda place: place.one.request(
            "PUT", f"/v1/series/{place.key}", json.dumps({"value": 9}), JSON
        ),
        [(None, 9), ("U", 2), ("T", 1)],
    ),
    "delete": Operation(
        _two_values, lambda place: place.one.request("DELETE", f"/v1/series/{place.key}"), []
    ),
}

READS = [(operation, "find") for operation in OPERATIONS]
WRITES = [(operation, "findAndModify") for operation in OPERATIONS if operation != "new series"]
INSERTS = [(operation, "insert") for operation in OPERATIONS if operation != "delete"]
COMMITS = [(operation, "commitTransaction") for operation in OPERATIONS]

CASES = [
    (operation, command, failure)
    for operation, command in [*READS, *WRITES, *INSERTS, *COMMITS]
    for failure in REFUSALS
] + [(operation, command, failure) for operation, command in COMMITS for failure in APPLICATIONS]
LASTING = [
    case
    for case in CASES
    if case[2].name in ("11602", "6 without labels", "91 NoWritesPerformed", "disconnected")
    or case[2] in APPLICATIONS
]


def _some(cases: list[tuple[str, str, Failure]], every: int) -> list[object]:
    """Return all cases in the long tier, otherwise a sample with each command."""
    chosen = cases if WHOLE else cases[::every]
    return [pytest.param(*case, id="-".join([*case[:2], case[2].name])) for case in chosen]


@pytest.mark.parametrize(("operation", "command", "failure"), _some(CASES, every=53))
def test_callers_do_not_notice_a_temporary_failure(
    place: Place, operation: str, command: str, failure: Failure
) -> None:
    request = OPERATIONS[operation]
    request.prepare(place)
    with failure.on(place.member, command, A_WHILE) as happened:
        response = request.send(place)
    assert happened[0] > 0
    assert response.status == 200, response
    _assert_once(place, request)


@pytest.mark.parametrize(("operation", "command", "failure"), _some(LASTING, every=41))
def test_a_lasting_failure_is_reported_and_the_retry_counts_once(
    place: Place, operation: str, command: str, failure: Failure
) -> None:
    request = OPERATIONS[operation]
    request.prepare(place)
    with failure.on(place.member, command, None) as happened:
        response = request.send(place)
    assert min(happened) > 0
    if response.status != 200:
        problem = response.json()
        assert (response.status, problem["code"]) == (503, "store_unavailable")
        assert problem["applied"] == ("unknown" if command == "commitTransaction" else "no")
    else:  # the server has found the result
        assert failure.applied
    again = request.send(place)
    assert again.status == 200, again
    _assert_once(place, request)
    if "X" in dict(request.left) and command == "commitTransaction":
        counted_before = again.headers["Monotron-Reused"] == "true"
        assert counted_before == failure.applied


def _assert_once(place: Place, request: Operation) -> None:
    response = place.one.request("GET", f"/v1/series/{place.key}")
    if not request.left:
        assert response.status == 404
        assert place.put("after").json()["value"] == 3
        return
    assert ledger(place.one, place.key) == request.left
    seen = response.json()
    assert (seen["token"], seen["value"]) == request.left[0]
