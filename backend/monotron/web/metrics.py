"""`/metrics` on the address of the API, and on the separate address of the setting."""

import asyncio
from contextlib import suppress

from monotron.errors import MonotronError, StoreUnavailable
from monotron.web.handler import Handler
from monotron.web.lifecycle import PROBE_SECONDS
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query
from monotron.web.services import Services

UPDATE_SECONDS = 5.0
"""How often each of several processes updates what the others export."""


class MetricsHandler(Handler):
    """`/metrics`: the metrics of all processes of this server, for Prometheus."""

    served_while_draining = True
    is_probe = True

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
    """`/metrics` on an address of its own, which needs no credentials.

    Another host may scrape an open server there: the address serves no data of users.
    """

    served_to_every_host = True

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        await self.reply_metrics()


async def _update_store(services: Services) -> None:
    """Set the metrics of the store, which all processes share.

    If the store does not respond in time, the last values remain, because a scrape that fails
    would lose all other metrics.
    """
    metrics = services.metrics.store
    problem = await services.store_probe.problem(PROBE_SECONDS)
    metrics.update_up(problem is None)
    if isinstance(problem, StoreUnavailable):  # a full disk can be read
        return
    with suppress(TimeoutError, MonotronError):
        async with asyncio.timeout(PROBE_SECONDS):
            upkeep = await services.state.upkeep()
        metrics.update_size(upkeep.size)
        for task, result in (("audit", upkeep.last_audit), ("backup", upkeep.last_backup)):
            result = result or {"finished_at": 0}
            metrics.update_maintenance(task, result["finished_at"], result.get("findings"))


def update(services: Services) -> None:
    """Set the metrics of this process that are not counted while requests are served."""
    services.metrics.update_process(
        in_flight=services.lifecycle.in_flight,
        waiting=services.series.waiting + services.versions.waiting,
        draining=services.lifecycle.is_leaving,
    )
    services.metrics.update_issuers(services.key_sets)
    services.metrics.store.update_retries(services.series.retries())


async def update_forever(services: Services) -> None:
    """Update the metrics of this process, because another process may export them.

    Also take samples of the traffic of all processes, for the page `/status`.
    """
    while True:
        update(services)
        if services.metrics.has_files:  # reading them takes long
            await asyncio.to_thread(services.metrics.traffic.sample)
        else:
            services.metrics.traffic.sample()
        await asyncio.sleep(UPDATE_SECONDS)


ROUTES = [("/metrics", MetricsHandler)]
