"""`/metrics` on the address of the API, and on the separate address of the setting."""

import asyncio

from monotron.errors import StorageFull, StoreUnavailable
from monotron.services.maintenance import TASKS
from monotron.web.handler import Handler
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query
from monotron.web.services import Services
from monotron.web.system import PROBE_SECONDS

UPDATE_SECONDS = 5.0
"""How often each of several processes updates what the others export."""


class MetricsHandler(Handler):
    """`/metrics`: the metrics of all processes of this server, for Prometheus."""

    served_while_draining = True

    @requires("read:system")
    async def get(self) -> None:
        Query.parse(self.request.query)
        await self.reply_metrics()

    async def reply_metrics(self) -> None:
        """Write the current values."""
        metrics = self.services.metrics
        update(self.services)
        await _update_store(self.services)
        self.set_header("Content-Type", metrics.content_type)
        self.write(await asyncio.to_thread(metrics.export))


class OpenMetricsHandler(MetricsHandler):
    """`/metrics` on an address of its own, which needs no credentials."""

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        await self.reply_metrics()


async def _update_store(services: Services) -> None:
    """Set the metrics of the store, which all processes share."""
    metrics = services.metrics
    try:
        await services.store_probe.check(PROBE_SECONDS)
        contents = await services.series.contents()
        for task in TASKS:
            result = await services.maintenance.last(task)
            if result is not None:
                metrics.update_maintenance(task, result["finished_at"], result.get("findings"))
    except (TimeoutError, StoreUnavailable, StorageFull):
        metrics.update_store(is_up=False, sizes={})
    else:
        metrics.update_store(is_up=True, sizes=contents.bytes)


def update(services: Services) -> None:
    """Set the metrics of this process that are not counted while requests are served."""
    services.metrics.update_process(
        in_flight=services.lifecycle.in_flight,
        waiting=services.series.waiting + services.versions.waiting,
        draining=services.lifecycle.draining or services.lifecycle.leaving,
    )
    services.metrics.update_issuers(services.key_sets)


async def update_forever(services: Services) -> None:
    """Update the metrics of this process, because another process may export them."""
    while True:
        update(services)
        await asyncio.sleep(UPDATE_SECONDS)


ROUTES = [("/metrics", MetricsHandler)]
