"""Monotron that kills itself with SIGKILL in the transaction that renames an account.

Run as `python killed_in_rename.py FILE serve …`. FILE contains the number of the step before which
it kills itself, or nothing. The steps are all writes, the commit, and what follows the commit.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from monotron.cli.main import main
from monotron.store.auth_interface import RecordChange
from monotron.store.mongo.auth_records import MongoAuthRecords
from monotron.store.sqlite.auth_records import SqliteAuthRecords
from monotron.store.sqlite.file import Transaction


class Steps(threading.local):
    """The steps that are left in the rename of this thread."""

    left = 0

    def begin(self, changes: Sequence[RecordChange], file: Path) -> None:
        """Count the steps if the changes rename an account, and the file contains a number."""
        renames = any(each.kind == "account_name" and each.before for each in changes)
        self.left = int(file.read_text() or 0) if renames else 0

    def step(self) -> None:
        """Kill this process before the step of the file."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def install(file: Path) -> None:
    """Count the steps in the methods of both stores."""
    steps = Steps()

    def wrap(owner: Any, name: str, before: Callable[..., None], after: bool = False) -> None:
        method = getattr(owner, name)

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            before(*args)
            result = method(*args, **kwargs)
            if after:
                steps.step()
            return result

        setattr(owner, name, call)

    for records in SqliteAuthRecords, MongoAuthRecords:
        wrap(records, "change", lambda _, changes, *__: steps.begin(changes, file))
    wrap(Transaction, "write", lambda *_: steps.step())
    wrap(Transaction, "commit", lambda *_: steps.step(), after=True)
    for name in "insert_one", "update_one", "delete_one", "delete_many":
        wrap(Collection, name, lambda *_: steps.step())
    wrap(ClientSession, "commit_transaction", lambda *_: steps.step(), after=True)


if __name__ == "__main__":
    install(Path(sys.argv.pop(1)))
    sys.exit(main())
