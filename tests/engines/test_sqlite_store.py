"""Properties of the SQLite store only: its file, settings and errors."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from contract.asking import BY, OTHER, SERIES, ask_any, ledger, put, put_any
from monotron.errors import (
    InternalError,
    MonotronError,
    StartupError,
    StorageFull,
    StoreUnavailable,
)
from monotron.model.semver import VersionName, sort_key_range
from monotron.model.series import Entry, Reuse, SeriesKey
from monotron.model.versions.batch import Results
from monotron.model.versions.requests import Assign, VersionRequest, VersionResult
from monotron.runtime import Runtime
from monotron.store import open_store
from monotron.store.sqlite.schema import APPLICATION_ID, SCHEMA_VERSION
from monotron.store.sqlite.store import SqliteStore
from support.services import StoreServices


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monotron.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteStore]:
    store = open_store(f"sqlite:///{file}")
    assert isinstance(store, SqliteStore)
    yield store
    store.close()


class Disk:
    """A connection whose statements fail on demand."""

    def __init__(self, store: SqliteStore) -> None:
        self._connection = store._file._connection
        self.fails_at = ""
        self.after = False
        store._file._connection = self  # type: ignore[assignment]

    def execute(self, statement: str, *parameters: Any) -> Any:
        if self.fails_at and statement.startswith(self.fails_at):
            if self.after:
                self._connection.execute(statement, *parameters)
            error = sqlite3.OperationalError("disk I/O error in /secret/place")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return self._connection.execute(statement, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class TestFile:
    def test_the_file_has_the_required_settings(self, store: SqliteStore) -> None:
        read = {
            name: store._file._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "locking_mode", "wal_autocheckpoint")
        }
        assert read == {
            "journal_mode": "wal",
            "synchronous": 2,
            "locking_mode": "exclusive",
            "wal_autocheckpoint": 8000,
        }

    def test_a_file_is_used_by_one_store_of_a_process_at_a_time(
        self, store: SqliteStore, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(store, "a")
        monkeypatch.setattr("monotron.store.sqlite.connection.LOCK_SECONDS", 0.05)
        with pytest.raises(StartupError, match=f"Another process has {file} open"):
            open_store(f"sqlite:///{file}")
        assert put(store, "b") == 2

    def test_a_file_is_used_by_one_server_at_a_time(self, store: SqliteStore, file: Path) -> None:
        command = [sys.executable, "-m", "monotron", "serve", "--listen", "127.0.0.1:0"]
        second = subprocess.run(
            [*command, "--store", f"sqlite:///{file}"], capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 1
        assert second.stdout == ""
        assert f"error: another process has {file} open" in second.stderr
        assert "Traceback" not in second.stderr

    def test_a_server_on_a_file_does_not_import_other_drivers(self) -> None:
        """PyJWT alone takes a sixth of the start of a server, and a third of that of a command."""
        script = "import sys, monotron.cli.main, monotron.server, monotron.store.sqlite.store"
        loaded = subprocess.run(
            [sys.executable, "-c", f"{script}; print(*sys.modules)"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()
        assert "monotron.store.sqlite.store" in loaded
        assert not {"pymongo", "bson", "jwt", "cryptography"} & set(loaded)

    def test_a_file_of_another_program_is_not_changed(self, file: Path) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        before = file.read_bytes()
        with pytest.raises(StartupError, match="another program"):
            open_store(f"sqlite:///{file}")
        with sqlite3.connect(file) as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
        connection.close()
        assert tables == [("theirs",)]
        assert len(file.read_bytes()) == len(before)

    def test_a_file_that_is_not_a_database_is_refused(self, file: Path) -> None:
        file.write_text("something else entirely, and long enough to be looked at" * 100)
        with pytest.raises(StartupError, match="cannot use"):
            open_store(f"sqlite:///{file}")

    def test_a_file_of_a_newer_monotron_is_refused(self, file: Path) -> None:
        open_store(f"sqlite:///{file}").close()
        with sqlite3.connect(file) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.close()
        with pytest.raises(StartupError, match="newer Monotron"):
            open_store(f"sqlite:///{file}")

    @pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
    def test_a_file_of_an_unreleased_format_is_rejected_unchanged(
        self, file: Path, version: int
    ) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE series (old_name INTEGER)")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        with pytest.raises(StartupError) as error:
            open_store(f"sqlite:///{file}")
        assert str(error.value) == (
            f"{file} has the format of an unreleased Monotron. This version reads schema "
            f"{SCHEMA_VERSION} only, and the file has schema {version}. Start with a new file."
        )
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (version,)
            assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("series",)]
        connection.close()

    def test_a_file_in_a_missing_directory_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StartupError, match="unable to open"):
            open_store(f"sqlite:///{tmp_path}/nowhere/monotron.db")

    @pytest.mark.parametrize("url", ["sqlite://monotron.db", "sqlite:///", "sqlite:////"])
    def test_a_url_requires_three_or_four_slashes(self, url: str) -> None:
        with pytest.raises(StartupError, match="three slashes"):
            open_store(url)

    def test_concurrent_stores_create_a_file_once(self, file: Path) -> None:
        """One after the other: a closed store releases the lock."""
        failures: list[BaseException] = []

        def open_and_put(number: int) -> None:
            try:
                store = open_store(f"sqlite:///{file}")
                put_any(store, f"t{number}")
                store.close()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=open_and_put, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        store = open_store(f"sqlite:///{file}")
        assert len(ledger(store)) == 4
        store.close()

    def test_a_row_cannot_contain_a_value_above_int64(self, store: SqliteStore) -> None:
        put(store, "a")
        with pytest.raises(sqlite3.IntegrityError):
            store._file._connection.execute("UPDATE series SET value = 9223372036854775807 + 1")


class TestCheckpoints:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("monotron.store.sqlite.file.CHECKPOINT_ROWS", 4)

    def test_the_log_is_checkpointed_after_enough_changes(
        self, store: SqliteStore, file: Path
    ) -> None:
        store.allocate([ask_any("first")])
        assert b"first" not in file.read_bytes()
        store.allocate([ask_any("second")])
        assert b"first" in file.read_bytes()
        assert b"second" in file.read_bytes()

    def test_the_log_is_checkpointed_after_a_batch_was_answered(
        self, store: SqliteStore, file: Path
    ) -> None:
        finish = store.begin_allocate([ask_any("first"), ask_any("second"), ask_any("third")])
        assert [each.entry.value for each in finish()] == [1, 2, 3]
        assert b"first" not in file.read_bytes()
        store.after_commit()
        assert b"first" in file.read_bytes()

    def test_a_failed_checkpoint_is_repeated_later(
        self, store: SqliteStore, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        disk = Disk(store)
        disk.fails_at = "PRAGMA wal_checkpoint"
        store.allocate([ask_any("first"), ask_any("second"), ask_any("third")])
        assert b"first" not in file.read_bytes()
        assert f"could not checkpoint its log into {file}" in caplog.text
        disk.fails_at = ""
        store.allocate([ask_any("fourth"), ask_any("fifth"), ask_any("sixth")])
        assert b"first" in file.read_bytes()
        assert store._file._connection is disk

    def test_the_log_is_checkpointed_when_the_change_counter_wraps_around(
        self, store: SqliteStore, file: Path
    ) -> None:
        store._file._checkpointed = 2**31 - 1  # and from there SQLite counts on from -2**31
        store.allocate([ask_any("first")])
        assert b"first" in file.read_bytes()

    def test_no_checkpoint_runs_during_a_transaction(self, store: SqliteStore, file: Path) -> None:
        first = store.begin_allocate([ask_any("first"), ask_any("second"), ask_any("third")])
        first()
        second = store.begin_allocate([ask_any("fourth")])
        store.after_commit()
        assert b"first" not in file.read_bytes()
        second()
        store.after_commit()
        assert b"first" in file.read_bytes()


class SlowLock:
    """The lock of a file, which calls that block acquire only while `is_open`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.is_open = threading.Event()
        self.is_open.set()
        self.waiting = threading.Semaphore(0)
        """Released for each call that waits."""

    def acquire(self, blocking: bool = True) -> bool:
        if blocking and not self.is_open.is_set():
            self.waiting.release()
            self.is_open.wait()
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_a_version_is_committed_while_the_batches_of_series_wait_for_the_file() -> None:
    """It can lock the file before they do, although they have waited for longer."""
    lock: Any = SlowLock()
    with closing(open_store("sqlite://", runtime=Runtime(lock=lambda: lock))) as store:
        services = StoreServices(store)

        async def scenario() -> None:
            commit = store.begin_allocate([ask_any("a")])
            lock.is_open.clear()
            value = services.series.next(SERIES, "b", Reuse.ANY, BY)
            peek = asyncio.ensure_future(services.series.peek(SERIES))
            for _ in range(2):
                assert await asyncio.to_thread(lock.waiting.acquire, timeout=10)
            commit()
            try:
                version = services.versions.next(1, "shop", "a", VersionRequest())
                assert (await asyncio.wait_for(version, 10)).release.version_text == "0.0.1"
            finally:
                lock.is_open.set()
            assert (await value).entry.value == 2
            assert (await peek).value in {1, 2}

        asyncio.run(scenario())
        services.close()


