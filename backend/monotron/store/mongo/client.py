"""The connection to MongoDB: connect, check the server, limit time, translate errors once."""

import logging
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import pymongo
from bson import ObjectId
from pymongo import MongoClient, UpdateMany
from pymongo.database import Database
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

from monotron.errors import MonotronError, StartupError, StorageFull, StoreUnavailable
from monotron.runtime import Runtime

log = logging.getLogger("monotron.store")

Document: TypeAlias = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Driver:
    """The functions of PyMongo that are not methods of a database. The simulator passes its own."""

    timeout: Callable[[float], AbstractContextManager[None]] = pymongo.timeout
    """Return a context that limits the driver's calls to a number of seconds."""
    update_many: Callable[..., UpdateMany] = UpdateMany


PYMONGO = Driver()

MIN_SERVER_VERSION = (4, 4)
"""Older servers can apply a retried write twice."""

START_SECONDS = 15.0
"""How long MongoDB may take to respond when Monotron starts."""

LOG_AFTER_SECONDS = 1.0
"""How long a start waits for MongoDB before the first log line."""

LOG_INTERVAL_SECONDS = 2.0
"""The time between two log lines of a start that waits for MongoDB."""

CONNECT_SECONDS = 5.0
"""The connection timeout, unless the URL sets one.

A connection that starts while the network is interrupted waits until its first packet is
retransmitted. Without this timeout, it can wait for 20 s after the network has recovered.
"""

_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_NOT_YET_INITIALIZED = 94
_OUT_OF_DISK_SPACE = 14031


class Deadline:
    """The time limit of one call of the store. Driver errors are retried until it has passed."""

    def __init__(
        self, runtime: Runtime, driver: Driver, *, seconds: float, attempt_seconds: float
    ) -> None:
        self._runtime = runtime
        self._driver = driver
        self._started_at = runtime.monotonic()
        self._seconds = seconds
        self._attempt_seconds = attempt_seconds
        self.slept = 0.0
        """Seconds that the call has waited for other servers on purpose."""
        self.id = ObjectId(runtime.new_id())

    def elapsed(self) -> float:
        return self._runtime.monotonic() - self._started_at

    def remaining(self) -> float:
        return max(0.0, self._seconds - self.elapsed())

    def check(self) -> None:
        """Raise `StoreUnavailable` if the time limit has passed."""
        if not self.remaining():
            raise _unavailable()

    def attempt(self) -> AbstractContextManager[None]:
        """Return a context that limits the driver's calls to a part of the remaining time."""
        return self._driver.timeout(max(0.05, min(self._attempt_seconds, self.remaining())))

    def persist(self, call: Callable[[], Result]) -> Result:
        """Repeat *call*, which must be idempotent, until it succeeds or the time limit passes."""
        self.check()
        while True:
            try:
                with self.attempt():
                    return call()
            except PyMongoError as error:
                self.failed(error)

    def failed(self, error: PyMongoError) -> None:
        """Wait a moment if a retry can succeed, otherwise raise the translated error."""
        permanent = isinstance(error, OperationFailure) and error.code in (
            _UNAUTHORIZED,
            _AUTHENTICATION_FAILED,
            _OUT_OF_DISK_SPACE,
        )
        if permanent or self.remaining() <= 0.05:
            log.error("MongoDB: %s", error)
            raise translate_error(error) from error
        log.info("MongoDB operation failed (%s), retrying", type(error).__name__)
        self._runtime.sleep(self._runtime.uniform(0.01, 0.1))


class Deadlines:
    """Starts the deadline of each call of a store."""

    def __init__(
        self, runtime: Runtime, driver: Driver, *, seconds: float, attempt_seconds: float
    ) -> None:
        self._runtime = runtime
        self._driver = driver
        self.seconds = seconds
        self.attempt_seconds = attempt_seconds

    def start(self, seconds: float | None = None) -> Deadline:
        """Start a deadline; with *seconds*, one that is shorter than usual."""
        return Deadline(
            self._runtime,
            self._driver,
            seconds=self.seconds if seconds is None else seconds,
            attempt_seconds=self.attempt_seconds if seconds is None else seconds,
        )


def translate_error(error: PyMongoError) -> MonotronError:
    """Translate the driver's error. Its text is omitted, because it may name hosts and users."""
    if isinstance(error, OperationFailure) and error.code == _OUT_OF_DISK_SPACE:
        return StorageFull(
            "The disk of MongoDB is full. Free some space, then retry the same request."
        )
    return _unavailable()


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable(
        "MongoDB did not respond in time, or has no primary. Retry the same request in a "
        "moment. If it keeps failing, check the server's log for the cause."
    )


