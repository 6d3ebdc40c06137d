"""The MongoDB store checks the server when it starts."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.asking import ledger, put_any
from monotron.auth.key_format import PATTERN
from monotron.errors import StartupError
from monotron.store import open_store
from monotron.store.mongo import client as mongo_client
from support.credentials import bearer
from support.mongod import ReplicaSet, Standalone
from support.server import Client, Server


@pytest.fixture(scope="module")
def standalone() -> Iterator[Standalone]:
    with Standalone.start() as standalone:
        yield standalone


def test_a_server_without_a_replica_set_is_rejected(standalone: Standalone) -> None:
    with pytest.raises(StartupError) as error:
        open_store(standalone.url("alone"))
    assert str(error.value) == (
        f"MongoDB at mongodb://{standalone.mongod.address}/alone is not a replica set, so it has "
        "no transactions. A replica set of one member suffices. To convert the server, restart it "
        "with `mongod --replSet rs0` and its other options, then run `mongosh --eval "
        "'rs.initiate()'` once."
    )


def test_a_replica_set_logs_no_warning(new_database_url: str) -> None:
    with Server(new_database_url) as server:
        assert "replica set" not in server.log().replace("replicaSet", "")


def test_a_url_without_a_database_is_rejected(replica_set: ReplicaSet) -> None:
    with pytest.raises(StartupError, match="does not name a database"):
        open_store(replica_set.url("").partition("?")[0])


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://a:b:c/d", "mongodb://u:hunter2@[x/d"])
def test_an_invalid_url_is_rejected_without_showing_its_password(url: str) -> None:
    with pytest.raises(StartupError, match="Invalid store URL") as error:
        open_store(url)
    assert "hunter2" not in str(error.value)


@pytest.fixture
def short_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo_client, "START_SECONDS", 0.5)
    monkeypatch.setattr(mongo_client, "LOG_AFTER_SECONDS", 0.0)


@pytest.mark.usefixtures("short_start")
class TestAnUnusableServer:
    def test_a_refused_connection_is_reported_without_the_password(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "monotron.store")
        with pytest.raises(
            StartupError, match=r"Cannot reach MongoDB.*connection refused"
        ) as error:
            open_store("mongodb://user:hunter2@127.0.0.1:1/monotron")
        assert "hunter2" not in str(error.value)
        waiting = (
            "waiting for MongoDB at mongodb://127.0.0.1:1/monotron (connection refused), attempt"
        )
        assert waiting in caplog.text
        assert "hunter2" not in caplog.text

    def test_missing_authorization_is_reported(self, replica_set: ReplicaSet) -> None:
        url = replica_set.url("monotron").replace("mongodb://", "mongodb://user:hunter2@")
        with pytest.raises(StartupError, match="Not authorized by MongoDB") as error:
            open_store(url)
        assert "hunter2" not in str(error.value)

    def test_a_replica_set_that_is_not_initialized_is_reported(self) -> None:
        with Standalone.start(replica_set="rs") as server:
            url = server.url("monotron")
            for each in url, url.partition("?")[0]:
                with pytest.raises(StartupError, match=r"not initialized\. Run rs\.initiate\(\)"):
                    open_store(each)


def test_a_replica_set_that_may_lose_majority_writes_is_rejected() -> None:
    with ReplicaSet.start(members=1) as replica_set, replica_set.client() as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        config["writeConcernMajorityJournalDefault"] = False
        client.admin.command("replSetReconfig", config)
        with pytest.raises(StartupError, match="writeConcernMajorityJournalDefault"):
            open_store(replica_set.url("monotron"))


def test_an_old_server_is_rejected(
    replica_set: ReplicaSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica_set.client() as client:
        version = client.server_info()["version"]
    major, minor, _ = map(int, version.split("."))
    minimums = ((major - 1, 0, 6), (major, minor, 99))
    monkeypatch.setattr(mongo_client, "MIN_SERVER_VERSIONS", minimums)
    with pytest.raises(StartupError) as error:
        open_store(replica_set.url("monotron"))
    supported = f"Use {major - 1}.0.6 or {major}.{minor}.99, or a"
    assert f"is too old: {version}. {supported}" in str(error.value)


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ((4, 2, 24), False),
        ((4, 4, 10), False),
        ((4, 4, 11), True),
        ((4, 4, 29), True),
        ((5, 0, 5), False),
        ((5, 0, 6), True),
        ((6, 0, 0), True),
        ((8, 0, 4), True),
    ],
)
def test_versions_with_critical_bugs_are_not_supported(
    version: tuple[int, ...], supported: bool
) -> None:
    assert mongo_client.is_supported(version) is supported


def test_a_second_start_continues_with_the_existing_store(new_database_url: str) -> None:
    first = open_store(new_database_url)
    put_any(first, "a")
    second = open_store(new_database_url)
    put_any(second, "b")
    first.close()
    assert ledger(second) == [("a", 1), ("b", 2)]
    second.close()


@pytest.mark.parametrize("sign", ["life", "batch"])
def test_a_database_of_an_unreleased_format_is_rejected(
    replica_set: ReplicaSet, new_database_url: str, sign: str
) -> None:
    with replica_set.client() as client:
        if sign == "life":
            client["new"].entries.create_index([("account", 1), ("life", 1)])
        else:
            client["new"].series.insert_one({"account": 1, "key": "a", "batch": ["t"]})
    with pytest.raises(StartupError) as error:
        open_store(new_database_url)
    assert str(error.value) == (
        "The MongoDB database new has the format of an unreleased Monotron. This version cannot "
        "read it. Use another database, or drop this one."
    )


@pytest.mark.parametrize(("options", "seconds"), [({}, 5), ({"connectTimeoutMS": 9000}, 9)])
def test_the_connection_timeout_is_5_s_unless_the_url_sets_one(
    replica_set: ReplicaSet, options: dict[str, int], seconds: float
) -> None:
    database = mongo_client.connect(replica_set.url("patience", **options))
    with database.client as client:
        assert client.options.pool_options.connect_timeout == seconds


def test_servers_that_start_together_create_one_root_key(new_database_url: str) -> None:
    def start(args: list[str]) -> Server:
        env = {"MONOTRON_INIT_ROOT_KEY": "true"}
        return Server(new_database_url, listen="0.0.0.0:0", env=env, args=args)

    with ThreadPoolExecutor(2) as threads:
        servers = list(threads.map(start, [["--processes=2"], []]))
    try:
        (secret,) = re.findall(PATTERN, "".join(server.output() for server in servers))
        for server in servers:
            with Client(f"http://127.0.0.1:{server.port}", authorization=bearer(secret)) as client:
                assert client.request("GET", "/v1/whoami").json()["principal"] == "root"
            assert secret not in server.log()
    finally:
        codes = [server.stop() for server in servers]
    assert codes == [0, 0]
