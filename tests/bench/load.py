"""An HTTP/1.1 load generator with little overhead, because it shares the machine with the server.

`run` sends requests from this process, `run_in_process` from a separate one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.connections import LoadGenerator
from bench.conversations import ConversationLoad
from bench.peers.etcd_client import conversations
from bench.targets import Target, requests_of

__all__ = ["Result", "Target", "requests_of", "run", "run_in_process"]

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    """The result of a run; `errors` counts broken connections, independently of statuses."""

    requests: int
    seconds: float
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    statuses: dict[int, int]
    cpu_seconds: float
    """Processor time of the generator itself."""


def run(
    port: int,
    connections: int,
    requests: Iterable[Any] | Callable[[], Any],
    *,
    count: int | None = None,
    seconds: float | None = None,
    pause: float = 0.0,
    are_conversations: bool = False,
) -> Result:
    """Send *requests* to 127.0.0.1. Each connection sends the next one after each response.

    Ends after *count* requests, after *seconds*, or when *requests* is exhausted, and waits for
    pending responses. A broken connection counts as an error and is reopened if possible.
    With a *pause* (seconds) before each poll, one poll receives several responses: both sides wake
    up less often and use less processor time, but every latency includes the pause.
    If *are_conversations* is set, *requests* contains conversations, counted when they end.
    """
    next_request = requests if callable(requests) else iter(requests).__next__
    load_class = ConversationLoad if are_conversations else LoadGenerator
    load = load_class(port, next_request, sys.maxsize if count is None else count)
    load.pause = pause
    try:
        connected = [load.connect() for _ in range(connections)]
        used, started = time.process_time(), time.perf_counter()
        if seconds is not None:
            load.deadline = started + seconds
        for connection in connected:
            load.send_next(connection)
        load.read()
    finally:
        load.close()
    elapsed, used = time.perf_counter() - started, time.process_time() - used
    times = sorted(load.times) or [0.0]
    return Result(
        requests=len(load.times),
        seconds=elapsed,
        rps=len(load.times) / elapsed,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
        errors=load.errors,
        statuses={int(status): number for status, number in load.statuses.items()},
        cpu_seconds=used,
    )


def run_in_process(
    port: int,
    connections: int,
    target: Target,
    *,
    count: int | None = None,
    seconds: float | None = None,
    pause: float = 0.0,
) -> Result:
    """Run the requests of *target* in a separate Python process, and wait for its end."""
    if count is None and seconds is None:
        raise ValueError("the requests are endless: pass count or seconds")
    spec = {
        "port": port,
        "connections": connections,
        "target": asdict(target),
        "count": count,
        "seconds": seconds,
        "pause": pause,
    }
    command = [sys.executable, "-P", "-m", "bench.load", json.dumps(spec)]
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    completed = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    result = json.loads(completed.stdout)
    result["statuses"] = {int(status): number for status, number in result["statuses"].items()}
    return Result(**result)


def main() -> None:
    """Run the JSON specification in the first argument; print the result as JSON."""
    spec = json.loads(sys.argv[1])
    target = Target(**spec.pop("target"))
    is_etcd = target.kind == "etcd"
    requests = conversations(target) if is_etcd else requests_of(target)
    print(json.dumps(asdict(run(**spec, requests=requests, are_conversations=is_etcd))))


if __name__ == "__main__":
    main()
