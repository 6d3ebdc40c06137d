"""The border to MongoDB's driver: connecting, checking, patience, and errors translated once."""

import logging
import random
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias, TypeVar

import pymongo
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from monotron.errors import Applied, MonotronError, StartupError, StorageFull, StoreUnavailable

log = logging.getLogger("monotron.store")

Document: TypeAlias = dict[str, Any]
Result = TypeVar("Result")

MIN_SERVER = (4, 4)

START_SECONDS = 15.0
"""How long a server may take to answer when Monotron starts."""

CONNECT_SECONDS = 5.0
"""How long a connection may take, unless the URL says.

One that is begun while the network is cut waits for its own next packet: else up to 20 s, long
after the network is whole again.
"""

_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_OUT_OF_DISK_SPACE = 14031


class Deadline:
    """The time that one call has: errors of the driver are tried again until it is used up."""

    def __init__(self, seconds: float, attempt_seconds: float) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._attempt_seconds = attempt_seconds
        self.slept = 0.0
        """Seconds that it waited for others on purpose."""
        self.id = ObjectId()
        self.applied: Applied = "no"
        """What to tell the caller of the write, should patience run out now."""

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def remaining(self) -> float:
        return max(0.0, self._seconds - self.elapsed())

    def check(self) -> None:
        """Raise if nothing is left."""
        if not self.remaining():
            raise _unavailable(self.applied)

    def attempt(self) -> AbstractContextManager[None]:
        """Bounds the driver's calls within: a part of the time that remains."""
        return pymongo.timeout(max(0.05, min(self._attempt_seconds, self.remaining())))

    def persist(self, call: Callable[[], Result]) -> Result:
        """Call, which must be safe to repeat, until it succeeds or patience runs out."""
        self.check()
        while True:
            try:
                with self.attempt():
                    return call()
            except PyMongoError as error:
                self.failed(error)

    def failed(self, error: PyMongoError) -> None:
        """Return after a moment if it is worth trying again, else raise it translated."""
        hopeless = isinstance(error, OperationFailure) and error.code in (
            _UNAUTHORIZED,
            _AUTHENTICATION_FAILED,
            _OUT_OF_DISK_SPACE,
        )
        if hopeless or self.remaining() <= 0.05:
            log.error("MongoDB: %s", error)
            raise translated(error, applied=self.applied) from error
        log.info("MongoDB did not answer as hoped (%s); trying again", type(error).__name__)
        time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  # spreads retries, guards nothing


PatienceFor: TypeAlias = Callable[[], Deadline]
"""Gives each call its own."""


def translated(error: PyMongoError, *, applied: Applied) -> MonotronError:
    """The driver's error as one of ours, without its words, which may name hosts and users."""
    if isinstance(error, OperationFailure) and error.code == _OUT_OF_DISK_SPACE:
        return StorageFull(
            "MongoDB has no disk space left. Free some; then send the same request again.",
            applied=applied,
        )
    return _unavailable(applied)


def _unavailable(applied: Applied) -> StoreUnavailable:
    return StoreUnavailable(
        "MongoDB did not answer in time, or has no primary at the moment. Send the same request "
        "again in a moment; the server's log holds the cause.",
        applied=applied,
    )


def connect(url: str) -> tuple["Database[Document]", bool]:
    """The URL's database, and whether it is replicated. `StartupError` if it will not do."""
    name = without_secrets(url)
    try:
        client: MongoClient[Document] = MongoClient(
            url, appname="monotron", retryWrites=True, **_connect_timeout(url)
        )
    except (PyMongoError, ValueError) as error:
        raise StartupError(
            f"The store's URL {name} cannot be used: MongoDB's driver does not understand it."
        ) from error
    try:
        database = client.get_default_database()
    except ConfigurationError as error:
        client.close()
        raise StartupError(
            f"The store's URL {name} cannot be used: it names no database. Write "
            "mongodb://HOST/DATABASE."
        ) from error
    try:
        with pymongo.timeout(START_SECONDS):
            return database, _check(client, name)
    except PyMongoError as error:
        client.close()
        raise unusable(url, error) from error
    except StartupError:
        client.close()
        raise


def _connect_timeout(url: str) -> dict[str, Any]:
    said = "connecttimeoutms=" in url.lower()
    return {} if said else {"connectTimeoutMS": int(CONNECT_SECONDS * 1000)}


def without_secrets(url: str) -> str:
    """Return a URL without user, password and options."""
    return re.sub(r"(?<=//).*@", "", url).partition("?")[0]


def unusable(url: str, error: PyMongoError) -> StartupError:
    """MongoDB is there, perhaps, but will not do. The driver's words go to the log only."""
    log.error("MongoDB: %s", error)
    return StartupError(
        f"MongoDB at {without_secrets(url)} does not answer as it must "
        f"({type(error).__name__}). Is it "
        "up, does its replica set have a primary, may this user read and write there, and make "
        "indexes?"
    )


def _check(client: "MongoClient[Document]", name: str) -> bool:
    """Refuse a server that could lose a value; warn of one that has no second copy."""
    hello = client.admin.command("hello")
    version = tuple(client.server_info()["versionArray"][:2])
    if version < MIN_SERVER:
        raise StartupError(
            f"MongoDB at {name} is {'.'.join(map(str, version))}; Monotron needs "
            f"{'.'.join(map(str, MIN_SERVER))} or newer, whose retried writes are sound."
        )
    if hello.get("msg") == "isdbgrid":
        return True  # a sharded cluster: its shards are replica sets
    if "setName" not in hello:
        log.warning(
            "MongoDB at %s is a single server without a replica set: what it loses is lost, and "
            "a value may be given again. For anything that matters use a replica set.",
            name,
        )
        return False
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure:
        log.warning("may not read the replica set's configuration, so it is taken to be sound")
        return True
    if not config.get("writeConcernMajorityJournalDefault", True):
        raise StartupError(
            f"The replica set of {name} has writeConcernMajorityJournalDefault off, so a write "
            "that a majority has taken could be lost in a power cut. Set it to true."
        )
    return True
