"""The server itself: is it there, does it serve, and a copy of what it holds."""

import asyncio
import tempfile
from pathlib import Path

from monotron.errors import Draining, InvalidHost, StoreUnavailable
from monotron.web.base import Handler, is_loopback_host

PROBE_SECONDS = 2.0


class VersionHandler(Handler):
    """`/v1`: says which contract is spoken here."""

    async def get(self) -> None:
        self.parameters()
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("API v1\n")


class LiveHandler(Handler):
    """`/livez`: the process runs. Nothing else is asked, so that nobody restarts it in vain."""

    admitted_while_draining = True

    async def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("live\n")


class ReadyHandler(Handler):
    """`/readyz`: requests would be served now."""

    admitted_while_draining = True

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


class BackupHandler(Handler):
    """`/v1/system/backup`: a consistent copy of the embedded store, as one SQLite file."""

    async def post(self) -> None:
        self.parameters()
        origin = self.request.headers.get("Origin")
        if origin is not None and not is_loopback_host(origin.rpartition("/")[2]):
            # The one write that a browser sends for any page without asking first.
            raise InvalidHost(
                "A web page of another host sent this, and no page but one of this machine may "
                "start a copy, which holds up all that counts. Send it without a browser."
            )
        with tempfile.TemporaryDirectory(prefix="monotron-backup-") as folder:
            copy = Path(folder, "monotron.db")
            await self.series.backup(copy)
            self.set_header("Content-Type", "application/vnd.sqlite3")
            self.set_header("Content-Length", str(copy.stat().st_size))
            with copy.open("rb") as file:
                while chunk := file.read(1 << 18):
                    self.write(chunk)
                    await self.flush()


ROUTES = [
    (r"/v1", VersionHandler),
    (r"/livez", LiveHandler),
    (r"/readyz", ReadyHandler),
    (r"/v1/system/backup", BackupHandler),
]
