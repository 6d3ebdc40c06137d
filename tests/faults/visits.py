"""Visitors of pages and scrapes of metrics, and what they must never show."""

from __future__ import annotations

import random
import threading
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException

from faults.caller import MANNER, retryable_problem
from faults.callers import Callers, CallerThread, Connect
from faults.history import History
from support.html import Element
from support.http import Client, Response
from support.metrics import parse_metrics
from support.pages import HTML, check_page, pairs

COUNTERS = ("_total", "_bucket", "_count", "_sum")
"""The ends of names of metrics that never decrease, without their labels."""


class Counters:
    """The counters of each process, which never decrease and never disappear."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._last: dict[str, dict[str, float]] = {}

    def add(self, process: str, metrics: Mapping[str, float]) -> None:
        """Add a scrape of a process, whose earlier scrapes were all added before."""
        last = self._last.setdefault(process, {})
        counters = {
            name: value
            for name, value in metrics.items()
            if name.partition("{")[0].endswith(COUNTERS)
        }
        for name, value in last.items():
            if counters.get(name, 0) < value:
                now = counters.get(name, "none")
                self.wrong.append(f"{name} of process {process} was {value}, then {now}")
        last.update(counters)

    @property
    def processes(self) -> int:
        """The number of processes that were scraped."""
        return len(self._last)

    def total(self, name: str, result: str) -> float:
        """The sum of a counter with this result, of all processes, when they were last scraped."""
        return sum(
            value
            for last in self._last.values()
            for counter, value in last.items()
            if counter.startswith(f"{name}{{") and f'result="{result}"' in counter
        )


class Shown:
    """The values and versions that pages have shown."""

    def __init__(self) -> None:
        self.values: dict[str, set[tuple[str, int]]] = defaultdict(set)
        """The tokens and values of each series."""
        self.versions: dict[str, set[tuple[str, str | None]]] = defaultdict(set)
        """The versions of each name, and their tokens."""

    def wrong(
        self,
        ledgers: Mapping[str, Sequence[tuple[str, int]]],
        versions: Mapping[str, Mapping[str, str | None]],
    ) -> Iterator[str]:
        """Yield what was shown and never assigned, by the *ledgers* and *versions* at the end."""
        for key, values in self.values.items():
            for token, value in sorted(values - set(ledgers.get(key, ()))):
                yield f"a page showed the value {value} of {token!r} in {key}"
        for name, shown in self.versions.items():
            for version, token in shown - versions.get(name, {}).items():
                yield f"a page showed the version {version} of {token!r} in {name}"


class Reader(CallerThread):
    """Reads from each server in turn, with pauses. A failed request is not repeated."""

    def __init__(
        self, name: str, urls: Sequence[str], connect: Connect, stop: threading.Event, pause: float
    ) -> None:
        """*pause*: seconds between two requests."""
        self._clients = [connect(url, MANNER.timeout) for url in urls]
        super().__init__(name, self._clients, stop)
        self._pause = pause
        self.statuses: Counter[int] = Counter()

    @property
    def acknowledged(self) -> int:
        return self.statuses[200]

    def work(self) -> None:
        while True:
            for client in self._clients:
                if self._stopped.wait(self._pause):
                    return
                try:
                    self.read(client)
                except (OSError, HTTPException):  # the server was killed
                    self.interrupted += 1

    @abstractmethod
    def read(self, client: Client) -> None:
        """Make a request, and count its status."""

    def read_all(self) -> None:
        """Read everything from each server once, after the thread has ended."""
        for client in self._clients:
            with client:
                self.read(client)


class Scraper(Reader):
    """Scrapes the metrics of servers."""

    def __init__(
        self, urls: Sequence[str], connect: Connect, stop: threading.Event, pause: float
    ) -> None:
        super().__init__("scraper", urls, connect, stop, pause)
        self.counters = Counters()

    def read(self, client: Client) -> None:
        response = client.request("GET", "/metrics")
        self.statuses[response.status] += 1
        if response.status != 200:
            retryable_problem(response, MANNER)
            return
        process = response.headers["X-Request-Id"].partition("-")[0]
        self.counters.add(process, parse_metrics(response.text))


class Visitor(Reader):
    """Loads pages, and checks what does not depend on the moment."""

    def __init__(
        self,
        urls: Sequence[str],
        connect: Connect,
        stop: threading.Event,
        pause: float,
        history: History,
        keys: Sequence[str],
        names: Sequence[str],
        seed: int,
    ) -> None:
        """*history*: records the current values of series that pages show."""
        super().__init__("visitor", urls, connect, stop, pause)
        self.shown = Shown()
        self._history = history
        self._keys = keys
        self._names = names
        self._chance = random.Random(seed)

    def read(self, client: Client) -> None:
        kinds = [self._read_name, self._read_series] * 2 + [self._read_names, self._read_status]
        self._chance.choice(kinds)(client)

    def read_all(self) -> None:
        for client in self._clients:
            with client:
                self._read_name(client)
                self._read_series(client)
                self._read_names(client)
                self._read_status(client)

    def _read_name(self, client: Client) -> None:
        name = self._chance.choice(self._names)
        if document := self._load(client, f"/names/{name}"):
            for version, token, *_ in document.one("table").rows():
                self._show(name, version, token)

    def _read_names(self, client: Client) -> None:
        if document := self._load(client, "/"):
            for name, version, token, *_ in document.all("table")[0].rows():
                self._show(name, version, token)

    def _read_status(self, client: Client) -> None:
        if document := self._load(client, "/status"):
            assert pairs(document)["Uptime"]

    def _read_series(self, client: Client) -> None:
        key = self._chance.choice(self._keys)
        begun = self._history.peek(key)
        if document := self._load(client, f"/series/{key}"):
            current = pairs(document)
            self._history.seen(begun, current["Current token"], int(current["Current value"]))
            rows = document.one("table").rows()
            self.shown.values[key] |= {(token, int(value)) for value, token, *_ in rows}

    def _show(self, name: str, version: str, token: str) -> None:
        owner = None if token == "adopted" else token
        self.shown.versions[name].add((version.split()[0], owner))

    def _load(self, client: Client, path: str) -> Element | None:
        """The page; None if the server states on it that the store is not available."""
        response: Response = client.request("GET", path, headers=HTML)
        self.statuses[response.status] += 1
        document = check_page(response, 503 if response.status == 503 else 200)
        return document if response.status == 200 else None


class Visits(Callers[Reader]):
    """A visitor and a scraper that run until `end`."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        connect: Connect,
        pause: float,
        history: History,
        keys: Sequence[str],
        names: Sequence[str],
        seed: int,
    ) -> None:
        """*connect*: with which credentials. *pause*: seconds between two requests of each."""
        stop = threading.Event()
        self.visitor = Visitor(urls, connect, stop, pause, history, keys, names, seed)
        self.scraper = Scraper(urls, connect, stop, pause)
        super().__init__([self.visitor, self.scraper], stop)

    def finish(self) -> None:
        """End both, and let each read everything once more."""
        self.end()
        self.visitor.read_all()
        self.scraper.read_all()
