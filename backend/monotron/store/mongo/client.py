"""The connection to MongoDB: connect, check the server, and explain why it cannot be used."""

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

import pymongo
from pymongo import MongoClient, UpdateOne
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

from monotron.errors import InvalidSetting, StartupError

log = logging.getLogger("monotron.store")

Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Driver:
    """The functions of PyMongo that are not methods of a database. The simulator passes its own."""

    timeout: Callable[[float], AbstractContextManager[None]] = pymongo.timeout
    """Return a context that limits the driver's calls to a number of seconds."""
    update_one: Callable[..., UpdateOne] = UpdateOne
    """Return one update of a bulk write."""


PYMONGO = Driver()

APP_NAME = "monotron"
"""The name under which a connection is listed by MongoDB."""

_DATABASE_NAME = re.compile(r"""[^/\\. "$*<>:|?\0]{1,63}""")
"""The names that MongoDB accepts on all platforms."""

MIN_SERVER_VERSIONS = ((4, 4, 11), (5, 0, 6))
"""The first usable patch of each release series. Earlier ones can lose or corrupt data."""

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

UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
_NOT_YET_INITIALIZED = 94
OUT_OF_DISK_SPACE = 14031


def connect(url: str) -> "Database[Document]":
    """Return the URL's database. Raises `InvalidSetting` if the URL is invalid."""
    name = without_secrets(url)
    if not _DATABASE_NAME.fullmatch(unquote(name.partition("://")[2].partition("/")[2])):
        raise InvalidSetting(
            f"Invalid store URL {name}: it does not name a database. Write mongodb://HOST/DATABASE."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # about an unknown or invalid option
            client: MongoClient[Document] = MongoClient(
                url,
                appname=APP_NAME,
                retryWrites=False,  # a transaction is repeated as a whole
                event_listeners=[_StartLog(name)],
                **_connect_timeout(url),
            )
    except (PyMongoError, ValueError, UserWarning) as error:
        raise InvalidSetting(
            f"Invalid store URL {name}: MongoDB's driver does not accept it. Write "
            "mongodb://HOST/DATABASE, and check the options."
        ) from error
    logging.getLogger("pymongo.client").addFilter(_in_one_line)
    return client.get_default_database()


def _in_one_line(record: logging.LogRecord) -> bool:
    """State an error of the driver's background tasks without its traceback.

    An election ends cursors, too. The driver then fails to end them.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, PyMongoError):
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.msg, record.args = "a background task of MongoDB's driver failed: %s", (error,)
        record.exc_info = None
        return logging.getLogger().isEnabledFor(logging.WARNING)
    return True


@contextmanager
def checked_database(url: str) -> "Iterator[Database[Document]]":
    """Connect to the URL's database, and close the connection if it cannot be used.

    Raises `StartupError` for errors of the driver, also of the block.
    """
    database, name = connect(url), without_secrets(url)
    try:
        check_database(database, name)
        with pymongo.timeout(START_SECONDS):
            yield database
    except PyMongoError as error:
        database.client.close()
        raise unusable(name, error) from error
    except StartupError:
        database.client.close()
        raise


def _connect_timeout(url: str) -> dict[str, Any]:
    is_set = "connecttimeoutms=" in url.lower()
    return {} if is_set else {"connectTimeoutMS": int(CONNECT_SECONDS * 1000)}


class _StartLog(ServerHeartbeatListener):
    """Logs regularly that a start still waits for MongoDB, and why."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._attempts = 0
        self._next = time.monotonic() + LOG_AFTER_SECONDS
        self._is_waiting = True

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        self._attempts += 1

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        self._is_waiting = self._is_waiting and not event.reply.is_writable
        self._log("no primary")

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        self._log(_cause(event.reply))

    def _log(self, cause: str) -> None:
        now = time.monotonic()
        if self._is_waiting and now >= self._next:
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


def unusable(name: str, error: PyMongoError) -> StartupError:
    """Explain why MongoDB cannot be used. The driver's text is logged only."""
    log.error("MongoDB: %s", error)
    code = error.code if isinstance(error, OperationFailure) else None
    if code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
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


def check_database(database: "Database[Document]", name: str) -> None:
    """Reject a server that could lose a value or has no transactions, and an unreleased format.

    Raises `StartupError`, or the driver's error if the server does not respond.
    """
    with pymongo.timeout(START_SECONDS):
        _check_server(database.client, name)
        _check_format(database)


def _check_server(client: "MongoClient[Document]", name: str) -> None:
    hello = client.admin.command("hello")
    version = tuple(client.server_info()["versionArray"][:3])
    if not is_supported(version):
        raise StartupError(
            f"MongoDB at {name} is too old: {_dotted(version)}. Use "
            f"{' or '.join(map(_dotted, MIN_SERVER_VERSIONS))}, or a newer version. Older versions "
            "can lose or corrupt data."
        )
    if hello.get("msg") == "isdbgrid":
        return  # a sharded cluster: its shards are replica sets
    if hello.get("isreplicaset"):
        raise _not_initialized(name)
    if "setName" not in hello:
        raise StartupError(
            f"MongoDB at {name} is not a replica set, so it has no transactions. A replica set of "
            "one member suffices. To convert the server, restart it with `mongod --replSet rs0` "
            "and its other options, then run `mongosh --eval 'rs.initiate()'` once."
        )
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure:
        log.warning(
            "cannot check the replica set's configuration: not authorized to run replSetGetConfig"
        )
        return
    if not config.get("writeConcernMajorityJournalDefault", True):
        raise StartupError(
            f"The replica set of {name} disables writeConcernMajorityJournalDefault. A power "
            "failure could lose writes that a majority has acknowledged. Set it to true."
        )


def _check_format(database: "Database[Document]") -> None:
    """Reject a database of a version before the first release.

    Its heads have a `batch`, or the indexes of its entries contain `life`.
    """
    head = database["series"].find_one() or {}
    indexes = database["entries"].index_information().values()
    if "batch" in head or any(field == "life" for index in indexes for field, _ in index["key"]):
        raise StartupError(
            f"The MongoDB database {database.name} has the format of an unreleased Monotron. This "
            "version cannot read it. Use another database, or drop this one."
        )


def is_supported(version: tuple[int, ...]) -> bool:
    """Whether the version is one of `MIN_SERVER_VERSIONS` or a newer one."""
    minimum = next((each for each in MIN_SERVER_VERSIONS if each[:2] == version[:2]), None)
    return version >= (minimum or MIN_SERVER_VERSIONS[-1])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
