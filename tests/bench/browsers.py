"""Browsers that reload pages until standard input is closed: each requests the next immediately."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

from bench.load import Target, requests_of, run
from bench.processes import running
from support.server import ROOT

BROWSERS = 16
HEADERS = {"Accept": "text/html", "Authorization": ROOT}


def page_target(paths: Sequence[str]) -> Target:
    """Requests for these pages in turn."""
    return Target("pages", paths=paths, headers=HEADERS)


def browsers(port: int, paths: Sequence[str]) -> AbstractContextManager[None]:
    """Reload these pages from another process during the block."""
    return running("browsers", str(port), json.dumps(paths))


def main() -> None:
    """Run `browsers` in this process."""
    port, target = int(sys.argv[1]), page_target(json.loads(sys.argv[2]))
    requests = requests_of(target)
    first = run(port, 1, requests, count=len(target.paths))
    if set(first.statuses) != {200}:
        raise RuntimeError(f"statuses: {first.statuses}")
    load = threading.Thread(
        target=run, args=(port, BROWSERS, requests), kwargs={"seconds": 3600}, daemon=True
    )
    load.start()
    print("open", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
