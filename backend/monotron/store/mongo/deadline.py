"""The time limit of a call, and the translation of the driver's errors."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias, TypeVar

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from monotron.errors import MonotronError, StorageFull, StoreUnavailable
from monotron.runtime import Runtime
from monotron.store.mongo.client import (
    AUTHENTICATION_FAILED,
    OUT_OF_DISK_SPACE,
    UNAUTHORIZED,
    Driver,
)
from monotron.store.retries import RetryCounts, RetryReason

log = logging.getLogger("monotron.store")

SHORTEST_ATTEMPT_SECONDS = 0.05

Result = TypeVar("Result")


class Deadline:
    """The time limit of one call of the store. Driver errors are retried until it has passed."""

    def __init__(
        self,
        runtime: Runtime,
        driver: Driver,
        retries: RetryCounts,
        *,
        seconds: float,
        attempt_seconds: float,
    ) -> None:
        self._runtime = runtime
        self._driver = driver
        self._retries = retries
        self._ends_at = runtime.monotonic() + seconds
        self._attempt_seconds = attempt_seconds

    def remaining(self) -> float:
        return max(0.0, self._ends_at - self._runtime.monotonic())

    def check(self) -> None:
        """Raise `StoreUnavailable` if the time limit has passed."""
        if not self.remaining():
            raise _unavailable()

    def attempt(self) -> AbstractContextManager[None]:
        """Return a context that limits the driver's calls to a part of the remaining time."""
        return self._driver.timeout(
            max(SHORTEST_ATTEMPT_SECONDS, min(self._attempt_seconds, self.remaining()))
        )

    def persist(self, call: Callable[[], Result]) -> Result:
        """Repeat *call*, which must be idempotent, until it succeeds or the time limit passes."""
        self.check()
        while True:
            try:
                with self.attempt():
                    return call()
            except PyMongoError as error:
                self.failed(error)
                self.pause(reason_of(error), 0.01, 0.1)

    def failed(self, error: PyMongoError, *, is_decided: bool = True) -> None:
        """Raise the translated error if a retry cannot succeed, or the time limit has passed.

        With *is_decided* false, the failed command may have been applied, so only the time limit
        ends its retries.
        """
        permanent = (
            is_decided
            and isinstance(error, OperationFailure)
            and error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED, OUT_OF_DISK_SPACE)
        )
        if permanent or self.remaining() <= SHORTEST_ATTEMPT_SECONDS:
            log.error("MongoDB: %s", error)
            raise translate_error(error) from error
        log.info("MongoDB operation failed (%s), retrying", type(error).__name__)

    def pause(self, reason: RetryReason, shortest: float, longest: float) -> None:
        """Wait for a random time before a retry, which is counted."""
        self._retries.add(reason)
        self._runtime.sleep(self._runtime.uniform(shortest, longest))


StartDeadline: TypeAlias = Callable[[], Deadline]
"""Starts the time limit of a call."""


def reason_of(error: PyMongoError) -> RetryReason:
    """Why a command that failed is repeated."""
    return "connection" if isinstance(error, ConnectionFailure) else "other"


def translate_error(error: PyMongoError) -> MonotronError:
    """Translate the driver's error. Its text is omitted, because it may name hosts and users."""
    if isinstance(error, OperationFailure) and error.code == OUT_OF_DISK_SPACE:
        return StorageFull(
            "The disk of MongoDB is full. Free some space, then retry the same request."
        )
    return _unavailable()


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable(
        "MongoDB did not respond in time, or has no primary. Retry the same request in a "
        "moment. If it keeps failing, check the server's log for the cause."
    )
