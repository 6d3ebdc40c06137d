"""The protocol of transactions: what is sent to MongoDB, and every response that it can give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from bson import Int64
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent

from contract.asking import BY, OTHER, SERIES, ask, ask_any, ledger, put, put_any, value, values
from monotron.errors import (
    InternalError,
    QuotaExceeded,
    SeriesExhausted,
    StoreUnavailable,
    ValueWouldFall,
)
from monotron.model.allocation import AllocationRequest
from monotron.model.quotas import Quotas
from monotron.model.semver import Final, VersionName
from monotron.model.series import Reuse, SeriesKey
from monotron.model.versions.requests import (
    Assign,
    GetNewest,
    Request,
    VersionRequest,
    VersionResult,
)
from monotron.runtime import Runtime
from monotron.store.auth_interface import AuthRecord, RecordChange
from monotron.store.mongo import MongoStore
from monotron.store.mongo.series import DUPLICATE_KEY, SeriesDocuments
from monotron.store.mongo.sweep import Sweep
from monotron.store.mongo.transactions import read_concern_of
from support.mongod import ReplicaSet

TRANSIENT = "TransientTransactionError"
MANY = [SeriesKey(1, str(number)) for number in range(50)]


class Commands(CommandListener):
    """The commands of a client, except those of sessions."""

    def __init__(self) -> None:
        self.sent: list[CommandStartedEvent] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name != "endSessions":
            self.sent.append(event)

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def names(self) -> list[str]:
        return [event.command_name for event in self.sent]

    def of(self, name: str) -> list[Any]:
        return [event.command for event in self.sent if event.command_name == name]


@dataclass(frozen=True)
class Opener:
    """Opens stores in one database, whose commands can fail."""

    replica_set: ReplicaSet
    commands: Commands = field(default_factory=Commands)
    stores: list[MongoStore] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    """Further options of the client, as in a URL."""

    def __call__(self, store_type: type[MongoStore] = MongoStore, **options: Any) -> MongoStore:
        client: MongoClient[Any] = self.replica_set.client(
            appname="monotron", retryWrites=False, event_listeners=[self.commands], **self.options
        )
        store = store_type(client["protocol"], **options)
        self.stores.append(store)
        return store

    @contextmanager
    def failing(self, command: str, times: int | None, **data: object) -> Iterator[None]:
        """Let a command fail for the next *times*, or always."""
        member = self.replica_set.primary()
        data = {"failCommands": [command], "appName": "monotron", **data}
        member.fail_point("failCommand", "off")
        member.fail_point("failCommand", {"times": times} if times else "alwaysOn", **data)
        try:
            yield
        finally:
            failed = member.fail_point("failCommand", "off")
        assert failed >= (times or 1), f"{command} failed {failed} times"


@pytest.fixture(scope="module")
def failing_set() -> Iterator[ReplicaSet]:
    with ReplicaSet.start(members=1, fail_points=True) as replica_set:
        yield replica_set


@pytest.fixture
def opened(failing_set: ReplicaSet) -> Iterator[Opener]:
    with failing_set.client(w="majority") as client:
        # An undecided transaction of the previous test would keep its locks for a minute.
        client.admin.command("killAllSessions", [])
        for name in client["protocol"].list_collection_names():
            client["protocol"][name].delete_many({})
        opener = Opener(failing_set)
        yield opener
        for store in opener.stores:
            store.close()


@pytest.fixture
def store(opened: Opener) -> MongoStore:
    return opened()


@pytest.fixture
def other(opened: Opener) -> MongoStore:
    """A second server on the same database."""
    return opened()


@pytest.fixture
def commands(opened: Opener, store: MongoStore) -> Commands:
    """The commands that are sent after the store was opened."""
    opened.commands.sent.clear()
    return opened.commands


def be_patient(store: MongoStore, other: MongoStore) -> None:
    """Give a store the time limits of another one."""
    start = other._start_deadline
    store._start_deadline = store._transactions.start_deadline = store._reads.start_deadline = start


RECORD = AuthRecord("2", 2, {})


ASSIGN = Assign(VersionName(1, "n"), "a", VersionRequest("minor"))


def assign_version(store: MongoStore) -> bool:
    (result,) = store.releases.decide([ASSIGN])
    return isinstance(result, VersionResult) and result.release.target == Final(0, 1, 0)


def add_record(store: MongoStore) -> bool:
    return store.auth_records.add("account", RECORD)


def change_record(store: MongoStore) -> bool:
    named = RECORD._replace(body={"name": "acme"})
    reservation = RecordChange("account_name", None, AuthRecord("acme", 2, {}))
    return store.auth_records.change([RecordChange("account", RECORD, named), reservation])


def remove_record(store: MongoStore) -> bool:
    return store.auth_records.remove("account", 2, "2")


def use_token(store: MongoStore) -> bool:
    return store.token_uses.use("t", "o", max_operations=1, expires_at=2_000_000_000)


OTHER_WRITES = [assign_version, add_record, change_record, remove_record, use_token]
"""Writes of other documents than series and their entries."""


class TestCommands:
    """A batch is one transaction, and its filters identify the heads."""

    def test_a_batch_of_one_series_is_one_transaction(
        self, store: MongoStore, commands: Commands
    ) -> None:
        put(store, "a")
        commands.sent.clear()
        assert values(store.allocate([ask_any(token) for token in "bcab"])) == [2, 3, 1, 2]
        assert commands.names() == ["find", "findAndModify", "insert", "commitTransaction"]
        assert_one_transaction(commands)
        (change,) = commands.of("findAndModify")
        head = {"account": 1, "key": SERIES.key, "generation": 1, "value": 1, "token": "a"}
        assert change["query"] == head
        (insert,) = commands.of("insert")
        assert [row["value"] for row in insert["documents"]] == [2, 3]

    def test_a_batch_of_many_series_is_one_transaction(
        self, store: MongoStore, commands: Commands
    ) -> None:
        for token in "ab":
            commands.sent.clear()
            store.allocate([ask(token, series=series) for series in MANY])
        assert commands.names() == ["update", "insert", "commitTransaction"]
        assert_one_transaction(commands)
        (update,) = commands.of("update")
        assert [each["q"] for each in update["updates"]] == [
            {"account": 1, "key": series.key, "generation": 1, "value": 1, "token": "a"}
            for series in MANY
        ]

    def test_a_transaction_reads_a_snapshot_and_commits_with_majority_and_journal(
        self, store: MongoStore, commands: Commands
    ) -> None:
        put(store, "a")
        first, *_, commit = (event.command for event in commands.sent)
        assert first["readConcern"] == {"level": "snapshot"}
        assert commit["writeConcern"].items() >= {"w": "majority", "j": True}.items()

    def test_the_read_preference_of_the_url_does_not_apply(self, opened: Opener) -> None:
        opened.options["readPreference"] = "secondaryPreferred"
        store = opened()
        assert [put(store, "a"), put(store, "b"), put_any(store, "a")] == [1, 2, 1]

    @pytest.mark.parametrize(
        ("hello", "level"),
        [({"msg": "isdbgrid"}, "majority"), ({"setName": "monotron"}, "snapshot")],
        ids=["sharded cluster", "replica set"],
    )
    def test_the_read_concern_of_transactions_depends_on_the_deployment(
        self, hello: dict[str, Any], level: str
    ) -> None:
        assert read_concern_of(hello).level == level

    def test_an_advance_and_a_delete_are_transactions_with_the_same_filter(
        self, store: MongoStore, commands: Commands
    ) -> None:
        put(store, "a")
        for change, head in (
            (lambda: store.advance_to(SERIES, 9, BY), {"value": 1, "token": "a"}),
            (lambda: store.delete(SERIES, restart=False), {"value": 9, "token": None}),
        ):
            commands.sent.clear()
            change()
            assert commands.names()[-1] == "commitTransaction"
            assert_one_transaction(commands)
            (update,) = commands.of("findAndModify")
            assert update["query"] == {"account": 1, "key": SERIES.key, "generation": 1, **head}

    @pytest.mark.parametrize("write", OTHER_WRITES)
    def test_a_write_of_another_document_is_one_transaction(
        self, store: MongoStore, commands: Commands, write: Callable[[MongoStore], bool]
    ) -> None:
        if write in (change_record, remove_record):
            add_record(store)
        commands.sent.clear()
        assert write(store)
        assert commands.names()[-1] == "commitTransaction"
        assert_one_transaction(commands)

    def test_user_text_is_never_a_field_name(self, store: MongoStore, commands: Commands) -> None:
        put_any(store, "$set", SeriesKey(1, "a.b"))
        (insert,) = [each for each in commands.of("insert") if each["insert"] == "entries"]
        (row,) = insert["documents"]
        assert row.keys() == {
            *("_id", "account", "key", "generation", "value", "token", "created_at", "assigned_by")
        }


def assert_one_transaction(commands: Commands) -> None:
    transactions = {
        (event.command["lsid"]["id"], event.command["txnNumber"]) for event in commands.sent
    }
    assert len(transactions) == 1
    assert [bool(event.command.get("startTransaction")) for event in commands.sent] == [
        True,
        *[False] * (len(commands.sent) - 1),
    ]


class TestReads:
    def test_a_repeated_request_is_answered_from_a_linearizable_read(
        self, store: MongoStore, commands: Commands
    ) -> None:
        for token in "abc":
            put(store, token)
        store._reads._is_only_member = False
        assert put_any(store, "a") == 1  # finds out in a transaction, which is aborted
        commands.sent.clear()
        assert put_any(store, "b") == 2
        head, entries = commands.of("find")
        assert len(commands.sent) == 2
        assert head["filter"] == {"account": 1, "key": SERIES.key}
        assert head["readConcern"] == {"level": "linearizable"}
        assert entries["readConcern"]["level"] == "majority"
        assert "afterClusterTime" in entries["readConcern"]

    def test_a_repeat_beside_a_refused_series_is_answered_from_a_linearizable_read(
        self, opened: Opener
    ) -> None:
        """The transaction that confirms the refusal writes nothing, so its reads may be stale."""
        store = opened(quotas=Quotas(series=1))
        put(store, "a")
        store._reads._is_only_member = False
        opened.commands.sent.clear()
        repeated, refused = store.allocate([ask_any("a"), ask_any("a", OTHER)])
        assert value(repeated) == 1
        assert isinstance(refused, QuotaExceeded)
        head = opened.commands.of("find")[-1]
        assert head["filter"] == {"account": 1, "key": SERIES.key}
        assert head["readConcern"] == {"level": "linearizable"}
        assert len(opened.commands.of("commitTransaction")) == 1

    def test_repeats_of_one_batch_belong_to_one_moment(
        self, opened: Opener, other: MongoStore
    ) -> None:
        """Another server assigns a value between the reads of the heads and of the entries."""

        class Interrupted(SeriesDocuments):
            interruptions: ClassVar[list[Callable[[], object]]] = []

            def last_values(self, *args: Any) -> dict[SeriesKey, dict[str, int]]:
                while self.interruptions:
                    self.interruptions.pop()()
                return super().last_values(*args)

        class InterruptedStore(MongoStore):
            documents_type = Interrupted

        store = opened(InterruptedStore)
        put(store, "t")
        put(store, "a")
        assert put_any(store, "t") == 1  # the next batch is expected to repeat, too
        Interrupted.interruptions.append(lambda: put(other, "t"))
        assert values(store.allocate([ask_any("t"), ask("a")])) == [1, 2]
        assert put_any(store, "t") == 3

    def test_the_heads_of_several_series_are_read_after_a_linearizable_read(
        self, store: MongoStore, commands: Commands
    ) -> None:
        store.allocate([ask("a", series=series) for series in MANY])
        store._reads._is_only_member = False
        commands.sent.clear()
        assert [entry.value for entry in store.peek(MANY) if entry] == [1] * 50
        first, others = commands.of("find")
        assert first["filter"] == {"account": 1, "key": MANY[0].key}
        assert first["readConcern"] == {"level": "linearizable"}
        assert "afterClusterTime" in others["readConcern"]

    def test_every_series_is_read_linearizably_on_a_sharded_cluster(
        self, store: MongoStore, commands: Commands
    ) -> None:
        store._reads._is_only_member, store._reads.is_sharded = False, True
        assert store.peek(MANY[:5]) == [None] * 5
        levels = [each["readConcern"]["level"] for each in commands.of("find")]
        assert levels == ["linearizable"] * 5

    def test_the_only_member_of_a_replica_set_is_read_with_majority(
        self, store: MongoStore, commands: Commands
    ) -> None:
        assert store.peek(MANY) == [None] * 50
        assert commands.names() == ["find", "hello"]
        assert commands.of("find")[0]["readConcern"] == {"level": "majority"}

    def test_a_read_is_repeated_linearizably_after_a_member_was_added(
        self, store: MongoStore, commands: Commands
    ) -> None:
        def hello(name: str) -> dict[str, Any]:
            response = store._client.admin.command(name)
            return {**response, "hosts": [*response["hosts"], "added.example:27017"]}

        client: Any = SimpleNamespace(
            admin=SimpleNamespace(command=hello), start_session=store._client.start_session
        )
        store._reads._client = client
        for _ in range(2):
            commands.sent.clear()
            assert store.peek([SERIES]) == [None]
        assert commands.names() == ["find"]
        assert commands.of("find")[0]["readConcern"] == {"level": "linearizable"}


COMMIT_FAILURES = [
    *({"errorCode": code, "errorLabels": []} for code in (91, 11600, 11601, 262, 8000)),
    {"closeConnection": True},
    *(
        {"writeConcernError": {"code": code, "errmsg": "made by a test"}, "errorLabels": []}
        for code in (64, 91, 100)
    ),
]
"""Ways in which a commit fails, without a label that decides it. Those with a write concern error
are applied all the same."""


class TestCommits:
    @pytest.mark.parametrize("failure", COMMIT_FAILURES, ids=str)
    def test_a_failed_commit_is_repeated_until_it_is_decided(
        self, opened: Opener, store: MongoStore, failure: dict[str, Any]
    ) -> None:
        put(store, "a")
        with opened.failing("commitTransaction", 5, **failure):
            assert put(store, "b") == 2
        by_driver = "closeConnection" in failure
        assert store.retries() == ({} if by_driver else {"commit": 5})
        assert ledger(store) == [("a", 1), ("b", 2)]

    @pytest.mark.parametrize("failure", COMMIT_FAILURES, ids=str)
    def test_a_commit_without_a_decision_until_the_deadline_is_unknown(
        self, opened: Opener, other: MongoStore, failure: dict[str, Any]
    ) -> None:
        store = opened(call_seconds=0.5)
        put(other, "a")
        with (
            opened.failing("commitTransaction", None, **failure),
            pytest.raises(StoreUnavailable) as error,
        ):
            put(store, "b")
        assert error.value.applied == "unknown"
        was_applied = "writeConcernError" in failure
        assert len(ledger(other)) == (2 if was_applied else 1)
        be_patient(store, other)
        opened.commands.sent.clear()
        assert put_any(store, "c") == (3 if was_applied else 2)
        # The next transaction of the session has ended the undecided one.
        assert "killSessions" not in opened.commands.names()

    def test_a_transaction_is_repeated_if_its_commit_finds_it_aborted(
        self, opened: Opener, store: MongoStore, commands: Commands
    ) -> None:
        put(store, "a")
        commands.sent.clear()
        with opened.failing("commitTransaction", 1, errorCode=251, errorLabels=[TRANSIENT]):
            assert put(store, "b") == 2
        assert len(commands.of("commitTransaction")) == 2
        assert store.retries() == {"conflict": 1}
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_the_next_batch_uses_the_session_of_an_undecided_transaction(
        self, opened: Opener, other: MongoStore
    ) -> None:
        store = opened(call_seconds=0.5)
        store._transactions._sessions.extend(
            store._client.start_session(causal_consistency=False) for _ in range(3)
        )
        with (
            opened.failing("commitTransaction", None, errorCode=11601, errorLabels=[]),
            pytest.raises(StoreUnavailable),
        ):
            put(store, "a")
        be_patient(store, other)
        put(store, "b")
        undecided, *_, last = opened.commands.of("commitTransaction")
        assert last["lsid"] == undecided["lsid"]
        assert last["txnNumber"] == undecided["txnNumber"] + 1

    @pytest.mark.parametrize("write", OTHER_WRITES)
    def test_a_write_of_another_document_is_applied_once_after_a_lost_response(
        self, opened: Opener, store: MongoStore, write: Callable[[MongoStore], bool]
    ) -> None:
        if write in (change_record, remove_record):
            add_record(store)
        with opened.failing("commitTransaction", 3, closeConnection=True):
            assert write(store)

    @pytest.mark.parametrize("write", OTHER_WRITES)
    def test_a_write_of_another_document_is_unknown_while_its_commit_is_undecided(
        self, opened: Opener, other: MongoStore, write: Callable[[MongoStore], bool]
    ) -> None:
        store = opened(call_seconds=0.5)
        if write in (change_record, remove_record):
            add_record(other)
        with (
            opened.failing("commitTransaction", None, errorCode=91, errorLabels=[]),
            pytest.raises(StoreUnavailable) as error,
        ):
            write(store)
        assert error.value.applied == "unknown"

    @pytest.mark.parametrize(
        "request_",
        [ASSIGN, ASSIGN._replace(parameters=VersionRequest("patch")), GetNewest(ASSIGN.name)],
        ids=["repeat", "refusal", "look-up"],
    )
    def test_a_decision_that_writes_nothing_is_not_applied(
        self, opened: Opener, other: MongoStore, request_: Request
    ) -> None:
        store = opened(call_seconds=0.5)
        assert assign_version(other)
        with (
            opened.failing("commitTransaction", None, errorCode=91, errorLabels=[]),
            pytest.raises(StoreUnavailable) as error,
        ):
            store.releases.decide([request_])
        assert error.value.applied == "no"

    def test_nothing_is_applied_if_the_last_execution_writes_nothing_after_an_aborted_one(
        self, opened: Opener, failing_set: ReplicaSet
    ) -> None:
        store = opened(call_seconds=0.5)
        executions: list[bool] = []

        def write_once(session: ClientSession) -> bool:
            executions.append(not executions)
            names = store._database["names"]
            names.find_one(session=session)
            if executions == [True]:
                names.insert_one({"name": "aborted"}, session=session)
                with failing_set.client() as client:
                    client.admin.command("killAllSessions", [])
            elif len(executions) == 2:
                failing.enter_context(
                    opened.failing("commitTransaction", None, errorCode=91, errorLabels=[])
                )
            return executions[-1]

        with ExitStack() as failing, pytest.raises(StoreUnavailable) as error:
            store._transactions.run(write_once, writes=bool)
        assert executions == [True, False]
        assert error.value.applied == "no"
        assert store._database["names"].find_one({"name": "aborted"}) is None


BODY_FAILURES: list[dict[str, Any]] = [
    {"errorCode": 112, "errorLabels": [TRANSIENT]},
    {"errorCode": 11601, "errorLabels": []},
    {"closeConnection": True},
]
REASONS = ["conflict", "other", "connection"]
"""Why a transaction that failed in this way is repeated."""


class TestRepetition:
    @pytest.mark.parametrize("command", ["find", "findAndModify", "insert"])
    @pytest.mark.parametrize(
        ("failure", "reason"), [*zip(BODY_FAILURES, REASONS, strict=True)], ids=str
    )
    def test_a_transaction_that_fails_before_its_commit_is_repeated(
        self, opened: Opener, store: MongoStore, command: str, failure: dict[str, Any], reason: str
    ) -> None:
        put(store, "a")
        with opened.failing(command, 3, **failure):
            assert put_any(store, "b") == 2
        assert store.retries() == {reason: 3}
        assert ledger(store) == [("a", 1), ("b", 2)]

    @pytest.mark.parametrize("failure", BODY_FAILURES, ids=str)
    def test_nothing_is_applied_if_no_commit_was_sent(
        self, opened: Opener, other: MongoStore, failure: dict[str, Any]
    ) -> None:
        store = opened(call_seconds=0.5)
        put(other, "a")
        with (
            opened.failing("insert", None, **failure),
            pytest.raises(StoreUnavailable) as error,
        ):
            put(store, "b")
        assert error.value.applied == "no"
        assert ledger(other) == [("a", 1)]
        be_patient(store, other)
        assert put(store, "c") == 2

    def test_a_transaction_is_aborted_after_its_time_limit(self, opened: Opener) -> None:
        store = opened(attempt_seconds=0.2)
        put(store, "a")
        opened.commands.sent.clear()
        with opened.failing("insert", 1, blockConnection=True, blockTimeMS=600):
            assert put(store, "b") == 2
        assert "abortTransaction" in opened.commands.names()

    def test_attempts_share_a_session(
        self, opened: Opener, store: MongoStore, commands: Commands
    ) -> None:
        with opened.failing("insert", 3, **BODY_FAILURES[0]):
            put(store, "a")
        transactions = [
            (each["lsid"]["id"], each["txnNumber"])
            for each in (event.command for event in commands.sent)
            if each.get("startTransaction")
        ]
        assert len(transactions) == 4
        (session, number), *_ = transactions
        assert transactions == [(session, number + attempt) for attempt in range(4)]

    def test_an_outdated_remembered_head_is_read_again(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        put(other, "b")
        assert put(store, "c") == 3
        assert store.retries() == {"conflict": 1}

    def test_a_head_with_another_token_is_read_again(self, store: MongoStore) -> None:
        put(store, "a")
        store._client["protocol"].series.update_one({"key": SERIES.key}, {"$set": {"token": "z"}})
        assert put(store, "z") == 1
        assert put(store, "b") == 2

    def test_a_remembered_head_of_an_earlier_generation_is_read_again(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        other.delete(SERIES, restart=True)
        put(other, "a")
        assert put_any(store, "b") == 2
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_a_refusal_is_not_decided_by_a_remembered_head(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        for token in "ab":
            put(store, token)
        other.delete(SERIES, restart=True)
        limited = AllocationRequest(SERIES, "c", Reuse.ANY, BY, up_to=2)
        assert values(store.allocate([limited, ask_any("x", OTHER)])) == [1, 1]
        assert values(store.allocate([limited, ask_any("y", OTHER)])) == [1, 2]
        put(other, "d")
        refused = limited._replace(token="e")
        error, result = store.allocate([refused, ask_any("z", OTHER)])
        assert isinstance(error, SeriesExhausted)
        assert value(result) == 3

    def test_concurrent_batches_of_one_server_are_right(self, store: MongoStore) -> None:
        results: dict[str, list[int]] = {name: [] for name in "ab"}

        def request(name: str) -> None:
            results[name].extend(put_any(store, f"{number}") for number in range(50))

        threads = [threading.Thread(target=request, args=(name,)) for name in results]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results["a"] == results["b"]
        assert ledger(store) == sorted(
            ((f"{number}", value) for number, value in enumerate(results["a"])),
            key=lambda entry: entry[1],
        )


class TestDuplicates:
    """A duplicate key of a document that a failover removed is not a decision."""

    @pytest.mark.parametrize("write", [assign_version, add_record, use_token])
    def test_a_document_is_written_if_its_duplicate_does_not_exist(
        self, opened: Opener, store: MongoStore, write: Callable[[MongoStore], bool]
    ) -> None:
        command = "update" if write == use_token else "insert"
        with opened.failing(command, 1, errorCode=DUPLICATE_KEY):
            assert write(store)


class TestDamage:
    """A ledger with an entry above its head: nothing is assigned."""

    @pytest.fixture(autouse=True)
    def damage(self, store: MongoStore) -> None:
        put(store, "a")
        entries = store._client["protocol"].entries
        row = entries.find_one({"key": SERIES.key})
        entries.insert_one({**row, "_id": "damage", "value": Int64(2)})

    def test_the_damaged_series_fails_alone(self, store: MongoStore) -> None:
        results = store.allocate([ask_any("b"), ask_any("b", OTHER), ask_any("c")])
        first, healthy, third = results
        assert value(healthy) == 1
        for error in (first, third):
            assert isinstance(error, InternalError)
            assert error.is_contradiction
            assert error.applied == "no"
            assert "contradicts its head" in error.detail
        assert ledger(store, OTHER) == [("b", 1)]

    def test_a_batch_of_the_damaged_series_fails(self, store: MongoStore) -> None:
        (error,) = store.allocate([ask_any("b")])
        assert isinstance(error, InternalError)

    def test_an_advance_to_an_existing_entry_fails(self, store: MongoStore) -> None:
        with pytest.raises(InternalError) as error:
            store.advance_to(SERIES, 2, BY)
        assert error.value.applied == "no"


class TestSweep:
    def test_the_documents_of_earlier_generations_are_removed(self, store: MongoStore) -> None:
        swept: list[SeriesKey] = []
        store._sweep.later = swept.append  # type: ignore[method-assign]
        for token in "ab":
            put(store, token)
            store.attributes.merge(SERIES, token, {"x": "1"})
            store.delete(SERIES, restart=False)
        put(store, "c")
        put(store, "c", series=OTHER)
        assert swept == [SERIES, SERIES]
        store._sweep.sweep(SERIES)
        database = store._client["protocol"]
        assert database.attributes.count_documents({}) == 0
        rows = database.entries.find({}, sort=[("value", 1)])
        assert [(row["generation"], row["value"]) for row in rows] == [(1, 1), (3, 3)]

    @pytest.mark.parametrize(
        ("error", "level", "has_traceback"),
        [(StoreUnavailable("no primary"), "WARNING", False), (RuntimeError("bug"), "ERROR", True)],
        ids=["unavailable", "bug"],
    )
    def test_a_sweep_that_fails_is_continued(
        self,
        opened: Opener,
        caplog: pytest.LogCaptureFixture,
        error: Exception,
        level: str,
        *,
        has_traceback: bool,
    ) -> None:
        attempts: SimpleQueue[SeriesKey] = SimpleQueue()
        errors = [error]

        class FailingOnce(Sweep):
            def sweep(self, series: SeriesKey) -> None:
                attempts.put(series)
                if errors:
                    raise errors.pop()

        class FailingStore(MongoStore):
            sweep_type = FailingOnce

        class Elapsed(threading.Event):
            """An event whose time limits have always passed."""

            def wait(self, timeout: float | None = None) -> bool:
                return self.is_set()

        store = opened(FailingStore, runtime=Runtime(event=Elapsed))
        put(store, "a")
        store.delete(SERIES, restart=False)
        assert [attempts.get(timeout=30) for _ in range(2)] == [SERIES, SERIES]
        [record] = [each for each in caplog.records if "deleted series" in each.message]
        assert record.levelname == level
        assert (record.exc_info is not None) == has_traceback

    def test_the_current_generation_is_read_in_a_committed_transaction(
        self, store: MongoStore, commands: Commands
    ) -> None:
        put(store, "a")
        commands.sent.clear()
        store._sweep.sweep(SERIES)
        assert commands.names() == ["find", "commitTransaction", "delete", "delete"]
        assert ledger(store) == [("a", 1)]


@pytest.fixture(scope="module")
def frozen_set() -> Iterator[ReplicaSet]:
    """A separate replica set for tests that freeze its members."""
    with ReplicaSet.start(election_ms=4000) as replica_set:
        yield replica_set


class TestWithoutAMajority:
    """The secondaries are frozen: the primary executes commands, and nothing is committed."""

    @pytest.fixture
    def stores(self, frozen_set: ReplicaSet) -> Iterator[tuple[MongoStore, MongoStore]]:
        """A store with short time limits, and another one."""
        with frozen_set.client() as client:
            client.drop_database("frozen")
        limits = {"call_seconds": 1.5, "attempt_seconds": 0.5}
        clients = [frozen_set.client(retryWrites=False)["frozen"] for _ in range(2)]
        stores = MongoStore(clients[0], **limits), MongoStore(clients[1])
        yield stores
        for store in stores:
            store.close()

    @contextmanager
    def frozen(self, replica_set: ReplicaSet) -> Iterator[None]:
        secondaries = replica_set.secondaries()
        for member in secondaries:
            member.pause()
        try:
            yield
        finally:
            for member in secondaries:
                member.resume()
            replica_set.wait_until_healthy()

    def test_a_write_is_unknown_and_its_retry_returns_the_same_value(
        self, frozen_set: ReplicaSet, stores: tuple[MongoStore, MongoStore]
    ) -> None:
        impatient, patient = stores
        assert [put_any(impatient, token) for token in "ab"] == [1, 2]
        with self.frozen(frozen_set), pytest.raises(StoreUnavailable) as error:
            put_any(impatient, "c")
        assert error.value.applied == "unknown"
        assert [put_any(patient, token) for token in "abcd"] == [1, 2, 3, 4]

    def test_a_read_fails_rather_than_being_stale(
        self, frozen_set: ReplicaSet, stores: tuple[MongoStore, MongoStore]
    ) -> None:
        impatient, _ = stores
        put_any(impatient, "a")
        reads = [
            lambda: impatient.peek([SERIES]),
            lambda: put_any(impatient, "a"),
            lambda: impatient.entry(SERIES, "a"),
            lambda: impatient.attributes.all(SERIES, "a"),
        ]
        for read in reads:
            with self.frozen(frozen_set), pytest.raises(StoreUnavailable) as error:
                read()
            assert error.value.applied == "no"

    def test_a_refusal_is_not_answered_before_its_reads_are_committed(
        self, frozen_set: ReplicaSet, stores: tuple[MongoStore, MongoStore]
    ) -> None:
        impatient, _ = stores
        impatient.advance_to(SERIES, 9, BY)
        with self.frozen(frozen_set), pytest.raises(StoreUnavailable):
            impatient.advance_to(SERIES, 5, BY)
        with pytest.raises(ValueWouldFall):
            impatient.advance_to(SERIES, 5, BY)
