"""Callers that request, look up and withdraw versions of a name, and record all attempts."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from itertools import cycle
from typing import Any

from faults.caller import MANNER, RETRYABLE
from faults.callers import Callers, CallerThread, Connect
from faults.version_http import NAME, Request, result_of, send
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
from support.http import Client

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


def adopt_initial(client: Client, name: VersionName) -> None:
    """Adopt `INITIAL`, the first version of the name. Retry while the store is not available."""
    response = send(client, Adopt(name, INITIAL, ""), "")
    while response.status == 503:
        response = send(client, Adopt(name, INITIAL, ""), "")
    assert response.status == 200, response


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
        self.errors: Counter[tuple[str, str]] = Counter()
        """The temporary errors by code and `applied`."""

    def record_response(self, call: Call, status: int, members: Mapping[str, Any]) -> bool:
        """Record the response to an attempt. Return whether it needs no retry.

        Raises AssertionError for an error that the request cannot have.
        """
        if status == 200:
            request = self.requests.get(members["token"])
            result = result_of(members, request.parameters.line if request else None)
            self.history.answered(call, result)
            self._learn(call.request, result)
            return True
        is_look_up, is_decided = isinstance(call.request, GetOfToken), status != 503
        is_read = is_look_up or isinstance(call.request, GetNewest)
        code, applied = members["code"], "no" if is_read else members["applied"]
        if applied == "no":
            error = MonotronError(members["detail"]) if is_decided else None
            self.history.refused(call, error)
        if is_decided:
            assert code in REFUSALS or (is_look_up and code == "version_not_found"), members
        else:
            assert code in RETRYABLE, members
            self.errors[code, applied] += 1
        return is_decided

    def _learn(self, request: object, result: VersionResult) -> None:
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
        timeout: float = MANNER.timeout,
    ) -> None:
        """The caller requests versions of the name *versioned* until *stop* is set.

        *timeout*: that of a request, in seconds.
        """
        self._clients = [connect(url, timeout) for url in urls]
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
        known.requests[request.token] = request
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
        self._answers += response.status == 200
        return known.record_response(call, response.status, response.json())


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
        timeout: float = MANNER.timeout,
    ) -> None:
        """*timeout*: that of a request, in seconds."""
        self.name = name
        self.known = Known()
        stop = threading.Event()
        threads: list[VersionCaller] = []
        for number in range(callers):
            first = number % len(urls)
            turns = [*urls[first:], *urls[:first]]
            chance = random.Random(f"{seed} {name.name} {number}")
            threads.append(
                VersionCaller(f"c{number}", turns, self.known, stop, chance, name, connect, timeout)
            )
        super().__init__(threads, stop)

    @property
    def history(self) -> VersionHistory:
        return self.known.history

    def pause_between_requests(self, seconds: float) -> None:
        """Let each caller pause between its requests from now on."""
        for caller in self._callers:
            caller.pause_seconds = seconds

    def finish(self) -> VersionHistory:
        """Wait until each caller has the response to its request, and end all callers."""
        self.end()
        return self.known.history
