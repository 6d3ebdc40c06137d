"""The environment of a server: time, randomness, threads, and the event loop.

The simulator (tests/simulation) passes its own `Runtime`, so that a seed determines a whole run.
"""

import asyncio
import random
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


@dataclass(frozen=True, slots=True)
class Runtime:
    """The functions that the simulator replaces."""

    clock: Callable[[], float] = time.time
    """Return the seconds since the epoch. Used for timestamps and for calendar versions."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    """Return a random number between two bounds. Used to spread retries, not for security."""
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
