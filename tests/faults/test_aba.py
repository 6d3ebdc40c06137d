"""A token comes again after others: its own value, whatever happened to the server or the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.mongod import ReplicaSet
from support.server import Server


@pytest.fixture
def own_set() -> Iterator[ReplicaSet]:
    """A replica set that no other test needs."""
    with ReplicaSet.start() as replica_set:
        yield replica_set


def put(server: Server, token: str) -> tuple[int, bool]:
    """The value, and whether the token had it before."""
    with server.client() as client:
        response = client.request("PUT", f"/v1/series/aba/{token}?reuse=any")
    assert response.status == 200, response
    return response.json()["value"], response.headers["Monotron-Reused"] == "true"


def current(server: Server) -> tuple[str, int]:
    with server.client() as client:
        entry = client.request("GET", "/v1/series/aba").json()
    return entry["token"], entry["value"]


def delete(server: Server, query: str) -> None:
    with server.client() as client:
        assert client.request("DELETE", f"/v1/series/aba{query}").status == 200


def test_a_server_that_starts_again_gives_a_token_what_it_had(store_url: str) -> None:
    with Server(store_url) as server:
        assert [put(server, token) for token in "TU"] == [(1, False), (2, False)]
        server.kill()
    with Server(store_url) as server:
        assert put(server, "T") == (1, True)
        assert current(server) == ("U", 2)
        assert put(server, "V") == (3, False)


def test_a_new_primary_gives_a_token_what_it_had(own_set: ReplicaSet) -> None:
    with Server(own_set.url("aba")) as server:
        assert [put(server, token) for token in "TU"] == [(1, False), (2, False)]
        own_set.step_down()
        assert put(server, "T") == (1, True)
        own_set.kill_primary()
        assert put(server, "T") == (1, True)
        assert current(server) == ("U", 2)
        assert put(server, "V") == (3, False)


@pytest.mark.parametrize(("query", "first"), [("", 3), ("?restart=true", 1)])
def test_a_series_that_was_deleted_counts_its_tokens_again(
    store_url: str, query: str, first: int
) -> None:
    with Server(store_url) as server:
        assert [put(server, token) for token in "TU"] == [(1, False), (2, False)]
        delete(server, query)
        assert put(server, "T") == (first, False)
        assert put(server, "U") == (first + 1, False)
        assert put(server, "T") == (first, True)
        assert current(server) == ("U", first + 1)
