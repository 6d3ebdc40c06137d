"""Several server processes and one store."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.aftermath import check_aftermath
from faults.crowd import Crowd, concurrently
from support.mongod import ReplicaSet
from support.server import Server


def test_four_servers_that_start_concurrently_create_one_store(
    replica_set: ReplicaSet, new_database_url: str
) -> None:
    servers: list[Server] = []
    try:
        concurrently([lambda: servers.append(Server(new_database_url))] * 4)
        crowd = Crowd([server.url for server in servers])
        values = crowd.ask("key", [[(f"token-{number}", "any")] for number in range(16)])
        assert sorted(value for [value] in values) == list(range(1, 17))
        check_aftermath(crowd.history, [server.url for server in servers])
        with replica_set.client() as client:
            database = client[new_database_url.partition("?")[0].rpartition("/")[2]]
            unique = {
                name: [
                    [field for field, _ in index["key"]]
                    for index in database[name].index_information().values()
                    if index.get("unique")
                ]
                for name in ("series", "entries")
            }
    finally:
        for server in servers:
            server.kill()
    assert unique == {
        "series": [["account", "key"]],
        "entries": [["account", "key", "generation", "value"]],
    }


def test_a_second_server_on_the_same_file_stops_and_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "monotron.db"
    with Server(f"sqlite:///{file}") as first:
        with pytest.raises(
            RuntimeError, match="the server ended with 1 before it was ready"
        ) as stop:
            Server(f"sqlite:///{file}")
        assert f"nother process has {file} open." in str(stop.value)
        assert "Traceback" not in str(stop.value)
        assert Crowd([first.url]).put("key", "token") == 1
    with Server(f"sqlite:///{file}") as successor:
        assert Crowd([successor.url]).put("key", "other") == 2
