"""Metrics in the Prometheus format. docs/operations.md lists them.

Labels never contain names, keys, tokens or addresses of clients. With several processes, set
`PROMETHEUS_MULTIPROC_DIR` before this module is imported: each process writes its values to files
in this folder, and every process exports the sum.
"""

import os
from collections import Counter as PyCounter
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from monotron import __version__
from monotron.errors import MonotronError, StorageFull, StoreUnavailable
from monotron.services.observer import StoreObserver
from monotron.store.contents import StoreSize

if TYPE_CHECKING:  # needs PyJWT
    from monotron.auth.oidc.jwks import JwksCache

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
"""Other methods are counted as `other`, because clients choose them."""

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


Schedule = Callable[[Callable[[], None]], object]


def immediately(function: Callable[[], None]) -> None:
    """Call the function now."""
    function()


class Metrics(StoreObserver):
    """The metrics of a server process."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, schedule: Schedule = immediately) -> None:
        """*schedule* calls a function soon, on the thread that calls the methods."""
        self._schedule = schedule
        self._ended: list[tuple[str, str, int, float]] = []
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        counter = partial(Counter, namespace="monotron", registry=self._registry)
        gauge = partial(Gauge, namespace="monotron", registry=self._registry)
        histogram = partial(Histogram, namespace="monotron", registry=self._registry)

        build = gauge("build_info", "Version of the server.", ["version"], multiprocess_mode="max")
        build.labels(__version__).set(1)

        requests = counter("http_requests_total", "Requests.", ["route", "method", "status"])
        durations = histogram(
            "http_request_duration_seconds",
            "Time from a request's headers to its response.",
            ["route", "method"],
            buckets=REQUEST_SECONDS,
        )
        # Children are looked up once: `labels` takes longer than `inc`.
        self._requests = lru_cache(maxsize=None)(requests.labels)
        self._durations = lru_cache(maxsize=None)(durations.labels)
        self._in_flight = gauge(
            "http_requests_in_flight", "Requests in progress.", multiprocess_mode="livesum"
        )
        self._draining = gauge(
            "draining", "Processes that are shutting down.", multiprocess_mode="livesum"
        )
        self._problems = counter(
            "problems_total",
            "Responses with a problem document. `applied` is empty for requests without writes.",
            ["code", "applied"],
        )
        self._rate_limited = counter(
            "rate_limited_total", "Requests above a limit, which got 429.", ["limit"]
        )
        self._sign_ins = counter(
            "sign_ins_total",
            "Verified credentials, without those in a cache.",
            ["method", "result"],
        )

        values = counter("values_assigned_total", "Values of series.", ["result"])
        self._new_values, self._reused_values = values.labels("new"), values.labels("reused")
        versions = counter(
            "versions_assigned_total", "Versions of names.", ["bump", "channel", "result"]
        )
        self._versions = lru_cache(maxsize=None)(versions.labels)

        self._store_up = gauge(
            "store_up", "Whether the store accepts writes.", multiprocess_mode="mostrecent"
        )
        operations = histogram(
            "store_operation_duration_seconds",
            "Time of a call of the store.",
            ["operation"],
            buckets=REQUEST_SECONDS,
        )
        self._operations = lru_cache(maxsize=None)(operations.labels)
        self._store_errors = counter("store_errors_total", "Failed calls of the store.", ["reason"])
        self._batch_sizes = histogram(
            "store_batch_size", "Requests in one call of the store.", buckets=BATCH_SIZES
        )
        self._waiting = gauge(
            "store_waiting_requests",
            "Requests that wait for a call of the store.",
            multiprocess_mode="livesum",
        )
        self._jwks_fetches = counter(
            "jwks_fetches_total", "Fetches of the keys of issuers.", ["result"]
        )
        self._jwks_age = gauge(
            "jwks_age_seconds",
            "Time since the keys of an issuer were fetched.",
            ["issuer"],
            multiprocess_mode="livemin",
        )
        self._store_bytes = gauge(
            "store_bytes", "Size of the store.", ["file"], multiprocess_mode="mostrecent"
        )
        # A metric without labels is exported from its creation on, and only a file has a disk.
        self._disk_available: Callable[[], Gauge] = lru_cache(maxsize=None)(
            partial(
                gauge,
                "store_disk_available_bytes",
                "Free space of the disk of the store.",
                multiprocess_mode="mostrecent",
            )
        )
        self._last_success = {
            task: gauge(
                f"{task}_last_success_timestamp_seconds",
                f"When the last {task} succeeded. 0: never.",
                multiprocess_mode="mostrecent",
            )
            for task in ("audit", "backup")
        }
        self._findings = gauge(
            "audit_findings", "Findings of the last audit.", multiprocess_mode="mostrecent"
        )
        self._fetches: PyCounter[str] = PyCounter()

    def export(self) -> bytes:
        """The values of all processes in the Prometheus text format."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

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

    def rate_limited(self, limit: str) -> None:
        """Count a request above a limit: `key`, `account`, `address`, `concurrency`, `backup`."""
        self._rate_limited.labels(limit).inc()

    def sign_in(self, method: str, result: str) -> None:
        """Count a verification of credentials: `accepted`, `rejected` or `limited`."""
        self._sign_ins.labels(method, result).inc()

    def value_assigned(self, *, reused: bool) -> None:
        """Count a response with a value."""
        (self._reused_values if reused else self._new_values).inc()

    def version_assigned(self, bump: str | None, *, is_final: bool, reused: bool) -> None:
        """Count a response with a version."""
        channel = "final" if is_final else "prerelease"
        self._versions(bump or "adopted", channel, "reused" if reused else "new").inc()

    def call_ended(self, operation: str, seconds: float, error: BaseException | None) -> None:
        self._operations(operation).observe(seconds)
        if isinstance(error, StoreUnavailable | StorageFull):
            self._store_errors.labels(error.code).inc()
        elif error is not None and not isinstance(error, MonotronError):
            self._store_errors.labels("internal_error").inc()

    def batch_ended(
        self, operation: str, size: int, seconds: float, error: BaseException | None
    ) -> None:
        self._batch_sizes.observe(size)
        self.call_ended(operation, seconds, error)

    def update_process(self, *, in_flight: int, waiting: int, draining: bool) -> None:
        """Set the values of this process that are not counted while requests are served."""
        self._in_flight.set(in_flight)
        self._waiting.set(waiting)
        self._draining.set(draining)

    def update_store(self, *, is_up: bool) -> None:
        """Set whether the store accepts writes."""
        self._store_up.set(is_up)

    def update_size(self, size: StoreSize) -> None:
        """Set the space that the store uses, and the space that is left."""
        for file, number in size.bytes.items():
            self._store_bytes.labels(file).set(number)
        if size.available is not None:
            self._disk_available().set(size.available)

    def update_maintenance(self, task: str, finished_at: int, findings: int | None) -> None:
        """Set when a task of maintenance has succeeded, in seconds since the epoch."""
        self._last_success[task].set(finished_at)
        if findings is not None:
            self._findings.set(findings)

    def update_issuers(self, key_sets: Iterable["JwksCache"]) -> None:
        """Set the numbers of fetches, and the age of each issuer's keys."""
        fetches: PyCounter[str] = PyCounter()
        for keys in key_sets:
            fetches += keys.fetches
            self._jwks_age.labels(keys.issuer).set(keys.age_seconds)
        for result, number in (fetches - self._fetches).items():
            self._jwks_fetches.labels(result).inc(number)
        self._fetches = fetches
