"""A real nginx on loopback, with the configuration of a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.member import until
from support.stoppable import Stoppable

FRAME = """
{user}
pid {folder}/pid;
error_log {folder}/error.log info;
worker_processes 1;
events {{ worker_connections 1000; }}
http {{
    log_format upstreams '$request_method|$request_uri|$status|$upstream_addr|$upstream_status';
    access_log {folder}/access.log upstreams;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {sites}
}}
"""


def find_nginx() -> str:
    """Return the nginx on the PATH, or in /usr/sbin, which is its directory on Debian."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if program := shutil.which("nginx", path=path):
        return program
    raise RuntimeError("nginx is missing. Install it, for example with make setup-runners.")


@dataclass(frozen=True)
class ProxiedRequest:
    """A request that nginx has answered, with the servers it was sent to, and their statuses."""

    method: str
    path: str
    status: int
    servers: list[str]
    statuses: list[str]


class Nginx(Stoppable):
    """An nginx, which is listening when the constructor returns."""

    def __init__(self, sites: str) -> None:
        """*sites* is the content of a file in `conf.d`. Raises RuntimeError if nginx rejects it."""
        self._folder = Path(tempfile.mkdtemp(prefix="monotron-nginx-"))
        user = "user root;" if os.geteuid() == 0 else ""
        config = self._folder / "nginx.conf"
        config.write_text(FRAME.format(user=user, folder=self._folder, sites=sites))
        command = [find_nginx(), "-p", str(self._folder), "-c", str(config), "-g", "daemon off;"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._started, 30, "the start of nginx")

    def _started(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"nginx has ended: {self.log()}")
        # It listens before it writes its process id.
        return (self._folder / "pid").exists()

    @property
    def pid(self) -> int:
        """The id of the process whose child serves the requests."""
        return self._process.pid

    def log(self) -> str:
        """Return the error log."""
        return self._read("error.log")

    def requests(self, since: int = 0) -> list[ProxiedRequest]:
        """Return all requests that nginx has answered, without the first *since* of them."""
        requests = []
        for line in self._read("access.log").splitlines(keepends=True)[since:]:
            if line.endswith("\n"):
                method, path, status, servers, statuses = line.rstrip("\n").split("|")
                requests.append(
                    ProxiedRequest(
                        method, path, int(status), servers.split(", "), statuses.split(", ")
                    )
                )
        return requests

    def _read(self, name: str) -> str:
        file = self._folder / name
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self) -> None:
        """End nginx, including its current requests."""
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)
