"""Plain MongoDB updates: one `find_one_and_update` per request on the nodes of the service."""

import subprocess
import sys
from pathlib import Path
from typing import Self

from bench.figures import Figures
from bench.load import Target
from bench.measuring import load
from bench.peers.plain_threads import updates
from bench.processes import pids, tree_us
from support.mongod import ReplicaSet


class PlainHttp:
    """Updates behind a minimal Tornado handler: `plain_server.py` in a separate process."""

    name = "plain find_one_and_update, bare handler"

    def __init__(self, replica_set: ReplicaSet) -> None:
        self._replica_set = replica_set
        self._url = replica_set.url("plainhttp")

    def __enter__(self) -> Self:
        command = [sys.executable, Path(__file__).with_name("plain_server.py"), self._url]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(self, callers: int, series: int, seconds: float) -> Figures:
        before = self._cpu()
        result = load(self._port, Target("put", series, key="plain"), seconds, callers)
        return Figures.of(result, before, self._cpu())

    def _cpu(self) -> dict[str, float]:
        nodes = sum(map(tree_us, pids(self._replica_set)))
        return {"handler": tree_us(self._process.pid), "mongod": nodes}


class PlainThreads:
    """Updates from threads, without HTTP."""

    name = "plain find_one_and_update, threads, no HTTP"

    def __init__(self, replica_set: ReplicaSet) -> None:
        self._replica_set = replica_set
        self._url = replica_set.url("plain")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def measure(self, callers: int, series: int, seconds: float) -> Figures:
        return updates(self._url, callers, series, seconds, pids(self._replica_set))
