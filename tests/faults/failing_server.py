"""Monotron, but for one thing: it kills itself at a certain point of its work.

Run as `python failing_server.py POINT serve …`. The product has no such points; they are put in
here, around what it calls.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from monotron.cli import main
from monotron.store.mongo.releases import MongoReleases
from monotron.store.sqlite_releases import SqliteReleases
from monotron.versions import Versions
from monotron.versions.standing import Standing

POINTS: dict[str, tuple[list[type], str, bool, int]] = {
    "before the step": ([Versions], "_step", False, 1),
    "after the step": ([Versions], "_record", False, 1),
    "after the record": ([SqliteReleases, MongoReleases], "add", True, 1),
    "after the patch": ([Standing], "raise_to", True, 1),
    "after the minor": ([Standing], "raise_to", True, 2),
}
"""Classes, method, whether it is carried out first, and at which call of it."""


def arm(point: str) -> None:
    """Have this process killed when it reaches the point."""
    classes, name, carried_out, calls_left = POINTS[point]

    def deadly(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any) -> Any:
            nonlocal calls_left
            calls_left -= 1
            result = method(*args) if calls_left or carried_out else None
            if not calls_left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for each in classes:
        setattr(each, name, deadly(getattr(each, name)))


if __name__ == "__main__":
    arm(sys.argv.pop(1))
    sys.exit(main())
