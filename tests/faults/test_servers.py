"""Several server processes and one store."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from faults.aftermath import check_aftermath
from faults.crowd import Crowd, at_once
from faults.load import Load
from support.mongod import ReplicaSet
from support.server import Server

ANSWERS = 800
"""How many answers a run of the hot series lasts."""


@pytest.mark.timeout(300)
def test_two_servers_on_one_hot_series_both_make_progress(database_url: str) -> None:
    with Server(database_url) as one, Server(database_url) as other:
        alone, _ = hammer([one.url], "alone")
        together, shares = hammer([one.url, other.url], "together")
    print(
        f"one server {alone:.0f} answers/s, two {together:.0f}; "
        f"shares {' and '.join(f'{share:.0%}' for share in shares)}"
    )
    assert min(shares) >= 0.25


def hammer(urls: list[str], key: str) -> tuple[float, list[float]]:
    """Answers a second of the hot series *key*, and each server's share of them.

    Every caller stays with one server; each server has as many callers as the other.
    """
    with Load(urls, [key], callers=32, pinned=True) as load:
        load.wait_for_answers(200)
        before = [load.answers_of(url) for url in urls]
        started = time.monotonic()
        load.wait_for_answers(ANSWERS)
        seconds = time.monotonic() - started
        answers = [load.answers_of(url) - was for url, was in zip(urls, before, strict=True)]
        history = load.finish()
    check_aftermath(history, urls)
    return sum(answers) / seconds, [each / sum(answers) for each in answers]


def test_four_servers_started_at_once_make_one_store(
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


def test_a_second_server_on_the_same_file_stops_and_names_it(tmp_path: Path) -> None:
    file = tmp_path / "monotron.db"
    with Server(f"sqlite:///{file}") as first:
        with pytest.raises(
            RuntimeError, match="the server ended with 1 before it was ready"
        ) as stop:
            Server(f"sqlite:///{file}")
        assert f"another process has {file} open." in str(stop.value)
        assert "Traceback" not in str(stop.value)
        assert Crowd([first.url]).put("key", "token") == 1
    with Server(f"sqlite:///{file}") as successor:
        assert Crowd([successor.url]).put("key", "other") == 2
