"""The number of releases of a name does not increase the cost of its requests."""

from __future__ import annotations

from typing import Any

from semver import Version

from monotron.errors import AlreadyReleased, InvalidBump, MonotronError
from monotron.model.commit_rules import CommitRules
from monotron.model.conventional_commits import decide
from monotron.model.semver import Final, Line, VersionName, sort_key_range
from monotron.model.versions.requests import (
    Assign,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    Reverse,
    VersionRequest,
    VersionResult,
    Withdraw,
)
from monotron.store import Store, open_store
from support.profiler import profiling

FEW, MANY = VersionName(1, "few"), VersionName(1, "many")
VERSIONS = {FEW: 30, MANY: 600}
"""The number of final versions."""

MAX_EXAMINED = 12
"""The maximum number of documents, and of index keys, that one query examines."""

FEATURE = decide("feat: x", CommitRules())


def fill(store: Store, name: VersionName) -> None:
    """Create a few pre-releases and many final versions, every second one with a base.

    The newest one is withdrawn.
    """
    for number in range(5):
        answer(store, Assign(name, f"b{number}", VersionRequest(label="rc")))
        answer(store, Assign(name, f"c{number}", VersionRequest(bump="major", label="next")))
    requests = [
        Assign(name, f"a{number}", VersionRequest(base=Final(0, 0, number) if number % 2 else None))
        for number in range(VERSIONS[name])
    ]
    for start in range(0, len(requests), 60):
        answers = store.releases.decide(requests[start : start + 60])
        assert not any(isinstance(answer, MonotronError) for answer in answers), answers
    answer(store, Withdraw(name, answer(store, GetNewest(name)).release.version, "", False, ""))


def answer(store: Store, request: Request) -> VersionResult:
    (result,) = store.releases.decide([request])
    assert not isinstance(result, MonotronError), (request, result)
    return result


def use(store: Store, name: VersionName) -> None:
    """Send requests of each kind."""
    newest = answer(store, GetNewest(name)).release.target
    requests: list[Request] = [
        Assign(name, "n1", VersionRequest(bump="auto", base=newest), FEATURE),
        Assign(name, "n2", VersionRequest()),
        Assign(name, "n3", VersionRequest(line=Line(0, 0))),
        Assign(name, "n4", VersionRequest(label="rc")),
        Assign(name, "n5", VersionRequest(label="beta")),
        Assign(name, "a4", VersionRequest(label="beta")),
        Assign(name, "n4", VersionRequest(bump="final")),
        Assign(name, "n6", VersionRequest(bump="final", promote="next")),
        Assign(name, "n7", VersionRequest(bump="exact", version=Final(2, 5, 0))),
        Assign(name, "n8", VersionRequest(bump="calendar")),
        Assign(name, "a3", VersionRequest()),
        GetNewest(name, Line(0, 0)),
        GetOfToken(name, "b3", None),
        GetRelease(name, Version(0, 0, 7)),
        Withdraw(name, Version(2, 5, 0), "wrong", False, ""),
        Reverse(name, Version(2, 5, 0), ""),
    ]
    for request in requests:
        answer(store, request)
    (error,) = store.releases.decide([Assign(name, "n9", VersionRequest(bump="final"))])
    assert isinstance(error, InvalidBump | AlreadyReleased)
    for label in None, "", "rc", "none":
        store.releases.page(name, sort_key_range(), label, 5)
    for tokens, number in (("a", "b"), 5), (("b3", "b4"), 1), (("f", "g"), 0):
        assert len(store.releases.tokens(name, tokens, 5)) == number


def test_sqlite_executes_no_instructions_for_other_releases(counted_store: Any) -> None:
    costs = counted_store.costs(fill, use, (FEW, MANY))
    assert 0 < costs[1] < 1.05 * costs[0]


def test_mongodb_examines_no_other_releases(profiled: Any, database_url: str) -> None:
    store = open_store(database_url)
    fill(store, MANY)
    with profiling(profiled):
        use(store, MANY)
    store.close()
    commands = list(profiled["system.profile"].find({"keysExamined": {"$exists": True}}))
    assert {command["ns"].rpartition(".")[2] for command in commands} >= {"names", "releases"}
    excessive = [
        (command["ns"], command["command"], command["docsExamined"], command["keysExamined"])
        for command in commands
        if max(command["docsExamined"], command["keysExamined"]) > MAX_EXAMINED
    ]
    assert excessive == []
