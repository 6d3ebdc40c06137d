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


class TestPlainHttp:
    """`ping` has nothing to protect, and servers behind a proxy speak http, as in Kubernetes."""

    def test_a_server_without_tls_on_another_host_is_pinged(self, offline: Terminal) -> None:
        with Server("sqlite://", listen="127.0.0.2:0") as server:
            assert offline.prints("ping", f"--url={server.url}") == f"{server.url} is ready.\n"

    def test_commands_with_an_api_key_refuse_it(self, offline: Terminal) -> None:
        url = "http://127.0.0.2:3030"
        errors = offline.fails(2, "names", f"--url={url}", MONOTRON_API_KEY="mtk_s_1")
        assert "must be an https:// URL" in errors

    @pytest.mark.parametrize("url", ["ftp://monotron", "monotron", "http://u:p@monotron"])
    def test_another_url_is_refused(self, url: str, offline: Terminal) -> None:
        offline.fails(2, "ping", f"--url={url}")
