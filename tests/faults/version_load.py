"""Callers that request, look up and withdraw versions of a name, and record all attempts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from itertools import cycle
from typing import Any

from faults.caller import MANNER
from faults.callers import Callers, CallerThread, Connect
from faults.version_http import NAME, Request, result_of, send, target_of
from monotron.errors import MonotronError
from monotron.model.semver import Final, Line, Release, VersionName
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    Bump,
    GetNewest,
    GetOfToken,
    Reverse,
    VersionRequest,
    VersionResult,
    Withdraw,
)
from simulation.version_history import Call, VersionHistory
from support.http import Client, Response

BUMPS: tuple[Bump, ...] = ("patch", "patch", "patch", "patch", "minor", "minor", "major", "auto")
LABELS = ("rc", "rc", "beta")
TEXTS = ("fix: a", "fix: a", "feat: b", "docs: c")
"""Commit messages. The last one requests no version."""
REFUSALS = {
    "already_released",
    "base_outdated",
    "line_not_found",
    "out_of_line",
    "token_taken",
    "value_would_fall",
    "version_withdrawn",
}
INITIAL = Final(1, 2, 57)
Copy = Callable[[Mapping[str, Any]], None]
"""Records the members of the response to a copy of a request."""


def adopt_initial(client: Client, name: VersionName) -> None:
    """Adopt `INITIAL`, the first version of the name."""
    assert send(client, Adopt(name, INITIAL, ""), "").status == 200


class Known:
    """What all callers know."""

    def __init__(self) -> None:
        self.history = VersionHistory(time.monotonic)
        self.newest = INITIAL
        """The newest version, as of the last response that showed it."""
        self.assigned: dict[str, Release] = {}
        """Each version that a token has."""
        self.withdrawn: list[Release] = []
        self.requests: dict[str, Assign] = {}
        """The request of each token, also if its response is unknown."""
        self.targets: dict[str, Assign] = {}
        """The same requests by their path and query."""

    def line_of(self, token: str) -> Line | None:
        """The line of the request of the token."""
        return self.requests[token].parameters.line if token in self.requests else None

    def learn(self, request: Request, result: VersionResult) -> None:
        release = result.release
        if result.latest.overall:
            self.newest = release.target
        if release.withdrawn:
            self.withdrawn.append(release)
        elif isinstance(request, Assign) and result.changed:
            self.assigned[release.version_text] = release


class VersionCaller(CallerThread):
    """Requests a version of token after token, and sometimes repeats or withdraws an old one."""

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        known: Known,
        stop: threading.Event,
        chance: random.Random,
        versioned: VersionName = NAME,
        connect: Connect = Client,
    ) -> None:
        """The caller requests versions of the name *versioned* until *stop* is set."""
        self._clients = [connect(url, MANNER.timeout) for url in urls]
        super().__init__(name, self._clients, stop)
        self._versioned = versioned
        self._known = known
        self.pause_seconds = 0.0
        self._chance = chance
        self._turns = cycle(self._clients)
        self._texts: dict[str, str] = {}
        self._own: list[Assign] = []
        self._answers = 0

    @property
    def acknowledged(self) -> int:
        return self._answers

    def work(self) -> None:
        while not self._stopped.wait(self.pause_seconds):
            request = self._choose()
            while not self._ask(request) and not self.give_up:
                time.sleep(self._chance.uniform(0.005, 0.05))

    def _choose(self) -> Request:
        chance, known, luck = self._chance, self._known, self._chance.random()
        if luck < 0.06 and known.assigned:
            release = chance.choice(list(known.assigned.values())[-50:])
            return Withdraw(self._versioned, release.version, "wrong", False, self.name)
        if luck < 0.09 and known.withdrawn:
            release = chance.choice(known.withdrawn[-50:])
            return Reverse(self._versioned, release.version, self.name)
        if luck < 0.22 and self._own:
            return chance.choice(self._own[-20:])
        if luck < 0.25 and self._own:
            token, label = chance.choice(self._own[-20:]).token, chance.choice((None, "rc"))
            return GetOfToken(self._versioned, token, label)
        if luck < 0.28:
            return GetNewest(self._versioned, chance.choice((None, Line(known.newest.major, None))))
        if luck < 0.29:
            adopted = Final(known.newest.major, known.newest.minor + 1, chance.randint(0, 2))
            return Adopt(self._versioned, adopted, self.name)
        request = Assign(self._versioned, f"{self.name}-{len(self._own)}", self._parameters())
        self._own.append(request)
        known.requests[request.token] = known.targets[target_of(request)] = request
        self._texts[request.token] = chance.choice(TEXTS)
        return request

    def _parameters(self) -> VersionRequest:
        chance, newest = self._chance, self._known.newest
        is_new = chance.random() < 0.5
        if chance.random() < 0.05:
            version = Final(newest.major, newest.minor + chance.randint(0, 2), chance.randint(0, 3))
            return VersionRequest("exact", version=version, new_if_withdrawn=is_new)
        bump = chance.choice(BUMPS)
        label = chance.choice(LABELS) if chance.random() < 0.3 else None
        base = newest if bump == "auto" and chance.random() < 0.5 else None
        line = None
        if base is None and chance.random() < 0.2:
            line = Line(newest.major, chance.choice((None, newest.minor)))
        return VersionRequest(bump, label, line=line, base=base, new_if_withdrawn=is_new)

    def _ask(self, request: Request) -> bool:
        """Make one attempt. Return whether it was decided."""
        known = self._known
        call = known.history.call(request)
        text = ""
        if isinstance(request, Assign) and request.parameters.bump == "auto":
            text = self._texts[request.token]
        try:
            response = send(next(self._turns), request, text)
        except ConnectionRefusedError:  # no server was listening
            known.history.refused(call)
            return False
        except (OSError, HTTPException):
            self.interrupted += 1
            return False
        if response.status == 200:
            members = response.json()
            result = result_of(members, known.line_of(members["token"]))
            known.history.answered(call, result)
            known.learn(request, result)
            self._answers += 1
            return True
        return self._failed(call, response)

    def _failed(self, call: Call, response: Response) -> bool:
        """Record that nothing was applied, if this is known. Return whether it was decided."""
        problem, is_decided = response.json(), response.status != 503
        is_look_up = isinstance(call.request, GetOfToken)
        if is_look_up or isinstance(call.request, GetNewest) or problem["applied"] == "no":
            error = MonotronError(problem["detail"]) if is_decided else None
            self._known.history.refused(call, error)
        is_missing = is_look_up and problem["code"] == "version_not_found"
        assert not is_decided or problem["code"] in REFUSALS or is_missing, problem
        return is_decided


class VersionLoad(Callers[VersionCaller]):
    """Threads that request versions until `finish`."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        callers: int,
        seed: int,
        name: VersionName = NAME,
        connect: Connect = Client,
    ) -> None:
        self.name = name
        self._known = Known()
        stop = threading.Event()
        threads: list[VersionCaller] = []
        for number in range(callers):
            first = number % len(urls)
            turns = [*urls[first:], *urls[:first]]
            chance = random.Random(f"{seed} {number}")
            threads.append(
                VersionCaller(f"c{number}", turns, self._known, stop, chance, name, connect)
            )
        super().__init__(threads, stop)

    @property
    def history(self) -> VersionHistory:
        return self._known.history

    def copied(self, target: str) -> Copy | None:
        """Record that a request with this path and query is sent once more.

        Return a function that records the members of its response; None if no caller has sent it.
        """
        request = self._known.targets.get(target)
        if request is None:
            return None
        call = self.history.call(request)

        def answered(members: Mapping[str, Any]) -> None:
            self.history.answered(call, result_of(members, request.parameters.line))

        return answered

    def pause_between_requests(self, seconds: float) -> None:
        """Let each caller pause between its requests from now on."""
        for caller in self._callers:
            caller.pause_seconds = seconds

    def finish(self) -> VersionHistory:
        """Wait until each caller has its version, and end all callers."""
        self.end()
        return self._known.history
