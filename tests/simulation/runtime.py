"""The `Runtime` of a simulated world: its clock, randomness and threads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from monotron.runtime import Runtime
from simulation.loop import Loop
from simulation.threads import Event, Lock, Queue, Thread
from simulation.world import World


def simulated_runtime(world: World) -> Runtime:
    """Return a runtime in which all that happens is decided by the world's seed."""
    loop: Any = Loop(world)
    lock: Any = partial(Lock, world)
    event: Any = partial(Event, world)
    queue: Any = partial(Queue, world)

    def spawn(run: Callable[[], object], name: str) -> Any:
        return Thread(world, run)

    return Runtime(
        clock=lambda: 1e9 + world.now,
        monotonic=lambda: world.now,
        sleep=world.sleep,
        uniform=world.chance.uniform,
        lock=lock,
        event=event,
        queue=queue,
        spawn=spawn,
        running_loop=lambda: loop,
    )


@contextmanager
def store_logs(*, enabled: bool) -> Iterator[None]:
    """Enable or disable the log of the stores."""
    log = logging.getLogger("monotron.store")
    before = log.disabled
    try:
        log.disabled = not enabled
        yield
    finally:
        log.disabled = before
