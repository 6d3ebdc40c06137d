"""The first lines that a server prints."""

from __future__ import annotations

from monotron import __version__
from support.server import Server


def test_a_started_server_prints_its_version_address_and_data(server: Server) -> None:
    first, pages, api, data = server.output().splitlines()
    assert first == f"Monotron {__version__} listening on {server.url}"
    assert pages == f"  Web pages  {server.url}/"
    assert api == f"  API        {server.url}/v1"
    assert data.startswith("  Data       /")
    assert data.endswith("/monotron.db")