class TestErrors:
    def test_an_error_before_the_commit_means_not_applied(self, store: SqliteStore) -> None:
        put(store, "a")
        disk = Disk(store)
        disk.fails_at = "\nINSERT INTO entries"
        with pytest.raises(StoreUnavailable) as error:
            put(store, "b")
        assert error.value.applied == "no"
        disk.fails_at = ""
        assert put(store, "c") == 2
        assert ledger(store) == [("a", 1), ("c", 2)]

    @pytest.mark.parametrize("written", [False, True])
    def test_an_error_of_the_commit_means_unknown(self, store: SqliteStore, written: bool) -> None:
        put(store, "a")
        disk = Disk(store)
        disk.fails_at, disk.after = "COMMIT", written
        with pytest.raises(StoreUnavailable) as error:
            put_any(store, "b")
        assert error.value.applied == "unknown"
        assert store._file._connection is disk
        # The file is reopened, and the retry gets the value that the first attempt would have got.
        assert put_any(store, "b") == 2
        assert store._file._connection is not disk
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_an_error_does_not_contain_the_text_of_the_engine(self, store: SqliteStore) -> None:
        disk = Disk(store)
        disk.fails_at = "COMMIT"
        with pytest.raises(MonotronError) as error:
            put(store, "a")
        assert "secret" not in error.value.detail

    def test_a_full_disk_is_reported_until_there_is_space(self, store: SqliteStore) -> None:
        put_any(store, "a")
        (pages,) = store._file._connection.execute("PRAGMA page_count").fetchone()
        store._file._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        given = 1
        with pytest.raises(StorageFull):  # noqa: PT012  # which of them fails is the disk's choice
            for number in range(10000):
                store.allocate([ask_any(f"{number}-{each:0250}") for each in range(64)])
                given += 64
        assert store.peek([SERIES])[0] == Entry(
            *SERIES, f"{number - 1}-{63:0250}" if number else "a", given
        )
        store._file._connection.execute("PRAGMA max_page_count = 1000000").fetchone()
        store.ping()
        assert put_any(store, "b") == given + 1

    def test_contradicting_rows_are_an_internal_error(self, store: SqliteStore) -> None:
        put(store, "a")
        store._file._connection.execute(
            "INSERT INTO entries SELECT generation, 2, 'forged', 0, NULL FROM series WHERE key = ?",
            (SERIES.key,),
        )
        with pytest.raises(InternalError):
            put(store, "b")
        assert store.peek([SERIES]) == [Entry(*SERIES, "a", 1)]


