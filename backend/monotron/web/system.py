"""The server: API version, probes, audit, events; the backup is in `monotron.web.backup`."""

from monotron.errors import Draining, StoreUnavailable
from monotron.store.audit import Report
from monotron.web.backup import BackupHandler
from monotron.web.formats import Format
from monotron.web.handler import Handler
from monotron.web.permissions import NOTHING, ROOT_KEY, requires
from monotron.web.query import IdPageQuery, Query

PROBE_SECONDS = 2.0
"""The time limit of the store for a probe."""


class ApiVersionHandler(Handler):
    """`/v1`: the version of the API."""

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.reply("API v1\n", Format.TEXT)


class LiveHandler(Handler):
    """`/livez`: the process runs. Checks nothing else: a restart would not help."""

    served_while_draining = True

    @requires(NOTHING)
    async def get(self) -> None:
        self.reply("live\n", Format.TEXT)


class ReadyHandler(Handler):
    """`/readyz`: the server would accept a request now."""

    served_while_draining = True

    @requires(NOTHING)
    async def get(self) -> None:
        if self.services.lifecycle.draining or self.services.lifecycle.leaving:
            raise Draining("The server is shutting down. Send requests to another server.")
        try:
            await self.services.store_probe.check(PROBE_SECONDS)
        except TimeoutError:
            raise StoreUnavailable(
                f"The store did not respond within {PROBE_SECONDS:g} s. Retry later."
            ) from None
        self.reply("ready\n", Format.TEXT)


class AuditHandler(Handler):
    """`/v1/system/audit`: the consistency checks of the store."""

    client_disconnected = False

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.client_disconnected = True

    @requires("read:system")
    async def get(self) -> None:
        Query.parse(self.request.query)
        report = Report()
        async with self.services.audit_lock:
            async for audit_slice in self.services.series.audit():
                report.add(audit_slice)
                if self.client_disconnected:
                    return
                if self.services.lifecycle.draining:
                    raise Draining("The audit was stopped: the server is shutting down. Repeat it.")
        self.reply_json(report.document())


class EventsHandler(Handler):
    """`/v1/system/events`: who created or deleted accounts, API keys and trust policies."""

    @requires(ROOT_KEY)
    async def get(self) -> None:
        query = IdPageQuery.parse(self.request.query)
        events, next_after = await self.services.events.page(max(0, query.after or 0), query.limit)
        self.reply_json({"events": events, "next": None if next_after is None else str(next_after)})


ROUTES = [
    ("/v1", ApiVersionHandler),
    ("/livez", LiveHandler),
    ("/readyz", ReadyHandler),
    ("/v1/system/backup", BackupHandler),
    ("/v1/system/audit", AuditHandler),
    ("/v1/system/events", EventsHandler),
]
