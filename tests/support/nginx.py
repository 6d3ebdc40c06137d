"""A real nginx on loopback, with the configuration that a test gives it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from support.member import until

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
    """The nginx of the PATH, or where Debian has it."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if found := shutil.which("nginx", path=path):
        return found
    raise RuntimeError("no nginx to test with: install it (Debian: apt install nginx-light)")


@dataclass(frozen=True)
class Passed:
    """A request that went through, with the servers that were asked, and what they said."""

    method: str
    path: str
    status: int
    servers: list[str]
    statuses: list[str]


class Nginx:
    """An nginx that listens once this is made."""

    def __init__(self, sites: str) -> None:
        """*sites* is what would stand in a file of `conf.d`. RuntimeError if nginx refuses it."""
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
        until(self._started, 30, "nginx has started")

    def _started(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"nginx ended: {self.log()}")
        # It listens before it writes its process id.
        return (self._folder / "pid").exists()

    def log(self) -> str:
        """What it says of errors."""
        return self._read("error.log")

    def passed(self) -> list[Passed]:
        """All requests that it has answered."""
        found = []
        for line in self._read("access.log").splitlines(keepends=True):
            if line.endswith("\n"):
                method, path, status, servers, statuses = line.rstrip("\n").split("|")
                found.append(
                    Passed(method, path, int(status), servers.split(", "), statuses.split(", "))
                )
        return found

    def _read(self, name: str) -> str:
        file = self._folder / name
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self) -> None:
        """End it, and what it has under way."""
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
