"""A process that renames a name, and is killed at a step: a statement or a command."""

from __future__ import annotations

import os
import signal
from functools import partial

from faults.killed_import import open_forgotten
from faults.version_crash import PROCESSES, Countdown, counting_store
from monotron.auth.renames import rename_of


def killed_before(step: int, url: str, old: str, new: str) -> bool:
    """Rename in a process that is killed before this step. Return false if there are fewer."""
    process = PROCESSES.Process(target=_rename, args=(step, url, old, new))
    process.start()
    try:
        process.join(30)
        assert process.exitcode in (0, -signal.SIGKILL)
        return process.exitcode != 0
    finally:
        process.kill()


def _rename(step: int, url: str, old: str, new: str) -> None:
    countdown = Countdown()
    store = counting_store(url, countdown, partial(open_forgotten, command="rename"))
    is_repeated = store.interrupted_rename == (1, old, new)
    rename = rename_of(store.auth_records, 1, old, new, is_repeated=is_repeated)
    countdown.start(step)
    store.rename(rename)
    os._exit(0)  # the store is not closed: that would be another step
