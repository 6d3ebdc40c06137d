"""Monotron that reports at its end how many asyncio tasks are left.

Run as `python task_counting_server.py PRAGMA=VALUE … serve …`, with settings for SQLite.
"""

from __future__ import annotations

import asyncio
import sys
from functools import wraps
from typing import Any

from tuned_server import settings_before_serve, tune

from monotron import server
from monotron.cli.main import main


def count_tasks() -> None:
    """Count the remaining tasks after the server has stopped."""
    serve = server._serve

    @wraps(serve)
    async def counted(*args: Any) -> None:
        await serve(*args)
        await asyncio.sleep(0)  # so that cancelled tasks can end
        left = asyncio.all_tasks() - {asyncio.current_task()}
        print(f"left at the end: {len(left)}", *left, file=sys.stderr)

    server._serve = counted


if __name__ == "__main__":
    tune(*settings_before_serve())
    count_tasks()
    sys.exit(main())
