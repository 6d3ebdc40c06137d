"""Each command of the protocol fails in each way: what was told holds, and nothing counts twice."""

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
from support.member import Mongod, until
from support.mongod import ReplicaSet
from support.server import Server

LAUNCHER = (str(Path(__file__).with_name("impatient_server.py")),)
A_WHILE = 3
"""How often in a row a command fails: more often than a driver tries."""
NOT_SEALED = "background ledger write failed"

_numbers = count(1)


@dataclass
class Place:
    """A set of one member with two servers, and the series of one test."""

    member: Mongod
    one: Client
    other: Client
    log: Callable[[], str]
    """What `one` has logged."""
    key: str = ""

    def put(self, token: str, *, other: bool = False) -> Response:
        client = self.other if other else self.one
        return client.request("PUT", f"/v1/series/{self.key}/{token}?reuse=any")

    def given(self, *tokens: str, other: bool = False) -> None:
        for token in tokens:
            assert self.put(token, other=other).status == 200

    def sealed(self, values: int) -> None:
        """Return once the ledger has so many rows of the series, so that no more are written."""
        until(lambda: self._rows() == values, 10, f"{values} sealed values of {self.key}")

    def _rows(self) -> int:
        count = {"count": "entries", "query": {"key": self.key}, "$db": "commands"}
        return int(self.member.command(count)["n"])


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
            yield Place(replica_set.members[0], first, second, one.log)


@pytest.fixture
def place(shared: Place) -> Place:
    shared.key = f"series-{next(_numbers)}"
    return shared


@dataclass(frozen=True)
class Operation:
    """A request, what came before it, and the (token, value) of the ledger it leaves."""

    prepare: Callable[[Place], None]
    send: Callable[[Place], Response]
    left: list[tuple[str | None, int]]


def _two_values(place: Place) -> None:
    place.given("T", other=True)
    place.given("U")
    place.sealed(2)


def _overtaken(place: Place) -> None:
    """The other server remembers what is true no more."""
    place.given("T", other=True)
    place.given("U")
    place.sealed(2)


OPERATIONS = {
    "new series": Operation(lambda place: None, lambda place: place.put("X"), [("X", 1)]),
    "new token": Operation(
        _two_values, lambda place: place.put("X"), [("X", 3), ("U", 2), ("T", 1)]
    ),
    "overtaken": Operation(
        _overtaken, lambda place: place.put("X", other=True), [("X", 3), ("U", 2), ("T", 1)]
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
WRITES = [(operation, "update") for operation in OPERATIONS]
MARKS = [("overtaken", "findAndModify")]

CASES = [
    (operation, command, failure)
    for operation, command in [*READS, *WRITES, *MARKS]
    for failure in REFUSALS
] + [
    (operation, command, failure)
    for operation, command in [*WRITES, *MARKS]
    for failure in APPLICATIONS
    if operation != "overtaken" or command != "update" or not failure.hangs_up
]
LASTING = [
    case
    for case in CASES
    if case[2].name in ("11602", "6 without labels", "91 NoWritesPerformed", "hung up")
    or case[2] in APPLICATIONS
]


def _some(cases: list[tuple[str, str, Failure]], every: int) -> list[object]:
    """All of them in the whole tier; else one of so many, with each way and each command."""
    chosen = cases if WHOLE else cases[::every]
    return [pytest.param(*case, id="-".join([*case[:2], case[2].name])) for case in chosen]


@pytest.mark.parametrize(("operation", "command", "failure"), _some(CASES, every=53))
def test_a_command_that_fails_for_a_while_is_not_noticed(
    place: Place, operation: str, command: str, failure: Failure
) -> None:
    asked = OPERATIONS[operation]
    asked.prepare(place)
    with failure.on(place.member, command, A_WHILE) as happened:
        response = asked.send(place)
    assert happened[0] > 0
    assert response.status == 200, response
    _assert_once(place, asked)


@pytest.mark.parametrize(("operation", "command", "failure"), _some(LASTING, every=41))
def test_a_command_that_goes_on_failing_is_told_and_the_retry_counts_once(
    place: Place, operation: str, command: str, failure: Failure
) -> None:
    asked = OPERATIONS[operation]
    asked.prepare(place)
    with failure.on(place.member, command, None) as happened:
        response = asked.send(place)
    assert min(happened) > 0
    if response.status != 200:
        problem = response.json()
        assert (response.status, problem["code"]) == (503, "store_unavailable")
        assert problem["applied"] == ("unknown" if command == "update" else "no")
    else:  # it asked what had become of it
        assert failure.applied
    again = asked.send(place)
    assert again.status == 200, again
    _assert_once(place, asked)
    if "X" in dict(asked.left) and command == "update":
        counted_before = again.headers["Monotron-Reused"] == "true"
        assert counted_before == failure.applied


def _assert_once(place: Place, asked: Operation) -> None:
    response = place.one.request("GET", f"/v1/series/{place.key}")
    if not asked.left:
        assert response.status == 404
        assert place.put("after").json()["value"] == 3
        return
    assert ledger(place.one, place.key) == asked.left
    seen = response.json()
    assert (seen["token"], seen["value"]) == asked.left[0]


@pytest.mark.parametrize(
    "failure", [REFUSALS[1], REFUSALS[-1], *APPLICATIONS[:4]], ids=lambda each: each.name
)
def test_what_cannot_be_sealed_is_not_left_behind(place: Place, failure: Failure) -> None:
    """The next step waits for it: refused, and never applied, if it waits in vain."""
    before = place.log().count(NOT_SEALED)
    with failure.on(place.member, "insert", None) as happened:
        place.given("T")
        until(lambda: place.log().count(NOT_SEALED) > before, 10, "sealing that failed")
        response = place.put("U")
        if response.status != 200:
            problem = response.json()
            assert (response.status, problem["code"]) == (503, "store_unavailable")
    assert happened[0] > 0
    place.given("U", "V")
    assert ledger(place.one, place.key) == [("V", 3), ("U", 2), ("T", 1)]
