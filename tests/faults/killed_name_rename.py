"""A process that renames a name, and is killed at a step: a statement or a command."""

from __future__ import annotations

import os
from functools import partial

from faults.killed_import import open_forgotten
from faults.version_crash import Countdown, counting_store, is_killed
from monotron.auth.renames import rename_of


def killed_before(step: int, url: str, old: str, new: str) -> bool:
    """Rename in a process that is killed before this step. Return false if there are fewer."""
    return is_killed(_rename, step, url, old, new, seconds=30)


def _rename(step: int, url: str, old: str, new: str) -> None:
    countdown = Countdown()
    store = counting_store(url, countdown, partial(open_forgotten, command="rename"))
    is_repeated = store.transfer.interrupted_rename == (1, old, new)
    rename = rename_of(store.auth_records, 1, old, new, is_repeated=is_repeated)
    countdown.start(step)
    store.transfer.rename(rename)
    os._exit(0)  # the store is not closed: that would be another step
