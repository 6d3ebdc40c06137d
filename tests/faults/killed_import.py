"""A process that imports an export, and is killed at a step.

A step is a statement of SQLite or a command of MongoDB.
"""

from __future__ import annotations

import os
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from faults.version_crash import Countdown, counting_store, is_killed
from monotron.runtime import PRODUCTION
from monotron.store import Store
from monotron.store.export_format import ExportReader
from monotron.store.mongo.client import checked_database
from monotron.store.mongo.registration import Registration
from monotron.store.mongo.store import MongoStore

if TYPE_CHECKING:  # the processes that are killed do not need it
    import pytest

INCREASE = 100
"""By how much the import raises all series."""


def killed_before(step: int, url: str, export: bytes) -> bool:
    """Import in a process that is killed before this step. Return false if there are fewer."""
    return is_killed(_import, step, url, export, seconds=30)


def _import(step: int, url: str, export: bytes) -> None:
    countdown = Countdown()
    store = counting_store(url, countdown, partial(open_forgotten, command="import"))
    countdown.start(step)
    store.transfer.import_rows(ExportReader(BytesIO(export)).rows(), INCREASE)
    os._exit(0)  # the store is not closed: that would be another step


def open_forgotten(url: str, command: str) -> Store:
    """Open a store on MongoDB in a process that is forgotten when it is killed."""
    with checked_database(url) as database:
        registration = Registration(database, PRODUCTION, command, expiry_seconds=0)
        return MongoStore(database, registration=registration)


def engine_of(url: str) -> str:
    """The name of the engine, as in the parameters of `store_url`."""
    return "sqlite" if url.startswith("sqlite:") else "mongod"


def abort_transactions(url: str, request: pytest.FixtureRequest) -> None:
    """Abort the transaction of a killed process. MongoDB itself does so after a minute."""
    if engine_of(url) == "mongod":
        with request.getfixturevalue("replica_set").client() as client:
            client.admin.command("killAllSessions", [])
