"""A token repeated after others keeps its value, also after a restart or a failover."""

from __future__ import annotations

from support.mongod import ReplicaSet
from support.server import Server


def put(server: Server, token: str) -> tuple[int, bool]:
    """Return the value, and whether it was reused."""
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


def test_a_token_keeps_its_value_after_a_restart(store_url: str) -> None:
    with Server(store_url) as server:
        assert [put(server, token) for token in "TU"] == [(1, False), (2, False)]
        server.kill()
    with Server(store_url) as server:
        assert put(server, "T") == (1, True)
        assert current(server) == ("U", 2)
        assert put(server, "V") == (3, False)


def test_a_token_keeps_its_value_after_a_failover(own_set: ReplicaSet) -> None:
    with Server(own_set.url("aba")) as server:
        assert [put(server, token) for token in "TU"] == [(1, False), (2, False)]
        own_set.step_down()
        assert put(server, "T") == (1, True)
        own_set.kill_primary()
        assert put(server, "T") == (1, True)
        assert current(server) == ("U", 2)
        assert put(server, "V") == (3, False)


def test_a_deleted_series_assigns_new_values_to_its_tokens(store_url: str) -> None:
    with Server(store_url) as server:
        for query, first in (("?restart=true", 1), ("", 3), ("?restart=true", 1)):
            delete(server, query)
            assert put(server, "T") == (first, False)
            assert put(server, "U") == (first + 1, False)
            assert put(server, "T") == (first, True)
            assert current(server) == ("U", first + 1)
