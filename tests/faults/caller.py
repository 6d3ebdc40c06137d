"""A caller who will not give up: it keeps its token until somebody tells it the token's number."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from itertools import cycle

from faults.history import History
from harness.http import Client, Response

MOST_REMEMBERED = 100

COME_AGAIN = {"store_unavailable": 503, "draining": 503}
"""Codes of errors, with their statuses, after which the same request may be sent again."""


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
        come_again: Mapping[str, int] = COME_AGAIN,
    ) -> None:
        """It asks the servers at *urls* in turn, and begins no token more once *stop* is set.

        A series whose key is in capitals is asked with `reuse=current`, any other with `any`.
        Any error but those of *come_again* ends it.
        """
        super().__init__(name=name, daemon=True)
        self._history = history
        self._keys = keys
        self._stop_asking = stop
        self._chance = chance
        self._come_again = come_again
        self._clients = {url: Client(url) for url in urls}
        self._turns = cycle(urls)
        self.answers = dict.fromkeys(urls, 0)
        self.interrupted = 0
        self.refused = 0
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
                    self._peek(self._chance.choice(self._keys))
                elif what < 0.15 and own:
                    self._keep_asking(*self._chance.choice(own))
                else:
                    number += 1
                    asked = (self._chance.choice(self._keys), f"{self.name}-{number}")
                    self._keep_asking(*asked)
                    own = [*own[-MOST_REMEMBERED:], asked]
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
        if response.headers["Content-Length"] is None:
            # It was cut off within its headers, and http.client takes that for their end.
            self.interrupted += 1
            return False
        if response.status == 200:
            reused = {"true": True, "false": False}[response.headers["Monotron-Reused"]]
            self._history.answered(put, response.json()["value"], reused)
            self.answers[url] += 1
            return True
        problem = self._told_to_come_again(response)
        self.told[problem["code"], problem["applied"]] += 1
        if problem["applied"] == "no":
            self._history.refused(put)
            self.refused += 1
        return False

    def _peek(self, key: str) -> None:
        peek = self._history.peek(key)
        try:
            response = self._clients[next(self._turns)].request("GET", f"/v1/series/{key}")
        except (OSError, HTTPException):
            return
        if response.status == 200:
            entry = response.json()
            self._history.seen(peek, entry["token"], entry["value"])
        elif response.status == 404:
            self._history.seen(peek, None, 0)
        else:
            self._told_to_come_again(response)

    def _told_to_come_again(self, response: Response) -> dict[str, str]:
        """The problem of an answer that lets the same request be sent again, and no other."""
        problem = response.json()
        assert isinstance(problem, dict)
        assert response.status == self._come_again.get(problem["code"]), response
        return problem
