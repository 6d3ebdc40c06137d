"""The metrics of a server process: requests, sign-ins, assignments, and keys of issuers."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import product
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from monotron import __version__
from monotron.errors import InternalError, MonotronError
from monotron.metrics.registry import SECONDS, Registry, start_at_zero
from monotron.metrics.store import ERRORS, StoreMetrics
from monotron.metrics.traffic import BOUNDS, Counts, TrafficHistory

if TYPE_CHECKING:  # needs PyJWT
    from monotron.auth.oidc.jwks import JwksCache

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
"""Other methods are counted as `other`, because clients choose them."""

LIMITS = ("key", "account", "address", "concurrency", "backup")
CREDENTIALS = ("none", "api_key", "id_token", "root_key")

PROBES = ("/livez", "/readyz", "/metrics")
"""Routes that are not traffic of users."""

DURATIONS = "http_request_duration_seconds"

Schedule = Callable[[Callable[[], None]], object]


def immediately(function: Callable[[], None]) -> None:
    """Call the function now."""
    function()


class Metrics:
    """The metrics of a server process."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, schedule: Schedule = immediately) -> None:
        """*schedule* calls a function soon, on the thread that calls the methods."""
        self._schedule = schedule
        self._ended: list[tuple[str, str, int, float]] = []
        registry = Registry()
        self.export = registry.export
        self.has_files = registry.has_files
        self.store = StoreMetrics(registry)
        counter, gauge = registry.counter, registry.gauge

        build = gauge("build_info", "Version of the server.", ["version"], multiprocess_mode="max")
        build.labels(__version__).set(1)
        self._processes = gauge("processes", "Running processes.", multiprocess_mode="livesum")

        requests = counter("http_requests_total", "Requests.", ["route", "method", "status"])
        durations = registry.histogram(
            DURATIONS,
            "Time from a request's headers to its response.",
            ["route", "method"],
            buckets=SECONDS,
        )
        self.traffic = TrafficHistory(partial(_counts, registry), time.monotonic)
        # Children are looked up once: `labels` takes longer than `inc`.
        self._requests = lru_cache(maxsize=None)(requests.labels)
        self._durations = lru_cache(maxsize=None)(durations.labels)
        self._in_flight = gauge(
            "http_requests_in_flight", "Requests in progress.", multiprocess_mode="livesum"
        )
        self._waiting = gauge(
            "store_waiting_requests",
            "Requests that wait for a call of the store.",
            multiprocess_mode="livesum",
        )
        self._draining = gauge(
            "draining", "Processes that are shutting down.", multiprocess_mode="livesum"
        )
        self._problems = counter(
            "problems_total",
            "Responses with a problem document. `applied` is empty for requests without writes.",
            ["code", "applied"],
        )
        start_at_zero(self._problems, *product(ERRORS, ("", "no", "unknown")))
        self._contradictions = counter(
            "ledger_contradictions_total",
            "Requests that failed because rows of the store contradict each other.",
        )
        self._rate_limited = counter(
            "rate_limited_total", "Requests above a limit, which got 429.", ["limit"]
        )
        start_at_zero(self._rate_limited, *((limit,) for limit in LIMITS))
        self._sign_ins = counter(
            "sign_ins_total",
            "Verified credentials, without those in a cache.",
            ["method", "result"],
        )
        start_at_zero(self._sign_ins, *product(CREDENTIALS, ("accepted", "rejected", "limited")))

        values = counter("values_assigned_total", "Values of series.", ["result"])
        self._new_values, self._reused_values = values.labels("new"), values.labels("reused")
        self._skipped_values = counter(
            "values_skipped_total", "Numbers that new versions passed over."
        )
        versions = counter(
            "versions_assigned_total", "Versions of names.", ["bump", "channel", "result"]
        )
        self._versions = lru_cache(maxsize=None)(versions.labels)

        self._jwks_fetches = counter(
            "jwks_fetches_total", "Fetches of the keys of issuers.", ["result"]
        )
        start_at_zero(self._jwks_fetches, ("success",), ("failure",))
        self._known_fetches: Counter[str] = Counter()
        self._jwks_age = gauge(
            "jwks_age_seconds",
            "Time since the keys of an issuer were fetched.",
            ["issuer"],
            multiprocess_mode="livemin",
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request soon after its response. *route* is the template of its path."""
        self._ended.append((route, method, status, seconds))
        if len(self._ended) == 1:
            self._schedule(self._count_ended)

    def _count_ended(self) -> None:
        """Count the requests that ended in this turn of the event loop.

        Counting them together costs less: code and counters are in the caches of the processor.
        """
        ended, self._ended = self._ended, []
        for route, method, status, seconds in ended:
            if method not in METHODS:
                method = "other"
            self._requests(route, method, status).inc()
            self._durations(route, method).observe(seconds)

    def problem(self, error: MonotronError, *, writes: bool) -> None:
        """Count a response with a problem document."""
        self._problems.labels(error.code, error.applied if writes else "").inc()
        if isinstance(error, InternalError) and error.is_contradiction:
            self._contradictions.inc()

    def rate_limited(self, limit: str) -> None:
        """Count a request above one of `LIMITS`."""
        self._rate_limited.labels(limit).inc()

    def sign_in(self, method: str, result: str) -> None:
        """Count a verification of credentials: `accepted`, `rejected` or `limited`."""
        self._sign_ins.labels(method, result).inc()

    def value_assigned(self, *, reused: bool) -> None:
        """Count a response with a value."""
        (self._reused_values if reused else self._new_values).inc()

    def version_assigned(
        self, bump: str | None, *, is_final: bool, reused: bool, skipped: int
    ) -> None:
        """Count a response with a version, and the numbers that it passed over."""
        channel = "final" if is_final else "prerelease"
        self._versions(bump or "adopted", channel, "reused" if reused else "new").inc()
        if skipped:
            self._skipped_values.inc(skipped)

    def update_process(self, *, in_flight: int, waiting: int, draining: bool) -> None:
        """Set the values of this process that are not counted while requests are served."""
        self._processes.set(1)
        self._in_flight.set(in_flight)
        self._waiting.set(waiting)
        self._draining.set(draining)

    def update_issuers(self, key_sets: Iterable["JwksCache"]) -> None:
        """Set the numbers of fetches, and the age of each issuer's keys."""
        fetches: Counter[str] = Counter()
        for keys in key_sets:
            fetches += keys.fetches
            self._jwks_age.labels(keys.issuer).set(keys.age_seconds)
        for result, number in (fetches - self._known_fetches).items():
            self._jwks_fetches.labels(result).inc(number)
        self._known_fetches = fetches


def _counts(registry: Registry) -> Counts:
    """The durations of the requests of all processes since their start, without probes."""
    counts = dict.fromkeys(BOUNDS, 0)
    for family in registry.histograms():
        if family.name == f"monotron_{DURATIONS}":
            for sample in family.samples:
                if "le" in sample.labels and sample.labels["route"] not in PROBES:
                    counts[float(sample.labels["le"])] += int(sample.value)
    return list(counts.values())
