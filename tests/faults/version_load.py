"""Callers that request versions of one name until `finish`, and record all attempts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from http.client import HTTPException
from itertools import cycle
from types import TracebackType
from typing import Any, Self

from monotron.errors import MonotronError
from monotron.model.semver import (
    Final,
    Line,
    Release,
    VersionName,
    label_and_number,
    parse_final,
    parse_version,
)
from monotron.model.versions.requests import Assign, Bump, Latest, VersionRequest, VersionResult
from simulation.version_history import Call, VersionHistory
from support.http import Client, Response
from support.member import until

NAME = VersionName(1, "shop")
BUMPS: tuple[Bump, ...] = ("patch", "patch", "patch", "patch", "minor", "minor", "major")
LABELS = ("rc", "rc", "beta")
REFUSALS = {"line_not_found", "out_of_line"}
TIMEOUT_SECONDS = 90


class VersionCaller(threading.Thread):
    """Requests a version of token after token, and sometimes repeats an old one."""

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        history: VersionHistory,
        stop: threading.Event,
        chance: random.Random,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._history = history
        self._stopped = stop
        self._chance = chance
        self._clients = [Client(url) for url in urls]
        self._turns = cycle(self._clients)
        self._known = Final(1, 2, 57)
        self.answers = 0
        self.interrupted = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        own: list[Assign] = []
        try:
            while not self._stopped.is_set():
                if own and self._chance.random() < 0.15:
                    request = self._chance.choice(own[-20:])
                else:
                    request = Assign(NAME, f"{self.name}-{len(own)}", self._parameters())
                    own.append(request)
                while not self._ask(request):
                    time.sleep(self._chance.uniform(0.005, 0.05))
        except BaseException as error:
            self.error = error
        finally:
            for client in self._clients:
                client.close()

    def _parameters(self) -> VersionRequest:
        chance, bump = self._chance, self._chance.choice(BUMPS)
        label = chance.choice(LABELS) if chance.random() < 0.3 else None
        line = None
        if chance.random() < 0.2:
            line = Line(self._known.major, chance.choice((None, self._known.minor)))
        return VersionRequest(bump, label, line=line)

    def _ask(self, request: Assign) -> bool:
        """Make one attempt. Return whether it was decided."""
        call = self._history.call(request)
        try:
            response = next(self._turns).request("PUT", _path(request))
        except ConnectionRefusedError:  # no server was listening
            self._history.refused(call)
            return False
        except (OSError, HTTPException):
            self.interrupted += 1
            return False
        if response.status == 200:
            self._history.answered(call, _result(request, response.json()))
            self._known = call.result.release.target
            self.answers += 1
            return True
        return self._failed(call, response)

    def _failed(self, call: Call, response: Response) -> bool:
        problem = response.json()
        if problem["applied"] == "no":
            self._history.refused(call, MonotronError(problem["detail"]))
        assert response.status == 503 or problem["code"] in REFUSALS, problem
        return response.status != 503


def _path(request: Assign) -> str:
    parameters = request.parameters
    path = f"/v1/versions/{NAME.name}/{request.token}?bump={parameters.bump}"
    path += f"&prerelease={parameters.label}" if parameters.label else ""
    return path + (f"&line={parameters.line}" if parameters.line else "")


def _result(request: Assign, members: dict[str, Any]) -> VersionResult:
    """The version in a response. Its line is that of the request: tokens have only one."""
    version = parse_version(members["version"])
    label, number = label_and_number(version)
    previous = members["previous"]
    release = Release(
        NAME,
        members["token"],
        Final.of(version),
        label,
        number,
        members["bump"],
        request.parameters.line,
        previous=parse_final(previous) if previous else None,
        created_at=0,
    )
    return VersionResult(release, Latest(members["latest"]), members["reused"])


class VersionLoad:
    """Threads that request versions until `finish`."""

    def __init__(self, urls: Sequence[str], *, callers: int, seed: int) -> None:
        self.history = VersionHistory(time.monotonic)
        self._stop = threading.Event()
        self._callers = []
        for number in range(callers):
            first = number % len(urls)
            turns = [*urls[first:], *urls[:first]]
            chance = random.Random(f"{seed} {number}")
            caller = VersionCaller(f"c{number}", turns, self.history, self._stop, chance)
            self._callers.append(caller)

    @property
    def answers(self) -> int:
        return sum(caller.answers for caller in self._callers)

    @property
    def interrupted(self) -> int:
        """The number of requests that lost their connection."""
        return sum(caller.interrupted for caller in self._callers)

    def wait_for_answers(self, more: int) -> None:
        """Return after *more* further requests have returned a version."""
        enough = self.answers + more

        def answered() -> bool:
            self._check()
            return self.answers >= enough

        until(answered, TIMEOUT_SECONDS, f"{more} more answers")

    def finish(self) -> VersionHistory:
        """Wait until each caller has its version, and end all callers."""
        self._stop.set()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        for caller in self._callers:
            caller.join(max(0.0, deadline - time.monotonic()))
            if caller.is_alive():
                raise TimeoutError(f"{caller.name} got no version in {TIMEOUT_SECONDS} s")
        self._check()
        return self.history

    def _check(self) -> None:
        for caller in self._callers:
            if caller.error is not None:
                raise caller.error

    def __enter__(self) -> Self:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
