"""A Monotron server in a thread of the test, which starts in a tenth of the time of a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future

from monotron.config import Settings
from monotron.server import running
from support.http import Client
from support.stoppable import Stoppable


class ServerThread(Stoppable):
    """Serves a store with these settings; it is listening when the constructor returns.

    For tests that need a server of their own, but neither its process nor its output.
    """

    def __init__(
        self, store: str, *, env: Mapping[str, str] | None = None, **settings: str
    ) -> None:
        """*settings* are texts by name, as after flags; *env* is the whole environment.

        Raises StartupError if the store or a setting cannot be used.
        """
        flags = {"store": store, "listen": "127.0.0.1:0", **settings}
        self._settings = Settings.load(flags, env or {})
        self._started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.url, self._loop, self._stop = self._started.result()

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def thread(self) -> threading.Thread:
        """The thread of its event loop."""
        return self._thread

    def client(self, authorization: str | None = None) -> Client:
        """An HTTP client of this server with these credentials."""
        return Client(self.url, authorization=authorization)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        stop = asyncio.Event()
        async with running(self._settings) as url:
            self._started.set_result((url, asyncio.get_running_loop(), stop))
            await stop.wait()
