"""The findings of an audit, and the states that are not findings."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from bson import Int64, ObjectId

from contract.asking import BY, OTHER, SERIES, ask, put, put_any
from contract.version_notation import Notation
from monotron.model.semver import parse_final
from monotron.model.series import INT64_MAX, Reuse, SeriesKey
from monotron.model.versions.requests import VersionRequest
from monotron.runtime import Runtime
from monotron.services import series as series_module
from monotron.store import Store, open_store
from monotron.store.audit import AuditSlice
from monotron.store.mongo import MongoStore, scan
from monotron.store.mongo import audit as mongo_audit
from monotron.store.mongo import audit_versions as mongo_versions
from monotron.store.sqlite import audit as sqlite_audit
from monotron.store.sqlite import audit_versions as sqlite_versions
from monotron.store.sqlite.store import SqliteStore
from support.services import StoreServices

WEB = "The series 'some-great-service' of account 1"
SHOP = "of 'shop' in account 1"
A = f"The release 0.1.0 {SHOP} (token 'a')"
B = f"The release 0.1.1 {SHOP} (token 'b')"
C = f"The release 0.2.0-rc.1 {SHOP} (token 'c')"
NAME = "The name 'shop' in account 1"
WITHDRAWN = "'{}'"


def audited(store: Store) -> AuditSlice:
    slices = list(store.audit())
    return AuditSlice(
        tuple(finding for each in slices for finding in each.findings),
        sum(each.series for each in slices),
        sum(each.entries for each in slices),
        sum(each.releases for each in slices),
    )


def findings(store: Store) -> list[str]:
    return list(audited(store).findings)


def assign_versions(
    store: Store, *steps: tuple[str, VersionRequest], name: str = "shop"
) -> list[str]:
    """Assign each token a version of the name, in order."""

    async def give() -> list[str]:
        versions = StoreServices(store).versions
        given = [await versions.next(1, name, token, wanted) for token, wanted in steps]
        return [str(answer.release.version) for answer in given]

    return asyncio.run(give())


def adopt(store: Store, version: str, name: str = "shop") -> None:
    versions = StoreServices(store).versions
    asyncio.run(versions.adopt(1, name, parse_final(version), BY))


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that tests reach every end of a slice."""
    for name, size in (("SERIES", 5), ("ENTRIES", 7)):
        monkeypatch.setattr(sqlite_audit, f"{name}_PER_SLICE", size)
    monkeypatch.setattr(mongo_audit, "HEADS_PER_SLICE", 5)
    for module in (sqlite_versions, mongo_versions):
        monkeypatch.setattr(module, "RELEASES_PER_SLICE", 4)
        monkeypatch.setattr(module, "NAMES_PER_SLICE", 3)
    monkeypatch.setattr(scan, "ROWS_PER_PAGE", 7)


