"""`monotron ping`: exit code 0 if the server is ready, otherwise 4."""

from __future__ import annotations

import pytest

from support.server import Server
from support.stand_in import HANG_UP, Reply, StandIn
from support.terminal import Terminal


def test_a_ready_server_needs_no_credentials(operator: Terminal, root_server: Server) -> None:
    printed = operator.prints("ping", MONOTRON_API_KEY="")
    assert printed == f"{root_server.url} is ready.\n"


@pytest.mark.parametrize(
    "reply",
    [
        HANG_UP,
        Reply.problem(503, "draining", "The server is shutting down."),
        Reply(200, b"<html>", {"Content-Type": "text/html"}),
    ],
    ids=["no response", "draining", "login page"],
)
def test_another_server_exits_with_4_after_one_request(reply: Reply, offline: Terminal) -> None:
    with StandIn([reply]) as stand_in:
        offline.fails(4, "ping", f"--url={stand_in.url}")
    assert [request.path for request in stand_in.requests] == ["/readyz"]
