"""The server: API version, probes, audit, events; the backup is in `monotron.web.backup`."""

from typing import Any

from monotron import __version__
from monotron.errors import Draining
from monotron.model.timestamps import rfc3339
from monotron.store.audit import Report
from monotron.web.access import Access
from monotron.web.backup import BackupHandler
from monotron.web.formats import Format
from monotron.web.handler import Handler
from monotron.web.lifecycle import PROBE_SECONDS
from monotron.web.permissions import NOTHING, ROOT_KEY, requires
from monotron.web.query import IdPageQuery, Query
from monotron.web.routes import DataRoute

DOCUMENTATION_URL = f"https://github.com/monotron/monotron/tree/v{__version__}/docs"


class RootHandler(Handler):
    """`/` for clients other than browsers: what this server is."""

    route_class = DataRoute

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.set_header("Vary", "Accept")
        self.reply_json(
            {
                "name": "monotron",
                "version": __version__,
                "api": "/v1",
                "docs": DOCUMENTATION_URL,
            }
        )


class ApiVersionHandler(Handler):
    """`/v1`: the version of the API."""

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.reply("API v1\n", Format.TEXT)


class LiveHandler(Handler):
    """`/livez`: the process runs. Checks nothing else: a restart would not help."""

    served_while_draining = True
    is_probe = True

    @requires(NOTHING)
    async def get(self) -> None:
        self.reply("live\n", Format.TEXT)


class ReadyHandler(Handler):
    """`/readyz`: the server would accept a request now."""

    served_while_draining = True
    is_probe = True

    @requires(NOTHING)
    async def get(self) -> None:
        if self.services.lifecycle.is_leaving:
            raise Draining("The server is shutting down. Send requests to another server.")
        problem = await self.services.store_probe.problem(PROBE_SECONDS)
        if problem is not None:
            raise problem
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
        document = report.document()
        await self.services.maintenance.finished("audit", findings=report.total)
        self.reply_json(document)


class EventsHandler(Handler):
    """`/v1/system/events`: who created or deleted accounts, API keys and trust policies."""

    @requires(ROOT_KEY)
    async def get(self) -> None:
        query = IdPageQuery.parse(self.request.query)
        events, next_after = await self.services.events.page(max(0, query.after or 0), query.limit)
        self.reply_json({"events": events, "next": None if next_after is None else str(next_after)})


class InfoHandler(Handler):
    """`/v1/system/info`: the version for everyone, and the state of the server with a scope."""

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        if not await self._may_see_everything():
            self.reply_json({"version": __version__})
            return
        lifecycle, state = self.services.lifecycle, await self.services.state.state()
        upkeep = state.upkeep
        self.reply_json(
            {
                "version": __version__,
                "store": state.store,
                "started_at": rfc3339(lifecycle.started_at),
                "ready": not lifecycle.is_leaving,
                "names": state.contents.names,
                "series": state.contents.series,
                "bytes": upkeep.size.bytes,
                "last_audit": _finished(upkeep.last_audit),
                "last_backup": _finished(upkeep.last_backup),
            }
        )

    async def _may_see_everything(self) -> bool:
        """Whether the request has credentials with the scope.

        Raises Unauthenticated or TooManyRequests.
        """
        control = self.services.access_control
        if "Authorization" not in self.request.headers and not control.is_open:
            return False
        access = control.authenticate(self.request, None)
        if not isinstance(access, Access):
            access = await access
        self.principal, self.account = access.principal, access.account
        waiting = control.admit(access.principal)
        if waiting is not None:
            await waiting
        self._admitted = access
        return "read:system" in self.principal.scopes and not self.principal.is_disabled


def _finished(result: dict[str, Any] | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {**result, "finished_at": rfc3339(result["finished_at"])}


ROUTES = [
    ("/v1/system/info", InfoHandler),
    ("/", RootHandler),
    ("/v1", ApiVersionHandler),
    ("/livez", LiveHandler),
    ("/readyz", ReadyHandler),
    ("/v1/system/backup", BackupHandler),
    ("/v1/system/audit", AuditHandler),
    ("/v1/system/events", EventsHandler),
]
