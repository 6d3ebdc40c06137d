"""The environment of a server: time, randomness, threads, and the event loop.

The simulator (tests/simulation) passes its own `Runtime`, so that a seed determines a whole run.
"""

import asyncio
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any


def start_thread(run: Callable[[], object], name: str) -> threading.Thread:
    """Start a daemon thread."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def new_id() -> bytes:
    """Return a new identifier of 12 bytes: the time in seconds, then 8 random bytes."""
    return int(time.time()).to_bytes(4, "big") + secrets.token_bytes(8)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The functions that the simulator replaces."""

    clock: Callable[[], float] = time.time
    """Return the seconds since the epoch. Used for timestamps, never for a decision."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    """Return a random number between two bounds. Used to spread retries, not for security."""
    new_id: Callable[[], bytes] = new_id
    """Return an identifier of 12 bytes that was never returned before."""
    lock: Callable[[], threading.Lock] = threading.Lock
    event: Callable[[], threading.Event] = threading.Event
    queue: Callable[[], "SimpleQueue[Any]"] = SimpleQueue
    spawn: Callable[[Callable[[], object], str], threading.Thread] = start_thread
    """Start a background thread with this name."""
    running_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.get_running_loop

    def now_ms(self) -> int:
        """Return the milliseconds since the epoch."""
        return int(self.clock() * 1000)


PRODUCTION = Runtime()
