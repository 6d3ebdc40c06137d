"""Clients that disconnect, and the request log."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from support.raw_requests import SeriesProbe, http
from support.server import Client, Server, raw


def test_a_client_that_disconnects_within_a_request_changes_nothing(
    server: Server, series: SeriesProbe
) -> None:
    whole = series.insert_key(http(b"PUT", b"/v1/series/<key>/T", body=b"0123456789"))
    for length in range(1, len(whole)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(whole[:length])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    series.assert_untouched()


def test_a_client_that_did_not_read_the_response_may_repeat_the_request(
    server: Server, client: Client, fresh_key: str
) -> None:
    request = http(b"PUT", f"/v1/series/{fresh_key}/T?reuse=any".encode())
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(request)
    response = client.request("PUT", f"/v1/series/{fresh_key}/T?reuse=any")
    assert response.json()["value"] == 1
    ledger = client.request("GET", f"/v1/entries/{fresh_key}").json()
    assert [entry["value"] for entry in ledger["entries"]] == [1]


def test_the_log_contains_every_request_and_no_secret(tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path / 'monotron.db'}") as server:
        for n, target in enumerate(
            (
                b"/v1/series/logged/T?api_key=hunter2",
                b"/v1/series/logged/T?access_token=hunter2",
                b"/v1/series/logged/T?token=hunter2&reuse=any",
                b"/v1/series/logged%0d%0aforged%1b%5b31m/T",
                b"/v1/series/logged%E2%80%A8forged/T",
                "/v1/series/logged-é".encode() + b"\x85\x9b31m/T",
                b"/v1/series/logged/T",
            )
        ):
            headers = (
                b"X-Request-Id: logged-%d" % n,
                b"Authorization: Basic hunter2",
                b"Cookie: hunter2",
            )
            received = raw(server.port, http(b"PUT", target, *headers))
            assert b"X-Request-Id: logged-%d\r\n" % n in received
            assert b"hunter2" not in received
        assert server.stop() == 0
        log = server.log()
    assert "hunter2" not in log
    assert "Traceback" not in log
    assert "\x1b" not in log
    # `splitlines` splits at every Unicode line break.
    requests = [json.loads(line) for line in log.splitlines() if "/v1/series/logged" in line]
    assert [line["status"] for line in requests] == [400, 400, 400, 400, 200, 400, 200]
    for n, line in enumerate(requests):
        assert f"logged-{n}" in line.values()
        assert "PUT" in line.values()
        assert all(ord(character) >= 0x20 for character in line["path"])
        assert "?" not in line["path"]
