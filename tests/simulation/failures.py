"""The errors of PyMongo and MongoDB, as the real ones raise them.

test_mongo_model.py compares them with a real server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WTimeoutError,
)

TRANSIENT = "TransientTransactionError"
UNKNOWN = "UnknownTransactionCommitResult"

INVALID_OPTIONS, EXPIRED, DUPLICATE_KEY, WRITE_CONFLICT, CONFLICTING = 72, 50, 11000, 112, 117
TOO_OLD, NO_SUCH_TRANSACTION, ALREADY_COMMITTED = 225, 251, 256
INTERRUPTED, OUT_OF_DISK_SPACE, TIMED_OUT, UNSATISFIABLE = 11601, 14031, 64, 100

NOT_PRIMARY = (91, 189, 11600, 11602, 13435)
"""The codes that the driver reports as `NotPrimaryError`, and after which it repeats a commit."""


def server_error(code: int, *labels: str) -> OperationFailure:
    """Return an error of the server."""
    details = {"code": code, "errorLabels": list(labels)}
    kind = ExecutionTimeout if code == EXPIRED else OperationFailure
    return kind("simulated", code, details)


def write_conflict() -> OperationFailure:
    """Return the error of a document that another transaction has written."""
    return server_error(WRITE_CONFLICT, TRANSIENT)


def no_such_transaction(*labels: str) -> OperationFailure:
    """Return the error of a transaction that was aborted, or is unknown."""
    return server_error(NO_SUCH_TRANSACTION, *labels)


def duplicate_keys(positions: Sequence[int]) -> BulkWriteError:
    """Return the error of documents with an existing unique key. It has no label."""
    errors = [{"index": position, "code": DUPLICATE_KEY} for position in positions]
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})


def duplicate_key() -> DuplicateKeyError:
    """Return the error of one document with an existing unique key. It has no label."""
    return DuplicateKeyError("simulated", DUPLICATE_KEY, {"code": DUPLICATE_KEY})


def write_concern_error(code: int) -> WriteConcernError:
    """Return the error of a write that was applied, and may not be on a majority."""
    kind = WTimeoutError if code in (TIMED_OUT, EXPIRED) else WriteConcernError
    return kind("simulated", code, {})


def not_primary() -> NotPrimaryError:
    """Return the error of a member that is not the primary, or not any more."""
    return NotPrimaryError("simulated", {"ok": 0})


def lost(chance: Any) -> AutoReconnect:
    """Return the error of a broken connection."""
    return AutoReconnect("lost") if chance.random() < 0.5 else NetworkTimeout("lost")


def relabeled(error: PyMongoError, label: str) -> PyMongoError:
    """Return the error with this label, and no other."""
    labels = {"errorLabels": [label]}
    if isinstance(error, AutoReconnect):
        return type(error)(str(error), labels)
    assert isinstance(error, OperationFailure)
    return type(error)("simulated", error.code, labels)
