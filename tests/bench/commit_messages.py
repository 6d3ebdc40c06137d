"""Sends large commit messages on many connections until its standard input is closed."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
CONNECTIONS = 16
BODY_BYTES = 2**20
MESSAGE = b"fix(parser): accept a list\n\nThe parser reads one line.\nRefs: #12\0"


@contextmanager
def commit_messages(port: int, path: str, authorization: str) -> Iterator[None]:
    """Send the requests from another process during the block."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "BENCH_AUTHORIZATION": authorization}
    command = [sys.executable, "-P", "-m", "bench.commit_messages", str(port), path]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"200\n":  # the first response has arrived
                raise RuntimeError(f"the server did not accept the commit messages at {path}")
            yield
        finally:
            process.kill()


def _send(port: int, path: str, first: threading.Event) -> None:
    body = (MESSAGE * (BODY_BYTES // len(MESSAGE) + 1))[:BODY_BYTES]
    headers = {"Authorization": os.environ["BENCH_AUTHORIZATION"]}
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while True:
                connection.request("PUT", path, body, headers)
                response = connection.getresponse()
                response.read()
                if not first.is_set():
                    first.set()
                    print(response.status, flush=True)
        except OSError:
            connection.close()


def main() -> None:
    """Run `commit_messages` in this process."""
    first = threading.Event()
    for _ in range(CONNECTIONS):
        arguments = (int(sys.argv[1]), sys.argv[2], first)
        threading.Thread(target=_send, args=arguments, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
