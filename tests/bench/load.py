"""An HTTP/1.1 load generator that costs little itself: it shares the machine with the server.

`run` works in this process, `run_in_process` beside it.
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

from bench.connections import Load
from bench.conversations import Conversations
from bench.peers.counting import conversations
from bench.targets import Target, requests_of

__all__ = ["Result", "Target", "requests_of", "run", "run_in_process"]

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    """What a run came to; `errors` are connections that broke, whatever their answers said."""

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
    talks: bool = False,
) -> Result:
    """Send *requests* to 127.0.0.1, each connection the next one as soon as it has its answer.

    Ends after *count* requests or *seconds*, or with *requests*, and waits for what is under way.
    A connection that breaks is an error, and is opened again unless that fails too.
    With a *pause* (seconds) before each look for answers, several are taken at a time: both sides
    wake up less often, which costs them less, but every latency contains it.
    If it *talks*, each of *requests* is a conversation instead, counted when it is over.
    """
    next_request = requests if callable(requests) else iter(requests).__next__
    kind = Conversations if talks else Load
    load = kind(port, next_request, sys.maxsize if count is None else count)
    load.pause = pause
    try:
        opened = [load.connect() for _ in range(connections)]
        used, started = time.process_time(), time.perf_counter()
        if seconds is not None:
            load.deadline = started + seconds
        for connection in opened:
            load.ask(connection)
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
    """`run` the requests of *target* in a Python process of its own; waits for its end."""
    if count is None and seconds is None:
        raise ValueError("requests without end: give a count or seconds")
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
    ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    answer = json.loads(ended.stdout)
    answer["statuses"] = {int(status): number for status, number in answer["statuses"].items()}
    return Result(**answer)


def main() -> None:
    """Run the JSON specification in the first argument; print the result as JSON."""
    spec = json.loads(sys.argv[1])
    target = Target(**spec.pop("target"))
    talks = target.kind == "etcd"
    requests = conversations(target) if talks else requests_of(target)
    print(json.dumps(asdict(run(**spec, requests=requests, talks=talks))))


if __name__ == "__main__":
    main()