class TestAHealthyStore:
    def test_an_empty_store_has_no_findings(self, store: Store) -> None:
        assert audited(store) == AuditSlice()

    def test_the_checked_rows_are_counted(self, store: Store) -> None:
        for token in "abcab":
            put(store, token)
        put_any(store, "a", OTHER)
        assign_versions(store, ("a", VersionRequest("minor")), ("b", VersionRequest()))
        assert audited(store) == AuditSlice((), series=4, entries=8, releases=2)

    def test_advances_and_deletes_are_not_findings(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        assert findings(store) == []
        put(store, "b")
        put(store, "c")
        store.advance_to(SERIES, 100, BY)
        store.advance_to(SERIES, 101, BY)
        assert findings(store) == []
        store.delete(SERIES, restart=False)
        assert findings(store) == []
        assert put(store, "d") == 102
        store.advance_to(OTHER, INT64_MAX - 2, BY)
        put(store, "x", series=OTHER)
        put(store, "y", series=OTHER)
        assert findings(store) == []
        for restart in (True, False, True):
            store.delete(OTHER, restart=restart)
            assert findings(store) == []
            put(store, "z", series=OTHER)
        assert findings(store) == []

    def test_an_advance_as_the_first_entry_is_not_a_finding(self, store: Store) -> None:
        store.advance_to(SERIES, 41, BY)
        assert audited(store) == AuditSlice((), series=1, entries=1)
        put(store, "a")
        assert audited(store) == AuditSlice((), series=1, entries=2)

    def test_attributes_without_values_are_not_a_finding(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert audited(store) == AuditSlice()
        put(store, "a")
        store.attributes.merge(OTHER, "b", {"x": "1"})
        store.delete(SERIES, restart=False)
        store.delete(OTHER, restart=False)
        assert audited(store) == AuditSlice()

    def test_long_ledgers_and_many_series_are_checked(
        self, store: Store, small_slices: None
    ) -> None:
        store.allocate([ask(f"{number}") for number in range(40)])
        many = [SeriesKey(1 + number % 2, f"s{number}") for number in range(40)]
        store.allocate([ask("t", Reuse.ANY, series) for series in many])
        store.allocate([ask(f"{number}", series=OTHER) for number in range(21)])
        assign_versions(store, *((f"{number}", VersionRequest()) for number in range(15)))
        assert audited(store) == AuditSlice((), series=43, entries=116, releases=15)
        for number in range(8):
            assign_versions(store, ("a", VersionRequest()), name=f"shop {number}")
        assert audited(store) == AuditSlice((), series=51, entries=124, releases=23)

    def test_versions_of_all_kinds_are_not_findings(self, store: Store) -> None:
        given = assign_versions(
            store,
            ("a", VersionRequest("minor", label="rc")),
            ("b", VersionRequest("minor", label="rc")),
            ("b", VersionRequest("final")),
            ("c", VersionRequest()),
            ("d", VersionRequest("major")),
            ("e", VersionRequest("minor")),
            ("f", VersionRequest("minor", label="beta1")),
        )
        assert given == [
            "0.1.0-rc.1",
            "0.1.0-rc.2",
            "0.1.0",
            "0.1.1",
            "1.0.0",
            "1.1.0",
            "1.2.0-beta1.1",
        ]
        adopt(store, "4.5.6")
        adopt(store, "7.0.0")
        adopt(store, "0.3.0", name="other")
        assign_versions(store, ("g", VersionRequest()))
        assert findings(store) == []

    @pytest.mark.parametrize("component", ["-major", "-minor-v1", "-patch-v1.1"])
    @pytest.mark.parametrize("restart", [False, True])
    def test_a_restarted_component_series_is_not_a_finding(
        self, store: Store, component: str, restart: bool
    ) -> None:
        steps = ("major", "minor", "minor", "patch", "patch")
        assign_versions(store, *((bump, VersionRequest(bump)) for bump in steps))  # type: ignore[arg-type]
        assign_versions(
            store,
            ("x", VersionRequest()),
            ("y", VersionRequest("minor")),
            ("z", VersionRequest("major")),
        )
        series = SeriesKey(1, f"shop{component}")
        store.delete(series, restart=restart)
        assert findings(store) == []
        put(store, "directly", series=series)
        assert findings(store) == []
        assign_versions(store, ("a", VersionRequest()), ("b", VersionRequest("minor")))
        assert findings(store) == []

    def test_withdrawn_and_reversed_versions_are_not_findings(self, store: Store) -> None:
        steps = [
            "1.2.57",
            "a?bump=major",
            "withdraw 2.0.0",
            "b",
            "a?bump=minor&on_withdrawn=new",
            "2019.10.5",
            "withdraw 2019.10.5",
            "c",
            "d?prerelease=rc",
            "withdraw 1.3.2-rc.1",
            "e?prerelease=rc",
            "reverse 1.3.2-rc.1",
            "f?version=4.0.0",
            "withdraw 4.0.0",
            "g",
            "reverse 4.0.0",
            "h",
            "withdraw 1.2.57",
        ]

        async def run() -> None:
            notation = Notation(store)
            for step in steps:
                await notation.prepare(step)
                assert findings(store) == [], step

        asyncio.run(run())


class TestConcurrentWrites:
    def test_concurrent_writes_are_not_findings(self, store: Store, small_slices: None) -> None:
        series = [SeriesKey(1, f"s{number:02}") for number in range(60)]
        store.allocate([ask("t", Reuse.ANY, each) for each in series])
        store.allocate([ask(f"{number}") for number in range(30)])
        found: list[str] = []
        turns = 0
        for turns, audited in enumerate(store.audit()):
            found += audited.findings
            put(store, f"more {turns}")
            store.advance_to(series[turns % 60], 1000 + turns, BY)
            store.delete(series[(turns + 20) % 60], restart=bool(turns % 2))
            put(store, f"more {turns}", series=series[(turns + 40) % 60])
            if turns == 4:
                store.delete(SERIES, restart=False)
            if turns % 10 == 0:
                assign_versions(store, (f"{turns}", VersionRequest()))
        assert turns > 10
        assert found == []
        assert findings(store) == []

    def test_an_audit_of_a_service_pauses_for_as_long_as_each_slice_took(
        self, store: Store, small_slices: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        async def scenario() -> int:
            store.allocate([ask("t", Reuse.ANY, SeriesKey(1, f"s{number}")) for number in range(9)])
            return len([each async for each in StoreServices(store).series.audit()])

        times = itertools.count(2, 3)  # each slice takes three seconds
        monkeypatch.setattr(series_module, "time", SimpleNamespace(monotonic=times.__next__))
        monkeypatch.setattr(series_module, "asyncio", SimpleNamespace(sleep=sleep))
        count = asyncio.run(scenario())
        assert count > 1
        assert pauses == [3] * count


class Sqlite:
    """The rows of an SQLite store, changed directly, without constraints that prevent it."""

    def __init__(self, store: SqliteStore) -> None:
        self.run = store._file._connection.execute
        self.run("PRAGMA ignore_check_constraints = ON")

    def lax(self, table: str) -> None:
        """The table without its constraints, keys and types."""
        self.run(f"CREATE TABLE lax AS SELECT * FROM {table}")
        self.run(f"DROP TABLE {table}")
        self.run(f"ALTER TABLE lax RENAME TO {table}")


ADD_ENTRY = "INSERT INTO entries (generation, value, token, created_at) VALUES"
GENERATION = "(SELECT generation FROM series WHERE key = 'some-great-service')"

IN_SQLITE: list[tuple[str, list[str], list[str]]] = [
    (
        "a gap",
        [f"DELETE FROM entries WHERE generation = {GENERATION} AND value = 2"],
        [f"{WEB} has no entry for 2, and no advance explains the gap."],
    ),
    (
        "a large gap",
        [f"DELETE FROM entries WHERE generation = {GENERATION} AND value IN (2, 3)"],
        [f"{WEB} has no entry for 2 to 3, and no advance explains the gap."],
    ),
    (
        "a gap that a later advance does not explain",
        [
            f"DELETE FROM entries WHERE generation = {GENERATION} AND value = 2",
            f"UPDATE entries SET token = NULL WHERE generation = {GENERATION} AND value = 4",
        ],
        [f"{WEB} has no entry for 2, and no advance explains the gap."],
    ),
    (
        "the newest entry",
        [f"DELETE FROM entries WHERE generation = {GENERATION} AND value = 5"],
        [f"{WEB} is at 5, but its ledger ends with 4."],
    ),
    (
        "all entries",
        [f"DELETE FROM entries WHERE generation = {GENERATION}"],
        [f"{WEB} is at 5, but its ledger is empty."],
    ),
    (
        "a head that fell",
        [f"UPDATE series SET value = 3 WHERE generation = {GENERATION}"],
        [f"{WEB} is at 3, but its ledger ends with 5."],
    ),
    (
        "a head that rose",
        [f"UPDATE series SET value = 6 WHERE generation = {GENERATION}"],
        [f"{WEB} is at 6, but its ledger ends with 5."],
    ),
    (
        "a head at nothing",
        [f"UPDATE series SET value = 0 WHERE generation = {GENERATION}"],
        [f"{WEB} is at 0, which is not a valid value."],
    ),
    (
        "another current token",
        [f"UPDATE series SET token = 'b' WHERE generation = {GENERATION}"],
        [f"{WEB} has the current token 'b', but its ledger has 'e' for 5."],
    ),
    (
        "no current token",
        [f"UPDATE series SET token = NULL WHERE generation = {GENERATION}"],
        [f"{WEB} has the current token None, but its ledger has 'e' for 5."],
    ),
    (
        "an inactive head with a ledger",
        [f"UPDATE series SET is_active = 0, token = NULL WHERE generation = {GENERATION}"],
        [f"{WEB} is deleted, but has a current token or entries."],
    ),
    (
        "a ledger marked for deletion",
        [f"INSERT INTO deleted_generations VALUES ({GENERATION})"],
        [f"{WEB} has a ledger that is marked for deletion."],
    ),
    (
        "an entry below 1",
        [f"{ADD_ENTRY} ({GENERATION}, 0, 'x', 0)"],
        [f"{WEB} has an entry with 0 (integer), which is not a valid value."],
    ),
    (
        "a value twice",
        [
            "LAX entries",
            f"{ADD_ENTRY} ({GENERATION}, 2, 'x', 0)",
        ],
        [f"{WEB} has two entries for 2."],
    ),
    (
        "a value that is not an integer",
        [
            "LAX series",
            "LAX entries",
            f"UPDATE entries SET value = 9.3e18 WHERE generation = {GENERATION} AND value = 5",
            f"UPDATE series SET value = 9.3e18 WHERE generation = {GENERATION}",
        ],
        [
            f"{WEB} is at 9.3e+18 (real), which is not a valid value.",
            f"{WEB} has an entry with 9.3e+18 (real), which is not a valid value.",
        ],
    ),
    (
        "a series twice",
        [
            "LAX series",
            "INSERT INTO series SELECT 99, 1, key, 0, NULL, 0, 0, 0, NULL FROM series LIMIT 1",
        ],
        [f"{WEB} has 2 heads.", f"{WEB} has 2 heads."],
    ),
    (
        "a ledger without a series",
        [f"DELETE FROM series WHERE generation = {GENERATION}"],
        [
            "There are entries of generation 1, which belongs to no series and is not marked for "
            "deletion.",
            "There are attributes of generation 1, which belongs to no series and is not marked "
            "for deletion.",
        ],
    ),
    (
        "a version twice",
        [
            "LAX releases",
            "INSERT INTO releases SELECT * FROM releases WHERE version = '0.1.0'",
            "UPDATE releases SET token = 'x' WHERE rowid = 4",
        ],
        [
            f"{A} is recorded 2 times.",
            f"The release 0.1.0 {SHOP} (token 'x') is recorded 2 times.",
            f"{NAME} has 4 releases, but a summary of 3.",
        ],
    ),
    (
        "two versions of a token",
        ["LAX releases", "UPDATE releases SET token = 'a' WHERE version = '0.1.1'"],
        [
            f"{A} is one of 2 releases of its token with this label.",
            f"The release 0.1.1 {SHOP} (token 'a') is one of 2 releases of its token with "
            "this label.",
            f"{NAME} has the newest version 0.1.1 (token 'a'), but a summary with 0.1.1 "
            "(token 'b').",
        ],
    ),
    (
        "a wrong sort key",
        ["UPDATE releases SET sort_key = '~' WHERE version = '0.1.1'"],
        [f"{B} has the sort key '~' of another version."],
    ),
    (
        "a final version with a label",
        ["UPDATE releases SET label = 'rc' WHERE version = '0.1.0'"],
        [f"{A} is recorded with the label 'rc'."],
    ),
    (
        "a pre-release with another label",
        ["UPDATE releases SET label = 'beta' WHERE version = '0.2.0-rc.1'"],
        [f"{C} is recorded with the label 'beta'."],
    ),
    (
        "two attempts of a token",
        [
            "LAX releases",
            f"UPDATE releases SET token = 'a', withdrawn = {WITHDRAWN} WHERE version = '0.1.1'",
            "UPDATE names SET withdrawn = 1, newest = '0.1.0', newest_token = 'a'",
        ],
        [
            f"{A} is one of 2 releases of its token with this label.",
            f"The release 0.1.1 {SHOP} (token 'a') is one of 2 releases of its token with "
            "this label.",
        ],
    ),
    (
        "a release without a summary",
        ["DELETE FROM names"],
        [f"{NAME} has releases, and no summary."],
    ),
    (
        "a summary with another number of releases",
        ["UPDATE names SET releases = 2"],
        [f"{NAME} has 3 releases, but a summary of 2."],
    ),
    (
        "a release that was removed",
        ["DELETE FROM releases WHERE version = '0.1.1'"],
        [
            f"{NAME} has 2 releases, but a summary of 3.",
            f"{NAME} has the newest version 0.1.0 (token 'a'), but a summary with 0.1.1 "
            "(token 'b').",
        ],
    ),
    (
        "a summary with another number of withdrawn releases",
        ["UPDATE names SET withdrawn = 1"],
        [f"{NAME} has 0 withdrawn releases, but a summary of 1."],
    ),
    (
        "a summary with another token",
        ["UPDATE names SET newest_token = 'a'"],
        [f"{NAME} has the newest version 0.1.1 (token 'b'), but a summary with 0.1.1 (token 'a')."],
    ),
    (
        "a summary of a withdrawn version",
        [f"UPDATE releases SET withdrawn = {WITHDRAWN} WHERE version = '0.1.1'"],
        [
            f"{NAME} has 1 withdrawn releases, but a summary of 0.",
            f"{NAME} has the newest version 0.1.0 (token 'a'), but a summary with 0.1.1 "
            "(token 'b').",
        ],
    ),
    (
        "a summary without releases",
        ["INSERT INTO names VALUES (2, 'other', 1, 1, 0, NULL, NULL)"],
        ["The name 'other' in account 2 has 0 releases, but a summary of 1."],
    ),
    (
        "no version",
        ["UPDATE releases SET version = '1.2' WHERE version = '0.1.1'"],
        [
            f"{B} has a version that Monotron does not assign.".replace("0.1.1", "1.2"),
            f"{NAME} has the newest version 1.2 (token 'b'), but a summary with 0.1.1 (token 'b').",
        ],
    ),
    (
        "a component that was never counted",
        [
            "DELETE FROM series WHERE key = 'shop-patch-v0.1'",
            "DELETE FROM entries WHERE generation = 4",
        ],
        [f"{B} has its number from the series 'shop-patch-v0.1', which does not exist."],
    ),
]


class TestSqliteRows:
    @pytest.mark.parametrize(
        ("statements", "expected"),
        [row[1:] for row in IN_SQLITE],
        ids=[row[0].replace(" ", "-") for row in IN_SQLITE],
    )
    def test_contradicting_rows_are_found(self, statements: list[str], expected: list[str]) -> None:
        store = open_store("sqlite://")
        assert isinstance(store, SqliteStore)
        fill(store)
        rows = Sqlite(store)
        for statement in statements:
            rows.lax(statement[4:]) if statement.startswith("LAX ") else rows.run(statement)
        assert findings(store) == expected
        store.close()

    def test_a_component_series_below_a_release_is_found(self) -> None:
        now = [1_700_000_000.0]

        def clock() -> float:
            now[0] += 1
            return now[0]

        store = open_store("sqlite://", runtime=Runtime(clock=clock))
        assert isinstance(store, SqliteStore)
        assign_versions(
            store, ("a", VersionRequest("minor")), ("b", VersionRequest()), ("c", VersionRequest())
        )
        rows = Sqlite(store)
        generation = "(SELECT generation FROM series WHERE key = 'shop-patch-v0.1')"
        rows.run(f"DELETE FROM entries WHERE generation = {generation} AND value = 2")
        rows.run(f"UPDATE series SET value = 1, token = 'b' WHERE generation = {generation}")
        (found,) = findings(store)
        assert found == (
            f"The release 0.1.2 {SHOP} (token 'c') is above the series "
            "'shop-patch-v0.1', which is at 1."
        )
        store.close()

    def test_an_adopted_version_above_its_series_is_found(self) -> None:
        store = open_store("sqlite://")
        assert isinstance(store, SqliteStore)
        adopt(store, "1.2.0")
        rows = Sqlite(store)
        rows.run("DELETE FROM entries WHERE generation = 2")
        rows.run("DELETE FROM series WHERE key = 'shop-minor-v1'")
        assert findings(store) == [
            f"The release 1.2.0 {SHOP} (adopted) has its number from the series 'shop-minor-v1', "
            "which does not exist."
        ]
        store.close()

    def test_a_damaged_file_is_found_if_no_one_else_uses_it(self) -> None:
        store = open_store("sqlite://")
        assert isinstance(store, SqliteStore)
        fill(store)
        rows = Sqlite(store)
        rows.run("PRAGMA ignore_check_constraints = OFF")
        assert not any(each.findings for each in store.audit(alone=True))
        rows.run("PRAGMA ignore_check_constraints = ON")
        rows.run(f"UPDATE series SET value = -1 WHERE generation = {GENERATION}")
        rows.run("PRAGMA ignore_check_constraints = OFF")
        first = next(iter(store.audit(alone=True)))
        assert first.findings == (
            "SQLite finds the file damaged: CHECK constraint failed in series.",
        )
        store.close()


def fill(store: Store) -> None:
    """A series with a, b, c, d and e, another, attributes, and some versions."""
    for token in "abcde":
        put(store, token)
    store.attributes.merge(SERIES, "a", {"x": "1"})
    put(store, "a", series=OTHER)
    assign_versions(
        store,
        ("a", VersionRequest("minor")),
        ("b", VersionRequest()),
        ("c", VersionRequest("minor", label="rc")),
    )


Ruin = Callable[[Any], object]
MINE = {"key": "some-great-service"}


def entry(value: Any, **more: Any) -> Callable[[Any], object]:
    def insert(database: Any) -> None:
        head = database.series.find_one(MINE)
        row = {"account": 1, **MINE, "generation": head["generation"], "value": value, "token": "x"}
        database.entries.insert_one({**row, "created_at": Int64(0), **more})

    return insert


def head(**fields: Any) -> Ruin:
    return lambda database: database.series.update_one(MINE, {"$set": fields})


def lost(*values: int) -> Ruin:
    return lambda database: database.entries.delete_many({**MINE, "value": {"$in": [*values]}})


def release(of: str, /, **fields: Any) -> Ruin:
    return lambda database: database.releases.update_one({"version": of}, {"$set": fields})


def summary(**fields: Any) -> Ruin:
    return lambda database: database.names.update_one({"name": "shop"}, {"$set": fields})


def twice(collection: str, condition: dict[str, Any], **fields: Any) -> Ruin:
    def insert(database: Any) -> None:
        row = database[collection].find_one(
            condition, sort=[("_id", -1)]
        )  # of the newest generation
        database[collection].drop_indexes()
        database[collection].insert_one({**row, "_id": ObjectId(), **fields})

    return insert


IN_MONGODB: list[tuple[str, Ruin, list[str]]] = [
    ("a gap", lost(2), [f"{WEB} has no entry for 2, and no advance explains the gap."]),
    (
        "a large gap",
        lost(2, 3),
        [f"{WEB} has no entry for 2 to 3, and no advance explains the gap."],
    ),
    (
        "a head that fell",
        head(value=Int64(3), token="c"),
        [f"{WEB} is at 3, but its ledger has an entry for 5."],
    ),
    (
        "a head that rose",
        head(value=Int64(7), token="g"),
        [f"{WEB} is at 7, but its ledger ends with 5."],
    ),
    (
        "another current token",
        head(token="b"),
        [f"{WEB} has the current token 'b', but its ledger has 'e' for 5."],
    ),
    (
        "an empty ledger",
        lost(1, 2, 3, 4, 5),
        [f"{WEB} is at 5, but its ledger is empty."],
    ),
    (
        "an inactive head with a token",
        head(active=False),
        [f"{WEB} is deleted, but has a current token."],
    ),
    (
        "an entry above the head",
        entry(Int64(6)),
        [f"{WEB} is at 5, but its ledger has an entry for 6."],
    ),
    (
        "an entry below 1",
        entry(Int64(0)),
        [f"{WEB} has an entry with 0 (Int64), which is not a 64-bit integer."],
    ),
    (
        "an entry of 32 bits",
        lambda database: (lost(2)(database), entry(2)(database)),
        [f"{WEB} has an entry with 2 (int), which is not a 64-bit integer."],
    ),
    (
        "an entry that is not an integer",
        lambda database: (lost(2)(database), entry(2.0)(database)),
        [f"{WEB} has an entry with 2.0 (float), which is not a 64-bit integer."],
    ),
    (
        "a head that is not an integer",
        head(value=9.3e18),
        [f"{WEB} is at 9.3e+18 (float), which is not a 64-bit integer."],
    ),
    (
        "a head without a generation",
        head(generation=None),
        [f"{WEB} has a head without a generation or a state."],
    ),
    (
        "a value twice",
        twice("entries", {**MINE, "value": 2}, token="x"),
        [f"{WEB} has two entries for 2."],
    ),
    ("a series twice", twice("series", MINE), [f"{WEB} has two heads."]),
    (
        "a series that was removed",
        lambda database: database.series.delete_one(MINE),
        [f"{WEB} has entries, and no head.", f"{WEB} has attributes, and no head."],
    ),
    (
        "a version twice",
        twice("releases", {"version": "0.1.0"}, token="x"),
        [
            f"The release 0.1.0 {SHOP} (token 'x') is recorded twice.",
            f"{NAME} has 4 releases, but a summary of 3.",
        ],
    ),
    (
        "two versions of a token",
        lambda database: (database.releases.drop_indexes(), release("0.1.1", token="a")(database)),
        [
            "The token 'a' has two releases of 'shop' in account 1, both with the label ''.",
            f"{NAME} has the newest version 0.1.1 (token 'a'), but a summary with 0.1.1 "
            "(token 'b').",
        ],
    ),
    (
        "a wrong sort key",
        release("0.1.1", sort_key="~"),
        [f"{B} has the sort key '~' of another version."],
    ),
    (
        "a final version recorded as a pre-release",
        release("0.1.1", is_final=False),
        [f"{B} is recorded with the state final=False."],
    ),
    (
        "a pre-release recorded as a final version",
        release("0.2.0-rc.1", is_final=True),
        [f"{C} is recorded with the state final=True."],
    ),
    (
        "a pre-release with another label",
        release("0.2.0-rc.1", label="beta"),
        [f"{C} is recorded with the label 'beta'."],
    ),
    (
        "a version recorded as withdrawn",
        release("0.1.1", is_withdrawn=True),
        [f"{B} is recorded with the state withdrawn=True."],
    ),
    (
        "a withdrawn version recorded as not withdrawn",
        release("0.1.1", withdrawn={"at": 1}),
        [
            f"{B} is recorded with the state withdrawn=False.",
            f"{NAME} has 1 withdrawn releases, but a summary of 0.",
            f"{NAME} has the newest version 0.1.0 (token 'a'), but a summary with 0.1.1 "
            "(token 'b').",
        ],
    ),
    (
        "two attempts of a token",
        lambda database: (
            database.releases.drop_indexes(),
            release("0.1.1", token="a", withdrawn={"at": 1}, is_withdrawn=True)(database),
            summary(withdrawn=1, newest="0.1.0", newest_token="a")(database),
        ),
        ["The token 'a' has two releases of 'shop' in account 1, both with the label ''."],
    ),
    (
        "a release without a summary",
        lambda database: database.names.delete_many({}),
        [f"{NAME} has releases, and no summary."],
    ),
    (
        "a summary with another number of releases",
        summary(releases=2),
        [f"{NAME} has 3 releases, but a summary of 2."],
    ),
    (
        "a release that was removed",
        lambda database: database.releases.delete_one({"version": "0.1.1"}),
        [
            f"{NAME} has 2 releases, but a summary of 3.",
            f"{NAME} has the newest version 0.1.0 (token 'a'), but a summary with 0.1.1 "
            "(token 'b').",
        ],
    ),
    (
        "a summary with another number of withdrawn releases",
        summary(withdrawn=1),
        [f"{NAME} has 0 withdrawn releases, but a summary of 1."],
    ),
    (
        "a summary with another token",
        summary(newest_token="a"),
        [f"{NAME} has the newest version 0.1.1 (token 'b'), but a summary with 0.1.1 (token 'a')."],
    ),
    (
        "a revision that is not an integer",
        summary(revision=1.5),
        [f"{NAME} has a revision that is not a 64-bit integer."],
    ),
    ("a summary twice", twice("names", {"name": "shop"}), [f"{NAME} has two summaries."]),
    (
        "no version",
        release("0.1.1", version="1.2"),
        [
            f"{B} has a version that Monotron does not assign.".replace("0.1.1", "1.2"),
            f"{NAME} has the newest version 1.2 (token 'b'), but a summary with 0.1.1 (token 'b').",
        ],
    ),
    (
        "a time that is not an integer",
        release("0.1.1", created_at=1.5),
        [f"{B} has a time that is not a 64-bit integer."],
    ),
    (
        "a component that was never counted",
        lambda database: (
            database.series.delete_one({"key": "shop-patch-v0.1"}),
            database.entries.delete_many({"key": "shop-patch-v0.1"}),
        ),
        [f"{B} has its number from the series 'shop-patch-v0.1', which does not exist."],
    ),
]


@pytest.fixture
def mongo(database_url: str) -> Iterator[tuple[MongoStore, Any]]:
    store = open_store(database_url)
    fill(store)
    store.delete(SERIES, restart=True)
    for token in "abcd":
        put(store, token)
    store.attributes.merge(SERIES, "a", {"x": "1"})
    put(store, "e")
    assert isinstance(store, MongoStore)
    database = store._client.get_default_database()
    yield store, database
    if any(
        len(database[name].index_information()) == 1
        for name in ("series", "entries", "releases", "names")
    ):
        store._client.drop_database(database.name)  # indexes were ruined, too
    store.close()


class TestMongoDocuments:
    @pytest.mark.parametrize(
        ("ruin", "expected"),
        [row[1:] for row in IN_MONGODB],
        ids=[row[0].replace(" ", "-") for row in IN_MONGODB],
    )
    def test_contradicting_rows_are_found(
        self, mongo: tuple[MongoStore, Any], ruin: Ruin, expected: list[str]
    ) -> None:
        store, database = mongo
        assert findings(store) == []
        ruin(database)
        assert findings(store) == expected

    @pytest.mark.parametrize("size", range(2, 7))
    @pytest.mark.parametrize(
        ("ruin", "finding"),
        [
            (lost(3), "has no entry for 3, and no advance explains the gap."),
            (twice("entries", {**MINE, "value": 3}, token="x"), "has two entries for 3."),
        ],
        ids=["a-gap", "a-value-twice"],
    )
    def test_contradictions_between_two_pages_are_found(
        self,
        mongo: tuple[MongoStore, Any],
        monkeypatch: pytest.MonkeyPatch,
        ruin: Ruin,
        finding: str,
        size: int,
    ) -> None:
        store, database = mongo
        monkeypatch.setattr(scan, "ROWS_PER_PAGE", size)
        assert findings(store) == []
        ruin(database)
        assert findings(store) == [f"{WEB} {finding}"]

    def test_labels_are_checked_beyond_a_page_of_adopted_versions(
        self, mongo: tuple[MongoStore, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, database = mongo
        for major in range(4, 8):
            adopt(store, f"{major}.0.0")
        monkeypatch.setattr(scan, "ROWS_PER_PAGE", 3)
        database.releases.drop_indexes()
        release("0.1.1", token="a")(database)
        assert findings(store) == [
            "The token 'a' has two releases of 'shop' in account 1, both with the label ''."
        ]

    @pytest.mark.parametrize(
        ("collection", "order"),
        [
            ("series", mongo_audit.SERIES),
            ("entries", mongo_audit.ENTRY),
            ("attributes", mongo_audit.SERIES),
            ("releases", mongo_versions.RELEASE),
            ("releases", mongo_versions.LABEL),
            ("names", mongo_versions.NAME),
        ],
    )
    def test_pages_are_read_along_an_index(
        self, mongo: tuple[MongoStore, Any], collection: str, order: tuple[str, ...]
    ) -> None:
        _, database = mongo
        row = database[collection].find_one()
        every = mongo_versions.WITH_TOKEN if order == mongo_versions.LABEL else {}
        for condition in every, every | scan.after(row, order):
            found = database[collection].find(condition).sort([(field, 1) for field in order])
            plan = found.limit(1000).explain()["queryPlanner"]["winningPlan"]
            stages = set(_stages(plan))
            assert "IXSCAN" in stages
            assert not {"SORT", "COLLSCAN"} & stages


def _stages(plan: Any) -> Iterable[str]:
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for each in plan.values():
            yield from _stages(each)
    elif isinstance(plan, list):
        for each in plan:
            yield from _stages(each)