class TestErrorsOfAttributes:
    @pytest.mark.parametrize("statement", ["\nINSERT INTO attributes", "\nINSERT INTO series"])
    def test_an_error_before_the_commit_means_that_no_attribute_was_set(
        self, store: SqliteStore, statement: str
    ) -> None:
        disk = Disk(store)
        disk.fails_at = statement
        with pytest.raises(StoreUnavailable) as error:
            store.attributes.merge(SERIES, "a", {"x": "1", "y": "2"})
        assert error.value.applied == "no"
        disk.fails_at = ""
        assert store.attributes.all(SERIES, "a") == {}
        assert store._file._connection.execute("SELECT count(*) FROM series").fetchone() == (0,)

    @pytest.mark.parametrize("written", [False, True])
    def test_an_error_of_the_commit_of_attributes_means_unknown(
        self, store: SqliteStore, written: bool
    ) -> None:
        disk = Disk(store)
        disk.fails_at, disk.after = "COMMIT", written
        with pytest.raises(StoreUnavailable) as error:
            store.attributes.merge(SERIES, "a", {"x": "1"})
        assert error.value.applied == "unknown"
        assert store.attributes.all(SERIES, "a") == ({"x": "1"} if written else {})
        assert store.attributes.merge(SERIES, "a", {"x": "1"}) == {"x": "1"}
        assert put(store, "a") == 1


