"""etcd with its JSON gateway, and the client of `etcd_client.py`."""

import urllib.request
from pathlib import Path
from typing import Self
from urllib.error import URLError

from bench.figures import Figures
from bench.load import Target
from bench.measuring import load
from bench.peers.packages import start, stop, version
from bench.processes import tree_us
from support.member import free_port, until


class Etcd:
    """A server with one member, without the cost of replication."""

    def __init__(self, folder: Path) -> None:
        self.name = f"etcd {version('etcd', '--version').split()[-1]}, JSON gateway"
        self._folder = folder / "etcd"
        self._folder.mkdir()
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        peer = f"http://127.0.0.1:{free_port()}"
        # fmt: off
        options = [
            "--data-dir", self._folder / "data",
            "--listen-client-urls", self._url, "--advertise-client-urls", self._url,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"default={peer}",
        ]
        # fmt: on
        self._process = start("etcd", *options, log=self._folder / "etcd.log")
        until(self._healthy, 20, "a healthy etcd")
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._process)

    def measure(self, callers: int, series: int, seconds: float) -> Figures:
        before = {"etcd": tree_us(self._process.pid)}
        result = load(self._port, Target("etcd", series), seconds, callers)
        return Figures.of(result, before, {"etcd": tree_us(self._process.pid)})

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/health", timeout=1) as response:
                return b'"true"' in response.read()
        except (URLError, OSError):
            return False
