"""The backup of the embedded store: one at a time, and outside the event loop."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from monotron.errors import TooManyRequests
from monotron.web.handler import Handler
from monotron.web.permissions import requires
from monotron.web.query import Query

log = logging.getLogger("monotron")

CHUNK_BYTES = 1 << 18

RETRY_SECONDS = 60
"""When to retry a backup that was rejected because another one is running."""


class BackupHandler(Handler):
    """`/v1/system/backup`: a consistent copy of the embedded store, as one SQLite file."""

    @requires("write:system")
    async def post(self) -> None:
        Query.parse(self.request.query)
        backups = self.services.backups
        if backups.lock.locked():
            raise TooManyRequests(
                "Another backup is running, and only one may run at a time. Retry when it is "
                "finished.",
                retry_after=RETRY_SECONDS,
                limit="backup",
            )
        async with backups.lock, _temporary_folder() as folder:
            copy = folder / "monotron.db"
            await self.services.series.backup(copy)
            await self.services.maintenance.finished("backup")
            with suppress(StreamClosedError):  # the client has disconnected
                await self._send(copy, backups.max_seconds)

    async def _send(self, copy: Path, max_seconds: float) -> None:
        """Send the file. Disconnect the client if this takes too long.

        The last part is written, but not sent: a client that received the complete response can
        start the next backup immediately.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max_seconds
        self.set_header("Content-Type", "application/vnd.sqlite3")
        self.set_header("Content-Length", str(copy.stat().st_size))
        await self.flush()
        with open_copy(copy) as file:
            chunk = await asyncio.to_thread(file.read, CHUNK_BYTES)
            while chunk:
                if loop.time() >= deadline:
                    log.error(
                        "the backup of request %s was stopped: its client did not receive it "
                        "within %g s",
                        self.request_id,
                        max_seconds,
                    )
                    cast(HTTP1Connection, self.request.connection).close()
                    return
                self.write(chunk)
                chunk = await asyncio.to_thread(file.read, CHUNK_BYTES)
                if chunk:
                    await self.flush()


def open_copy(path: Path) -> BinaryIO:
    """Open the copy. Tests replace this function."""
    return path.open("rb")


@asynccontextmanager
async def _temporary_folder() -> AsyncIterator[Path]:
    """A folder that only the server can read. Deleting a large file takes time: on a thread."""
    folder = Path(tempfile.mkdtemp(prefix="monotron-backup-"))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
