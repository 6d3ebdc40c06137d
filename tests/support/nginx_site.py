"""The configuration of nginx in docs/operations.md, adapted to the servers of a test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import trustme

from support.http import Client
from support.member import free_port, until
from support.nginx import Nginx
from support.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
HASH = "    hash $monotron_key consistent; # a name stays on one server\n"
MAX_PROBED_KEYS = 1000


class NginxSite:
    """The configuration of the page for two servers, on other ports."""

    def __init__(
        self, authority: trustme.CA, folder: Path, *servers: Server, forwards: bool = False
    ) -> None:
        """With *forwards*, the servers need credentials: others reject a forwarding header."""
        [self.text] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.port, self.tls_port = free_port(), free_port()
        for host, server in zip(("10.0.0.11", "10.0.0.12"), servers, strict=True):
            self.replace(f"{host}:3030", f"127.0.0.1:{server.port}")
        listen = f"listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.tls_port} ssl;"
        self.replace("listen 443 ssl;", listen)
        issued = authority.issue_cert("monotron.example.com", "127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "site.pem")
        self.replace("/etc/ssl/monotron.pem", str(folder / "site.pem"))
        self.replace("/etc/ssl/monotron.key", str(folder / "site.pem"))
        if not forwards:
            self.replace("proxy_set_header X-Forwarded-For $remote_addr;", "")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def replace(self, old: str, new: str) -> None:
        assert self.text.count(old) == 1, old
        self.text = self.text.replace(old, new)


def address(server: Server) -> str:
    """The name of a server in the configuration and in the log of nginx."""
    return f"127.0.0.1:{server.port}"


def first_servers(nginx: Nginx, url: str, paths: Sequence[str]) -> dict[str, str]:
    """Read each path, all different, and return the server that nginx sent the request to first.

    Meanwhile, no one else may send requests to this nginx.
    """
    earlier = len(nginx.requests())
    with Client(url) as client:
        for path in paths:
            client.request("GET", path)
    until(lambda: len(nginx.requests(earlier)) >= len(paths), 30, "the log of nginx")
    return {each.path: each.servers[0] for each in nginx.requests(earlier)}


def keys_of_each(nginx: Nginx, url: str, servers: Sequence[Server], count: int) -> list[list[str]]:
    """Return, for each of the servers, the keys of *count* series that nginx sends to it."""
    keys = [f"k{number}" for number in range(MAX_PROBED_KEYS)]
    for some in (keys[: 16 * count], keys):
        found = first_servers(nginx, url, [f"/v1/series/{key}" for key in some])
        each = [
            [key for key in some if found[f"/v1/series/{key}"] == address(server)][:count]
            for server in servers
        ]
        if all(len(own) == count for own in each):
            return each
    raise RuntimeError(f"a server has fewer than {count} of {len(keys)} series")