class TestErrorsOfVersions:
    REQUESTS: ClassVar = [
        Assign(VersionName(1, "shop"), token, VersionRequest("minor")) for token in "ab"
    ]

    @pytest.mark.parametrize("statement", ["\nINSERT INTO releases", "\nINSERT INTO names"])
    def test_an_error_before_the_commit_means_that_no_version_was_assigned(
        self, store: SqliteStore, statement: str
    ) -> None:
        disk = Disk(store)
        disk.fails_at = statement
        with pytest.raises(StoreUnavailable) as error:
            store.releases.begin_decide(self.REQUESTS)
        assert error.value.applied == "no"
        disk.fails_at = ""
        assert store.series_page(1, "", "", 10) == []
        assert versions(store.releases.decide(self.REQUESTS)) == ["0.1.0", "0.2.0"]

    @pytest.mark.parametrize("written", [False, True])
    def test_an_error_of_the_commit_of_versions_means_unknown(
        self, store: SqliteStore, written: bool
    ) -> None:
        disk = Disk(store)
        finish = store.releases.begin_decide(self.REQUESTS)
        disk.fails_at, disk.after = "COMMIT", written
        with pytest.raises(StoreUnavailable) as error:
            finish()
        assert error.value.applied == "unknown"
        page = store.releases.page(VersionName(1, "shop"), sort_key_range(), None, 10)
        assert len(page) == (2 if written else 0)
        # A retry assigns the versions that the first attempt would have assigned.
        assert versions(store.releases.decide(self.REQUESTS)) == ["0.1.0", "0.2.0"]

    def test_a_number_above_a_head_is_an_internal_error(self, store: SqliteStore) -> None:
        """The entry of a version already exists, which only damage explains."""
        store.releases.decide(self.REQUESTS[:1])
        store._file._connection.execute(
            "INSERT INTO entries SELECT generation, 2, 'forged', 0, NULL FROM series"
        )
        with pytest.raises(InternalError):
            store.releases.decide(self.REQUESTS[1:])
        assert len(store.releases.page(VersionName(1, "shop"), sort_key_range(), None, 10)) == 1


def versions(results: Results) -> list[str]:
    assert not any(isinstance(each, MonotronError) for each in results)
    return [each.release.version_text for each in results if isinstance(each, VersionResult)]


class TestBackup:
    def test_a_backup_is_an_independent_store(self, store: SqliteStore, tmp_path: Path) -> None:
        for token in "abc":
            put_any(store, token)
        store.backup(tmp_path / "copy.db")
        put_any(store, "d")
        copy = open_store(f"sqlite:///{tmp_path}/copy.db")
        assert ledger(copy) == [("a", 1), ("b", 2), ("c", 3)]
        assert put_any(copy, "x") == 4
        copy.close()


class TestDeletedGenerations:
    def test_entries_of_deleted_generations_are_deleted_little_by_little(
        self, store: SqliteStore
    ) -> None:
        for generation in range(3):
            store.allocate([ask_any(f"{generation}-{number}") for number in range(500)])
            store.delete(SERIES, restart=True)
        for number in range(30):
            put_any(store, f"t{number}", series=OTHER)
        rows = store._file._connection.execute("SELECT count(*) FROM entries").fetchone()
        garbage = store._file._connection.execute(
            "SELECT count(*) FROM deleted_generations"
        ).fetchone()
        assert rows == (30,)
        assert garbage == (0,)

    def test_attributes_of_deleted_generations_are_deleted_little_by_little(
        self, store: SqliteStore
    ) -> None:
        for generation in range(3):
            if generation == 1:
                put(store, "a")
            for token in "ab":
                given = {f"{number}": "x" * 8192 for number in range(64)}
                store.attributes.merge(SERIES, token, given)
            store.delete(SERIES, restart=True)
        store.attributes.merge(SERIES, "a", {"x": "1"})
        for number in range(30):
            put_any(store, f"t{number}", series=OTHER)
        rows = store._file._connection.execute("SELECT count(*) FROM attributes").fetchone()
        garbage = store._file._connection.execute(
            "SELECT count(*) FROM deleted_generations"
        ).fetchone()
        assert rows == (1,)
        assert garbage == (0,)
        assert store.attributes.all(SERIES, "a") == {"x": "1"}

    def test_a_generation_with_attributes_only_is_never_used_again(
        self, store: SqliteStore
    ) -> None:
        generations = set()
        for number in range(10):
            series = SeriesKey(1, str(number % 3))
            store.attributes.merge(series, "a", {"x": "1"})
            rows = store._file._connection.execute(
                "SELECT generation FROM series WHERE key = ?", (series.key,)
            ).fetchall()
            generations.update(rows)
            store.delete(series, restart=False)
        assert len(generations) == 10

    def test_a_generation_is_never_used_again(self, store: SqliteStore) -> None:
        generations = set()
        for number in range(10):
            series = SeriesKey(1, str(number % 3))
            put(store, "a", series=series)
            rows = store._file._connection.execute(
                "SELECT generation FROM series WHERE key = ?", (series.key,)
            ).fetchall()
            generations.update(rows)
            store.delete(series, restart=True)
        assert len(generations) == 10
