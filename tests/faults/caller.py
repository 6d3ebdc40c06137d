"""A caller that retries each token until it gets the value."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle

from faults.callers import CallerThread, Connect
from faults.history import History
from support.http import Client, Response

MAX_REMEMBERED = 100

RETRYABLE = {"store_unavailable": 503, "draining": 503}
"""The codes and statuses of errors after which a request may be retried."""

GATEWAY = (502, 504)
"""The statuses of a proxy without a response of the server."""


@dataclass(frozen=True)
class Manner:
    """The behavior of callers."""

    timeout: float = 30
    """The timeout of a request in seconds."""
    hangs_up: float = 0.0
    """The probability of a reconnect after a response."""
    retryable: Mapping[str, int] = field(default_factory=RETRYABLE.copy)
    """The codes and statuses of errors after which they retry."""
    by_gateway: bool = False
    """Whether a proxy may repeat requests and answer them with 502 or 504."""


MANNER = Manner()


class Caller(CallerThread):
    """One caller: requests token after token, and sometimes peeks or repeats an old token."""

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        keys: Sequence[str],
        history: History,
        stop: threading.Event,
        chance: random.Random,
        manner: Manner = MANNER,
        connect: Connect = Client,
    ) -> None:
        """The caller uses the servers at *urls* in turn until *stop* is set.

        Uppercase keys use `reuse=current`, the others `any`. Any error that *manner* does not
        list ends the caller.
        """
        self._clients = {url: connect(url, manner.timeout) for url in urls}
        super().__init__(name, self._clients.values(), stop)
        self._history = history
        self._keys = keys
        self._chance = chance
        self._manner = manner
        self._turns = cycle(urls)
        self._numbered: set[tuple[str, str]] = set()
        self.answers = dict.fromkeys(urls, 0)
        self.refused = 0
        self.at_gateway = 0
        self.errors: Counter[tuple[str, str]] = Counter()
        self.pause_seconds = 0.0

    @property
    def acknowledged(self) -> int:
        return sum(self.answers.values())

    def work(self) -> None:
        own: list[tuple[str, str]] = []
        number = 0
        while not self._stopped.wait(self.pause_seconds):
            what = self._chance.random()
            if what < 0.05:
                client, key = self._clients[next(self._turns)], self._chance.choice(self._keys)
                peek(client, key, self._history, self._manner)
            elif what < 0.15 and own:
                self._request_until_answered(*self._chance.choice(own))
            else:
                number += 1
                asked = (self._chance.choice(self._keys), f"{self.name}-{number}")
                self._request_until_answered(*asked)
                own = [*own[-MAX_REMEMBERED:], asked]

    def _request_until_answered(self, key: str, token: str) -> None:
        while not self._ask(key, token) and not self.give_up:
            time.sleep(self._chance.uniform(0.005, 0.05))

    def _ask(self, key: str, token: str) -> bool:
        """Make one attempt. Return whether it returned a value."""
        url = next(self._turns)
        reuse = "current" if key.isupper() else "any"
        put = self._history.put(key, token, reuse)
        try:
            response = self._clients[url].request("PUT", f"/v1/series/{key}/{token}?reuse={reuse}")
        except ConnectionRefusedError:  # no server was listening
            self._history.refused(put)
            self.refused += 1
            return False
        except (OSError, HTTPException):
            self.interrupted += 1
            return False
        if response.status == 200:
            reused = {"true": True, "false": False}[response.headers["Monotron-Reused"]]
            if reused and self._manner.by_gateway and (key, token) not in self._numbered:
                self._history.repeated(put)
            self._numbered.add((key, token))
            self._history.answered(put, response.json()["value"], reused)
            self.answers[url] += 1
            if self._chance.random() < self._manner.hangs_up:
                self._clients[url].close()
            return True
        if self._is_of_gateway(response):
            return False
        problem = retryable_problem(response, self._manner)
        self.errors[problem["code"], problem["applied"]] += 1
        if problem["applied"] == "no":
            self._history.refused(put)
            self.refused += 1
        return False

    def _is_of_gateway(self, response: Response) -> bool:
        """Return whether a proxy answered without the server, so that the outcome is unknown."""
        if not self._manner.by_gateway or response.status not in GATEWAY:
            return False
        self.at_gateway += 1
        return True


def peek(client: Client, key: str, history: History, manner: Manner = MANNER) -> None:
    """Read a series, and record the result if there is one."""
    begun = history.peek(key)
    try:
        response = client.request("GET", f"/v1/series/{key}")
    except (OSError, HTTPException):
        return
    if response.status == 200:
        entry = response.json()
        history.seen(begun, entry["token"], entry["value"])
    elif response.status == 404:
        history.seen(begun, None, 0)
    elif not manner.by_gateway or response.status not in GATEWAY:
        retryable_problem(response, manner)


def retryable_problem(response: Response, manner: Manner) -> dict[str, str]:
    """Return the problem of a retryable error. Any other response fails."""
    problem = response.json()
    assert isinstance(problem, dict)
    assert response.status == manner.retryable.get(problem["code"]), response
    return problem