def connect(url: str) -> tuple["Database[Document]", bool]:
    """Connect to the URL's database. Return it, and whether it is replicated.

    Raises `StartupError` if the URL is invalid, or the server is unreachable or unsafe.
    """
    name = without_secrets(url)
    start_log = _StartLog(name)
    try:
        client: MongoClient[Document] = MongoClient(
            url,
            appname="monotron",
            retryWrites=True,
            event_listeners=[start_log],
            **_connect_timeout(url),
        )
    except (PyMongoError, ValueError) as error:
        raise StartupError(
            f"Invalid store URL {name}: MongoDB's driver cannot parse it. Write "
            "mongodb://HOST/DATABASE."
        ) from error
    try:
        database = client.get_default_database()
    except ConfigurationError as error:
        client.close()
        raise StartupError(
            f"Invalid store URL {name}: it does not name a database. Write mongodb://HOST/DATABASE."
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
    finally:
        start_log.is_waiting = False


def _connect_timeout(url: str) -> dict[str, Any]:
    is_set = "connecttimeoutms=" in url.lower()
    return {} if is_set else {"connectTimeoutMS": int(CONNECT_SECONDS * 1000)}


class _StartLog(ServerHeartbeatListener):
    """Logs regularly that a start still waits for MongoDB, and why."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._attempts = 0
        self._next = time.monotonic() + LOG_AFTER_SECONDS
        self.is_waiting = True

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        self._attempts += 1

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        self._log("no primary")

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        self._log(_cause(event.reply))

    def _log(self, cause: str) -> None:
        now = time.monotonic()
        if self.is_waiting and now >= self._next:
            self._next = now + LOG_INTERVAL_SECONDS
            message = "waiting for MongoDB at %s (%s), attempt %d"
            log.info(message, self._name, cause, self._attempts)


def _cause(error: Exception) -> str:
    reason = str(error)
    if "refused" in reason:
        return "connection refused"
    return "no primary" if "Primary()" in reason else f"no response, {type(error).__name__}"


def without_secrets(url: str) -> str:
    """Return a URL without user, password and options."""
    return re.sub(r"(?<=//).*@", "", url).partition("?")[0]


def unusable(url: str, error: PyMongoError) -> StartupError:
    """Explain why MongoDB cannot be used. The driver's text is logged only."""
    log.error("MongoDB: %s", error)
    name = without_secrets(url)
    code = error.code if isinstance(error, OperationFailure) else None
    if code in (_UNAUTHORIZED, _AUTHENTICATION_FAILED):
        return StartupError(
            f"Not authorized by MongoDB at {name}. Check the user name and password, and grant "
            "the role readWrite on the database."
        )
    if code == _NOT_YET_INITIALIZED or "RSGhost" in str(error):
        return _not_initialized(name)
    return StartupError(
        f"Cannot reach MongoDB at {name} ({_cause(error)}). Check that it is running, that host "
        "and port are right, and that a majority of its replica set is up."
    )


def _not_initialized(name: str) -> StartupError:
    return StartupError(
        f"The replica set of MongoDB at {name} is not initialized. Run rs.initiate() on one of "
        "its members."
    )


def _check(client: "MongoClient[Document]", name: str) -> bool:
    """Reject a server that could lose a value. Warn about a server without replication."""
    hello = client.admin.command("hello")
    version = tuple(client.server_info()["versionArray"][:2])
    if version < MIN_SERVER_VERSION:
        raise StartupError(
            f"MongoDB at {name} is too old: {'.'.join(map(str, version))}. Use "
            f"{'.'.join(map(str, MIN_SERVER_VERSION))} or newer. Older versions can apply a "
            "retried write twice."
        )
    if hello.get("msg") == "isdbgrid":
        return True  # a sharded cluster: its shards are replica sets
    if hello.get("isreplicaset"):
        raise _not_initialized(name)
    if "setName" not in hello:
        log.warning(
            "MongoDB at %s is a single server without a replica set: lost data cannot be "
            "recovered, and values may be assigned again. Use a replica set in production.",
            name,
        )
        return False
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure:
        log.warning(
            "cannot check the replica set's configuration: not authorized to run replSetGetConfig"
        )
        return True
    if not config.get("writeConcernMajorityJournalDefault", True):
        raise StartupError(
            f"The replica set of {name} disables writeConcernMajorityJournalDefault. A power "
            "failure could lose writes that a majority has acknowledged. Set it to true."
        )
    return True
