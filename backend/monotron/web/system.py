"""The server itself: is it there, does it serve, and a copy of what it holds."""

import asyncio
import tempfile
from pathlib import Path

from monotron.errors import Draining, StoreUnavailable
from monotron.store.audit import Report
from monotron.web.handler import Handler
from monotron.web.permissions import NOTHING, requires

PROBE_SECONDS = 2.0


class SystemHandler(Handler):
    """What belongs to no account."""

    in_account = False


class VersionHandler(SystemHandler):
    """`/v1`: says which contract is spoken here."""

    @requires(NOTHING)
    async def get(self) -> None:
        self.parameters()
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("API v1\n")


class LiveHandler(SystemHandler):
    """`/livez`: the process runs. Nothing else is asked, so that nobody restarts it in vain."""

    admitted_while_draining = True

    @requires(NOTHING)
    async def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("live\n")


class ReadyHandler(SystemHandler):
    """`/readyz`: requests would be served now."""

    admitted_while_draining = True

    @requires(NOTHING)
    async def get(self) -> None:
        if self.application.draining or self.application.leaving:
            raise Draining("The server is shutting down. Send requests elsewhere.")
        try:
            await asyncio.wait_for(asyncio.shield(self.application.probe()), PROBE_SECONDS)
        except TimeoutError:
            raise StoreUnavailable(
                f"The store did not answer a probe within {PROBE_SECONDS:g} seconds."
            ) from None
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("ready\n")


class BackupHandler(SystemHandler):
    """`/v1/system/backup`: a consistent copy of the embedded store, as one SQLite file."""

    @requires("write:system")
    async def post(self) -> None:
        self.parameters()
        with tempfile.TemporaryDirectory(prefix="monotron-backup-") as folder:
            copy = Path(folder, "monotron.db")
            await self.series.backup(copy)
            self.set_header("Content-Type", "application/vnd.sqlite3")
            self.set_header("Content-Length", str(copy.stat().st_size))
            with copy.open("rb") as file:
                while chunk := file.read(1 << 18):
                    self.write(chunk)
                    await self.flush()


class AuditHandler(SystemHandler):
    """`/v1/system/audit`: the store's rows, held against one another while it serves."""

    gone = False
    """Whether whoever asked has hung up."""

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.gone = True

    @requires("read:system")
    async def get(self) -> None:
        self.parameters()
        report = Report()
        async with self.application.auditing:  # one at a time is enough
            async for slice in self.series.audit():
                report.add(slice)
                if self.gone:
                    return
                if self.application.draining:
                    raise Draining("The server is shutting down, and the audit ends with it.")
        self.reply_json(report.document())


ROUTES = [
    (r"/v1", VersionHandler),
    (r"/livez", LiveHandler),
    (r"/readyz", ReadyHandler),
    (r"/v1/system/backup", BackupHandler),
    (r"/v1/system/audit", AuditHandler),
]
