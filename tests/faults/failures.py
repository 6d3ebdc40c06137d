"""The ways in which a command to MongoDB fails, made by MongoDB's own points of failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.member import Document, Mongod

RETRYABLE = (6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436)
"""The codes after which a driver tries again, as the specification of retryable writes has them."""

COMMAND = "failCommand"
APPLIED = "onPrimaryTransactionalWrite"
"""Applies a write with a transaction number, and hangs up before its answer."""
SILENT = "waitAfterCommandFinishesExecution"
"""Carries a command out, and does not answer."""
SILENT_TIMES = 300
"""It looks every 10 ms whether it is still on, and each look is one time: 3 s for one command."""


@dataclass(frozen=True)
class Failure:
    """What happens to a command; *applied*, it is carried out all the same."""

    name: str
    data: Document = field(default_factory=dict, hash=False)
    applied: bool = False
    hangs_up: bool = False

    @contextmanager
    def on(self, member: Mongod, command: str, times: int | None) -> Iterator[list[int]]:
        """Let it happen the next *times* (None: each time); a list with how often it did, after."""
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
        if not self.hangs_up:
            return [(COMMAND, mode, data)]
        if command == "update":  # which has no transaction number
            mode = mode if times is None else {"times": SILENT_TIMES}
            return [(SILENT, mode, {"commands": [command]})]
        # The first is carried out and hung up upon; those that come again to ask are not heard.
        mode = {"skip": 1} if times is None else "off"
        return [(APPLIED, {"times": 1}, {}), (COMMAND, mode, {**data, "closeConnection": True})]


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
    Failure("hung up", {"closeConnection": True})
]
APPLICATIONS = [
    *_with_concern(64, "WriteConcernFailed"),
    *_with_concern(91, "ShutdownInProgress"),
    Failure("applied, then hung up", applied=True, hangs_up=True),
]
