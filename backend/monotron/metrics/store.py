"""The metrics of a store and of its maintenance."""

from collections import Counter
from functools import lru_cache

from monotron.errors import InternalError, MonotronError, StorageFull, StoreUnavailable
from monotron.metrics.registry import SECONDS, Registry, start_at_zero
from monotron.services.observer import StoreObserver
from monotron.store.contents import StoreSize
from monotron.store.retries import RETRY_REASONS

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

ERRORS = (StoreUnavailable.code, StorageFull.code, InternalError.code)
"""Why a call of the store fails."""


class StoreMetrics(StoreObserver):
    """Counts the calls of a store. The gauges are set before they are exported."""

    def __init__(self, registry: Registry) -> None:
        self._up = registry.gauge(
            "store_up", "Whether the store accepts writes.", multiprocess_mode="mostrecent"
        )
        operations = registry.histogram(
            "store_operation_duration_seconds",
            "Time of a call of the store.",
            ["operation"],
            buckets=SECONDS,
        )
        self._operations = lru_cache(maxsize=None)(operations.labels)
        self._errors = registry.counter(
            "store_errors_total", "Failed calls of the store.", ["reason"]
        )
        start_at_zero(self._errors, *((code,) for code in ERRORS))
        self._retries = registry.counter(
            "store_retries_total", "Calls of MongoDB that were repeated.", ["reason"]
        )
        start_at_zero(self._retries, *((reason,) for reason in RETRY_REASONS))
        self._known_retries: Counter[str] = Counter()
        self._batch_sizes = registry.histogram(
            "store_batch_size", "Requests in one call of the store.", buckets=BATCH_SIZES
        )
        self._bytes = registry.gauge(
            "store_bytes", "Size of the store.", ["file"], multiprocess_mode="mostrecent"
        )
        # What is unknown, or does not exist, is not exported as 0.
        self._disk_available = registry.late_gauge(
            "store_disk_available_bytes", "Free space of the disk of the store."
        )
        self._last_success = {
            task: registry.late_gauge(
                f"{task}_last_success_timestamp_seconds",
                f"When the last {task} succeeded. 0: never.",
            )
            for task in ("audit", "backup")
        }
        self._findings = registry.late_gauge("audit_findings", "Findings of the last audit.")

    def call_ended(self, operation: str, seconds: float, error: BaseException | None) -> None:
        self._operations(operation).observe(seconds)
        if isinstance(error, StoreUnavailable | StorageFull | InternalError):
            self._errors.labels(error.code).inc()
        elif error is not None and not isinstance(error, MonotronError):
            self._errors.labels(InternalError.code).inc()

    def batch_ended(
        self, operation: str, size: int, seconds: float, error: BaseException | None
    ) -> None:
        self._batch_sizes.observe(size)
        self.call_ended(operation, seconds, error)

    def update_up(self, is_up: bool) -> None:
        """Set whether the store accepts writes."""
        self._up.set(is_up)

    def update_size(self, size: StoreSize) -> None:
        """Set the space that the store uses, and the space that is left."""
        for file, number in size.bytes.items():
            self._bytes.labels(file).set(number)
        if size.available is not None:
            self._disk_available().set(size.available)

    def update_maintenance(self, task: str, finished_at: int, findings: int | None) -> None:
        """Set when a task of maintenance has succeeded, in seconds since the epoch; 0: never."""
        self._last_success[task]().set(finished_at)
        if findings is not None:
            self._findings().set(findings)

    def update_retries(self, retries: Counter[str]) -> None:
        """Add the retries since the last call. *retries* are those since the start of the process,
        by reason."""
        for reason, number in (retries - self._known_retries).items():
            self._retries.labels(reason).inc(number)
        self._known_retries = retries
