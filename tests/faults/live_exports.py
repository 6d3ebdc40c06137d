"""Exports and audits of a store that servers use, compared with the history of their callers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

from faults.aftermath import Ledgers
from faults.callers import TIMEOUT_SECONDS, Callers, CallerThread, Connect
from faults.history import History
from faults.tier import WHOLE
from monotron.store.export_format import ExportReader
from simulation.version_history import VersionHistory
from support.server import ROOT_ENV

NO_RESPONSE = 4
"""The exit code if a server does not respond."""

UNAVAILABLE = ("store_unavailable", "cannot reach MongoDB")
"""The errors if the store does not respond."""

Values = set[tuple[str, str, int]]
"""The key, token and value of entries."""

Versions = dict[tuple[str, str], str | None]
"""The token of each name and version."""


class Exports:
    """The exports of one store. Each contains what was answered before it, and the one before."""

    def __init__(
        self, keys: Sequence[str], history: History, versions: Mapping[str, VersionHistory]
    ) -> None:
        """*keys*: the series that are compared, with this *history*. *versions*: by name."""
        self._keys = keys
        self._history = history
        self._histories = versions
        self.number = 0
        self.values: Values = set()
        self.versions: Versions = {}

    def add(self, file: Path, began: float) -> None:
        """Compare the export that *began* at this time on the clock of the histories."""
        values, versions = read(file, self._keys)
        answered = {
            (put.key, put.token, put.value)
            for put in list(self._history.puts)
            if put.value is not None and put.returned < began
        }
        assert answered - values == set(), "an export lacks values"
        assert self.values - values == set(), "an export lacks values of the export before"
        assigned = {
            ((name, call.result.release.version_text), call.result.release.token)
            for name, history in self._histories.items()
            for call in list(history.calls)
            if call.result is not None and call.returned < began
        }
        assert assigned - versions.items() == set(), "an export lacks versions"
        assert self.versions.items() - versions.items() == set(), (
            "an export lacks versions of the export before"
        )
        self.values, self.versions = values, versions
        self.number += 1

    def check(self, ledgers: Ledgers, versions: Versions) -> None:
        """Check that the last export equals the *ledgers* and *versions* that servers return."""
        assert self.values == {(key, *row) for key, rows in ledgers.items() for row in rows}
        assert self.versions == versions


class Maintainer(CallerThread):
    """Exports and audits a store again and again, beside its servers; in `make test`, once each.

    A command that fails because of a fault is repeated later.
    """

    def __init__(
        self,
        store: str,
        url: str,
        connect: Connect,
        stop: threading.Event,
        pause: float,
        folder: Path,
        exports: Exports,
    ) -> None:
        """*pause*: seconds between an audit by the server at *url* and the next export."""
        self._client = connect(url, TIMEOUT_SECONDS)
        super().__init__("maintainer", [self._client], stop)
        self._store = store
        self._url = url
        self._pause = pause
        self._folder = folder
        self.exports = exports
        self.audits = 0

    @property
    def acknowledged(self) -> int:
        return min(self.exports.number, self.audits)

    def work(self) -> None:
        while not self._stopped.wait(self._pause):
            self.interrupted += not self.export()
            self.interrupted += not self._audit()
            if not WHOLE and self.acknowledged:
                return

    def export(self) -> bool:
        """Export the store, and compare. Return whether the store was available."""
        began = time.monotonic()
        store, file = self._store, self._folder / "export.ndjson"
        if store.startswith("sqlite:"):  # the server has locked the file
            backup = self._folder / "backup.db"
            backup.unlink(missing_ok=True)
            if not run("backup", str(backup), "--url", self._url):
                return False
            store = f"sqlite:///{backup}"
        if not run("export", "--online", "--store", store, output=file):
            return False
        self.exports.add(file, began)
        return True

    def _audit(self) -> bool:
        """Audit the store. Return whether it was available."""
        try:
            response = self._client.request("GET", "/v1/system/audit")
        except (OSError, HTTPException):
            return False
        if response.status == 503:
            return False
        assert response.json()["findings"] == [], response
        self.audits += 1
        return True


class Maintenance(Callers[Maintainer]):
    """A maintainer that runs until `end`."""

    def __init__(
        self,
        store: str,
        url: str,
        *,
        connect: Connect,
        pause: float,
        folder: Path,
        exports: Exports,
    ) -> None:
        """The parameters are those of `Maintainer`."""
        stop = threading.Event()
        self.maintainer = Maintainer(store, url, connect, stop, pause, folder, exports)
        super().__init__([self.maintainer], stop)

    def wait_for_first(self) -> None:
        """Return after the first export and the first audit."""
        if not self.acknowledged:
            self.wait_for_answers(1)


def read(file: Path, keys: Sequence[str]) -> tuple[Values, Versions]:
    """The entries of these series, and all versions, in a valid export."""
    values: Values = set()
    versions: Versions = {}
    with file.open("rb") as source:
        for row, parent in ExportReader(source).rows():
            if row["kind"] == "entry" and parent["key"] in keys:
                values.add((parent["key"], row["token"], row["value"]))
            elif row["kind"] == "release":
                versions[parent["name"], row["version"]] = row["token"]
    return values, versions


def run(*arguments: str, output: Path | None = None) -> bool:
    """Run a command of Monotron with the root key. Return whether the store was available."""
    environment = os.environ | {"MONOTRON_API_KEY": ":".join(ROOT_ENV.values())}
    command = [sys.executable, "-m", "monotron", *arguments]
    with (output or Path(os.devnull)).open("wb") as stdout:
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, env=environment, check=False
        )
    error = done.stderr.decode()
    is_unavailable = any(each in error for each in UNAVAILABLE)
    assert done.returncode in (0, NO_RESPONSE) or is_unavailable, error
    return done.returncode == 0
