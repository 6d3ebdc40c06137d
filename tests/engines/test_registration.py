"""Exports and imports of a MongoDB database require exclusive use, which is checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from io import BytesIO

import pytest
from pymongo.errors import ConfigurationError, OperationFailure

from contract.asking import put
from monotron.errors import StartupError, StoreUnavailable
from monotron.runtime import PRODUCTION
from monotron.store import open_store
from monotron.store.export_format import ExportReader
from monotron.store.mongo.client import checked_database
from monotron.store.mongo.registration import VALID_SECONDS, Registration
from monotron.store.mongo.row_export import MongoExport
from monotron.store.mongo.store import MongoStore
from support.store_contents import EVERY_KIND, apply, exported, imported


class Clock:
    """The monotonic clock of a process, which a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def expiring(database_url: str, clock: Clock) -> Iterator[MongoStore]:
    """A store of a process whose entry expires immediately."""
    with checked_database(database_url) as database:
        runtime = replace(PRODUCTION, monotonic=clock)
        registration = Registration(database, runtime, expiry_seconds=0)
        with closing(MongoStore(database, registration=registration)) as store:
            yield store


class TestExclusiveUse:
    def test_servers_share_a_database(self, database_url: str) -> None:
        with ExitStack() as stack:
            for token in "ab":
                put(stack.enter_context(closing(open_store(database_url))), token)

    @pytest.mark.parametrize("exclusive", ["export", "import"])
    def test_an_exclusive_command_is_refused_beside_another_process(
        self, exclusive: str, database_url: str
    ) -> None:
        with closing(open_store(database_url)):
            with pytest.raises(StartupError) as error:
                open_store(database_url, exclusive=exclusive)
            assert str(error.value) == (
                f"1 servers or commands use the store. `monotron {exclusive}` requires exclusive "
                "use: stop them. A process that was killed is forgotten after 60 seconds."
            )
        open_store(database_url, exclusive=exclusive).close()

    @pytest.mark.parametrize("exclusive", ["", "export", "import"])
    def test_a_process_is_refused_during_an_exclusive_command(
        self, exclusive: str, database_url: str
    ) -> None:
        with (
            closing(open_store(database_url, exclusive="export")),
            pytest.raises(StartupError, match="`monotron export` uses the store"),
        ):
            open_store(database_url, exclusive=exclusive)


class TestExpiry:
    def test_a_process_that_was_killed_is_forgotten(
        self, expiring: MongoStore, database_url: str
    ) -> None:
        put(expiring, "a")
        open_store(database_url, exclusive="export").close()

    def test_a_paused_process_cannot_write_during_an_export(
        self, expiring: MongoStore, clock: Clock, database_url: str
    ) -> None:
        with closing(open_store(database_url, exclusive="export")):
            clock.now += VALID_SECONDS
            with pytest.raises(StoreUnavailable, match="`monotron export` uses the store"):
                put(expiring, "a")
        assert put(expiring, "a") == 1

    def test_a_paused_export_fails_if_a_server_was_started(
        self, database_url: str, clock: Clock
    ) -> None:
        with checked_database(database_url) as database:
            runtime = replace(PRODUCTION, monotonic=clock)
            registration = Registration(database, runtime, "export", expiry_seconds=0)
            paused = MongoStore(database, registration=registration)
            with closing(paused), closing(open_store(database_url)):
                clock.now += VALID_SECONDS
                with pytest.raises(StoreUnavailable, match="requires exclusive use"):
                    exported(paused)

    def test_an_import_fails_if_another_one_was_started(
        self, database_url: str, clock: Clock
    ) -> None:
        with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as original:
            export = exported(original)
        with checked_database(database_url) as database:
            runtime = replace(PRODUCTION, monotonic=clock)
            registration = Registration(database, runtime, "import", expiry_seconds=0)
            with (
                closing(MongoStore(database, registration=registration)) as paused,
                closing(open_store(database_url, exclusive="import")) as other,
            ):
                with pytest.raises(StoreUnavailable, match="has begun to use the store"):
                    paused.transfer.import_rows(iter(()), 0)
                other.transfer.import_rows(ExportReader(BytesIO(export)).rows(), 0)
                assert exported(other) == export


@pytest.mark.parametrize(
    "error",
    [OperationFailure("SnapshotTooOld", 239), ConfigurationError("requires MongoDB 5.0 or later")],
    ids=type,
)
def test_a_snapshot_that_cannot_be_read_is_reported(
    error: Exception, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    with closing(apply(open_store(database_url), *EVERY_KIND)) as store:
        monkeypatch.setattr(MongoExport, "_entries", fail)
        with pytest.raises(StoreUnavailable, match="could not read a snapshot of the store"):
            exported(store, is_online=True)


def test_an_interrupted_import_is_refused_by_servers_and_repeated(database_url: str) -> None:
    with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as original:
        export = exported(original)
    with checked_database(database_url) as database:
        registration = Registration(database, PRODUCTION, "import", expiry_seconds=0)
        with closing(MongoStore(database, registration=registration)):
            registration.set_incomplete(True)
            database["series"].insert_one({"account": 1, "key": "left"})
            for exclusive in ("", "export"):
                with pytest.raises(StartupError, match="contains an interrupted import"):
                    open_store(database_url, exclusive=exclusive)
    with closing(imported(export, database_url)) as copy:
        assert exported(copy) == export
    open_store(database_url).close()
