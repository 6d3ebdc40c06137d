"""The state of a store, for `/v1/system/info`, the page `/status`, and the metrics."""

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from monotron.errors import MonotronError, StoreUnavailable
from monotron.services.maintenance import MaintenanceRecords
from monotron.services.series import SeriesService
from monotron.store.contents import StoreContents, StoreSize
from monotron.web.lifecycle import PROBE_SECONDS, StoreProbe

if TYPE_CHECKING:  # needs an environment variable
    from monotron.metrics.traffic import Traffic, TrafficHistory

STATUS_SECONDS = 1.0
"""The maximum age of the status that the page shows."""


class Upkeep(NamedTuple):
    """The space that a store uses, and when it was audited and backed up: what metrics show."""

    size: StoreSize
    last_audit: dict[str, Any] | None
    last_backup: dict[str, Any] | None


class StoreState(NamedTuple):
    """The whole state of a store."""

    store: str
    """Where the store keeps its data, without secrets."""
    contents: StoreContents
    upkeep: Upkeep


class Status(NamedTuple):
    """The state of the store, and the requests to all processes."""

    problem: MonotronError | None
    """Why the store accepts no writes."""
    state: StoreState | None
    """None if the store cannot be read."""
    traffic: "Traffic"


class StateReader:
    """Reads the state of a store. Its methods raise StoreUnavailable."""

    def __init__(
        self, store_name: str, series: SeriesService, maintenance: MaintenanceRecords
    ) -> None:
        self._store_name = store_name
        self._series = series
        self._maintenance = maintenance

    async def upkeep(self) -> Upkeep:
        """Read it, in a time that does not depend on the size of the store."""
        return Upkeep(
            await self._series.size(),
            await self._maintenance.last("audit"),
            await self._maintenance.last("backup"),
        )

    async def state(self) -> StoreState:
        """Read the whole state."""
        return StoreState(self._store_name, await self._series.contents(), await self.upkeep())

    async def status(self, probe: StoreProbe, traffic: "TrafficHistory") -> Status:
        """Check and read the store, and read the traffic."""
        problem = await probe.problem(PROBE_SECONDS)
        is_readable = not isinstance(problem, StoreUnavailable)  # a full disk can be read
        state = await self.state() if is_readable else None
        return Status(problem, state, await asyncio.to_thread(traffic.traffic))
