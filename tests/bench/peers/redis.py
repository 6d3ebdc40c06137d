"""Redis behind webdis, with fsync after each write. A Lua script counts unless the token exists."""

import json
import subprocess
from pathlib import Path
from typing import Self

from bench.figures import Figures
from bench.load import Target
from bench.measuring import load
from bench.peers.packages import package_version, start, stop
from bench.processes import tree_us
from support.member import free_port, until

SCRIPT = """\
local assigned = redis.call('HGET', KEYS[2], ARGV[1])
if assigned then return tonumber(assigned) end
local value = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], value)
return value
"""


class Redis:
    """A server behind webdis."""

    def __init__(self, folder: Path) -> None:
        self.name = (
            f"Redis {package_version('redis-server')}, webdis {package_version('webdis')}, script"
        )
        self._folder = folder / "redis"
        self._folder.mkdir()
        self._redis_port, self._port = free_port(), free_port()

    def __enter__(self) -> Self:
        options = ["--port", self._redis_port, "--bind", "127.0.0.1", "--dir", self._folder]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._redis = start("redis-server", *options, log=self._folder / "redis.log")
        config = {
            "redis_host": "127.0.0.1",
            "redis_port": self._redis_port,
            "http_host": "127.0.0.1",
            "http_port": self._port,
            "threads": 2,
            "daemonize": False,
            "acl": [],
            "verbosity": 1,
            "logfile": str(self._folder / "webdis.log"),
        }
        until(lambda: self._command("ping") == "PONG", 10, "a response from Redis")
        (self._folder / "webdis.json").write_text(json.dumps(config))
        self._webdis = start(
            "webdis", self._folder / "webdis.json", log=self._folder / "webdis.out"
        )
        script = self._command("script", "load", SCRIPT)
        self._path = f"/EVALSHA/{script}/2/SERIES/SERIES:tokens/TOKEN"
        target = Target("each", method="PUT", path=self._path)
        until(lambda: self._responds(target), 10, "a response from webdis")
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._webdis)
        stop(self._redis)

    def measure(self, callers: int, series: int, seconds: float) -> Figures:
        target = Target("each", series, method="PUT", path=self._path)
        before, first_value = self._cpu(), self._value()
        result = load(self._port, target, seconds, callers)
        figures = Figures.of(result, before, self._cpu())
        # webdis responds with 200 to errors of Redis as well.
        if series == 1 and self._value() - first_value != result.requests:
            raise RuntimeError(f"Redis counted from {first_value} to {self._value()}: {result}")
        return figures

    def _value(self) -> int:
        return int(self._command("get", "bench-0") or 0)

    def _cpu(self) -> dict[str, float]:
        return {"webdis": tree_us(self._webdis.pid), "redis": tree_us(self._redis.pid)}

    def _command(self, *words: str) -> str:
        command = ["redis-cli", "-p", str(self._redis_port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def _responds(self, target: Target) -> bool:
        try:
            load(self._port, target, 0.1, 1)
        except (RuntimeError, subprocess.CalledProcessError):
            return False
        return True
