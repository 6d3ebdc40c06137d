"""Several server processes and one store."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.aftermath import check_aftermath
from faults.crowd import Crowd, at_once
from faults.load import Load
from faults.tier import rounds
from support.mongod import ReplicaSet
from support.server import Server

ANSWERS = rounds(short=300, whole=800)
"""The number of responses that the shares of the servers are measured with."""


@pytest.mark.timeout(300)
def test_two_servers_on_one_hot_series_both_make_progress(database_url: str) -> None:
    """Every caller uses one server, and both servers have the same number of callers."""
    with Server(database_url) as one, Server(database_url) as other:
        urls = [one.url, other.url]
        with Load(urls, ["hot"], callers=32, pinned=True) as load:
            load.wait_for_answers(ANSWERS // 4)
            before = [load.answers_of(url) for url in urls]
            load.wait_for_answers(ANSWERS)
            answers = [load.answers_of(url) - was for url, was in zip(urls, before, strict=True)]
            history = load.finish()
        check_aftermath(history, urls)
    assert min(answers) >= 0.25 * sum(answers)


def test_four_servers_that_start_concurrently_create_one_store(
    replica_set: ReplicaSet, new_database_url: str
) -> None:
    servers: list[Server] = []
    try:
        at_once([lambda: servers.append(Server(new_database_url))] * 4)
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
