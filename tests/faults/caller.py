"""A caller who will not give up: it keeps its token until somebody tells it the token's number."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle

from faults.history import History
from support.http import Client, Response

MAX_REMEMBERED = 100

COME_AGAIN = {"store_unavailable": 503, "draining": 503}
"""Codes of errors, with their statuses, after which the same request may be sent again."""

GATEWAY = (502, 504)
"""What a proxy answers that heard nothing from a server."""


@dataclass(frozen=True)
class Manner:
    """How callers go about it."""

    timeout: float = 30
    """Seconds after which an answer is not waited for any more."""
    hangs_up: float = 0.0
    """After which part of all answers it connects anew."""
    come_again: Mapping[str, int] = field(default_factory=COME_AGAIN.copy)
    """The codes of errors, with their statuses, that they take."""
    by_gateway: bool = False
    """Whether a proxy is between, which repeats requests, and has answers of its own: 502, 504."""


MANNER = Manner()


class Caller(threading.Thread):
    """One caller: a token, its number, the next token; at times a peek, or an old token again."""

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        keys: Sequence[str],
        history: History,
        stop: threading.Event,
        chance: random.Random,
        manner: Manner = MANNER,
    ) -> None:
        """It asks the servers at *urls* in turn, and begins no token more once *stop* is set.

        A series whose key is in capitals is asked with `reuse=current`, any other with `any`.
        Any error that *manner* does not know ends it.
        """
        super().__init__(name=name, daemon=True)
        self._history = history
        self._keys = keys
        self._stop_asking = stop
        self._chance = chance
        self._manner = manner
        self._clients = {url: Client(url, manner.timeout) for url in urls}
        self._turns = cycle(urls)
        self._numbered: set[tuple[str, str]] = set()
        self.answers = dict.fromkeys(urls, 0)
        self.interrupted = 0
        self.refused = 0
        self.at_gateway = 0
        self.told: Counter[tuple[str, str]] = Counter()
        self.give_up = False
        self.error: BaseException | None = None

    def run(self) -> None:
        own: list[tuple[str, str]] = []
        number = 0
        try:
            while not self._stop_asking.is_set():
                what = self._chance.random()
                if what < 0.05:
                    url = next(self._turns)
                    peek(
                        self._clients[url],
                        self._chance.choice(self._keys),
                        self._history,
                        self._manner,
                    )
                elif what < 0.15 and own:
                    self._keep_asking(*self._chance.choice(own))
                else:
                    number += 1
                    asked = (self._chance.choice(self._keys), f"{self.name}-{number}")
                    self._keep_asking(*asked)
                    own = [*own[-MAX_REMEMBERED:], asked]
        except BaseException as error:
            self.error = error
        finally:
            for client in self._clients.values():
                client.close()

    def _keep_asking(self, key: str, token: str) -> None:
        while not self._ask(key, token) and not self.give_up:
            time.sleep(self._chance.uniform(0.005, 0.05))

    def _ask(self, key: str, token: str) -> bool:
        """One attempt; whether it was answered with a number."""
        url = next(self._turns)
        reuse = "current" if key.isupper() else "any"
        put = self._history.put(key, token, reuse)
        try:
            response = self._clients[url].request("PUT", f"/v1/series/{key}/{token}?reuse={reuse}")
        except ConnectionRefusedError:  # nobody was there to take it
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
        problem = told_to_come_again(response, self._manner)
        self.told[problem["code"], problem["applied"]] += 1
        if problem["applied"] == "no":
            self._history.refused(put)
            self.refused += 1
        return False

    def _is_of_gateway(self, response: Response) -> bool:
        """Whether a proxy said that it has no answer, which leaves the request in doubt."""
        if not self._manner.by_gateway or response.status not in GATEWAY:
            return False
        self.at_gateway += 1
        return True


def peek(client: Client, key: str, history: History, manner: Manner = MANNER) -> None:
    """Read where a series stands, and note what is seen if anything is."""
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
        told_to_come_again(response, manner)


def told_to_come_again(response: Response, manner: Manner) -> dict[str, str]:
    """The problem of an answer that lets the same request be sent again, and no other."""
    problem = response.json()
    assert isinstance(problem, dict)
    assert response.status == manner.come_again.get(problem["code"]), response
    return problem
