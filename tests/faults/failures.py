"""The ways in which a MongoDB command can fail, injected by MongoDB's own fail points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from faults.tier import rounds
from support.member import Document, Mongod

RETRYABLE = (6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436)
"""The retryable error codes of the retryable writes specification."""

COMMAND = "failCommand"
SILENT = "waitAfterCommandFinishesExecution"
"""Executes a command, and does not respond."""
SILENT_TIMES = rounds(short=80, whole=300)
"""The fail point checks every 10 ms whether it is still on, and each check counts once."""


@dataclass(frozen=True)
class Failure:
    """How a command fails; if *applied*, it is executed all the same."""

    name: str
    data: Document = field(default_factory=dict, hash=False)
    applied: bool = False
    disconnects: bool = False

    @contextmanager
    def on(self, member: Mongod, command: str, times: int | None) -> Iterator[list[int]]:
        """Inject it *times* times (None: always). The list then has the number of occurrences."""
        happened: list[int] = []
        points = self._points(command, times)
        before = {name: member.fail_point(name, "off") for name, _, _ in points}
        for name, mode, data in points:
            member.fail_point(name, mode, **data)
        try:
            yield happened
        finally:
            for name, _, _ in points:
                happened.append(member.fail_point(name, "off") - before[name])

    def _points(
        self, command: str, times: int | None
    ) -> list[tuple[str, str | Document, Document]]:
        mode: str | Document = "alwaysOn" if times is None else {"times": times}
        data = {"failCommands": [command], "appName": "monotron", **self.data}
        if not self.disconnects:
            return [(COMMAND, mode, data)]
        mode = mode if times is None else {"times": SILENT_TIMES}
        return [(SILENT, mode, {"commands": [command]})]


def _with_code(code: int) -> Iterator[Failure]:
    yield Failure(f"{code}", {"errorCode": code})
    yield Failure(f"{code} without labels", {"errorCode": code, "errorLabels": []})
    labels = ["RetryableWriteError", "NoWritesPerformed"]
    yield Failure(f"{code} NoWritesPerformed", {"errorCode": code, "errorLabels": labels})


def _with_concern(code: int, name: str) -> Iterator[Failure]:
    concern = {"code": code, "codeName": name, "errmsg": "made by a test"}
    data = {"writeConcernError": concern}
    yield Failure(f"write concern {code}", data, applied=True)
    data = {**data, "errorLabels": []}
    yield Failure(f"write concern {code} without labels", data, applied=True)


REFUSALS = [failure for code in RETRYABLE for failure in _with_code(code)] + [
    Failure("disconnected", {"closeConnection": True})
]
APPLICATIONS = [
    *_with_concern(64, "WriteConcernFailed"),
    *_with_concern(91, "ShutdownInProgress"),
    Failure("applied, then disconnected", applied=True, disconnects=True),
]
