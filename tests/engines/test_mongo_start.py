"""What the MongoDB store makes of the server that it finds."""

from collections.abc import Iterator

import pytest

from contract.asking import ledger, put_any
from monotron.errors import StartupError
from monotron.store import open_store
from monotron.store.mongo import client as connection
from support.mongod import ReplicaSet, Standalone
from support.server import Server


@pytest.fixture(scope="module")
def standalone() -> Iterator[Standalone]:
    with Standalone.start() as standalone:
        yield standalone


def test_a_server_without_a_replica_set_counts_with_a_loud_warning(
    standalone: Standalone,
) -> None:
    with Server(standalone.url("alone")) as server:
        with server.client() as client:
            for token, value in ("a", 1), ("b", 2), ("a", 1):
                response = client.request("PUT", f"/v1/series/k/{token}?reuse=any")
                assert response.json()["value"] == value
        assert '"level": "warning"' in server.log()
        assert "a single server without a replica set" in server.log()


def test_a_replica_set_brings_no_such_warning(new_database_url: str) -> None:
    with Server(new_database_url) as server:
        assert "replica set" not in server.log().replace("replicaSet", "")


def test_a_url_without_a_database_is_refused(replica_set: ReplicaSet) -> None:
    with pytest.raises(StartupError, match="names no database"):
        open_store(replica_set.url("").partition("?")[0])


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://a:b:c/d", "mongodb://u:hunter2@[x/d"])
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StartupError, match="cannot be used") as error:
        open_store(url)
    assert "hunter2" not in str(error.value)


def test_a_server_that_is_not_there_is_said_so_without_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "START_SECONDS", 0.2)
    with pytest.raises(StartupError, match="does not answer") as error:
        open_store("mongodb://user:hunter2@127.0.0.1:1/monotron")
    assert "hunter2" not in str(error.value)


def test_a_set_that_may_lose_what_a_majority_took_is_refused() -> None:
    with ReplicaSet.start(members=1) as replica_set, replica_set.client() as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        config["writeConcernMajorityJournalDefault"] = False
        client.admin.command("replSetReconfig", config)
        with pytest.raises(StartupError, match="writeConcernMajorityJournalDefault"):
            open_store(replica_set.url("monotron"))


def test_an_older_server_is_refused(
    replica_set: ReplicaSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MIN_SERVER", (6, 1))
    with pytest.raises(StartupError, match=r"is 6\.0; Monotron needs 6\.1 or newer"):
        open_store(replica_set.url("monotron"))


def test_a_second_start_finds_everything_in_its_place(new_database_url: str) -> None:
    first = open_store(new_database_url)
    put_any(first, "a")
    second = open_store(new_database_url)
    put_any(second, "b")
    first.close()
    assert ledger(second) == [("a", 1), ("b", 2)]
    second.close()


def test_a_database_of_an_unreleased_format_is_rejected(
    replica_set: ReplicaSet, new_database_url: str
) -> None:
    with replica_set.client() as client:
        entries = client["new"].entries
        entries.create_index([(field, 1) for field in ("account", "key", "life", "value")])
    with pytest.raises(StartupError) as error:
        open_store(new_database_url)
    assert str(error.value) == (
        "The MongoDB database new has the format of an unreleased Monotron. This version cannot "
        "read it. Use another database, or drop this one."
    )


@pytest.mark.parametrize(("said", "seconds"), [({}, 5), ({"connectTimeoutMS": 9000}, 9)])
def test_a_connection_may_take_5_s_unless_the_url_says_otherwise(
    replica_set: ReplicaSet, said: dict[str, int], seconds: float
) -> None:
    database, _ = connection.connect(replica_set.url("patience", **said))
    with database.client as client:
        assert client.options.pool_options.connect_timeout == seconds
