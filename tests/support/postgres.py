"""A PostgreSQL server of the Debian package on a Unix socket, without a network."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from support.member import until

USER = "postgres"


def find(program: str) -> str:
    """The path of a program of PostgreSQL. Debian has those of the server outside of the PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parts[-2])
    )
    path = os.pathsep.join([*map(str, reversed(folders)), os.environ["PATH"]])
    found = shutil.which(program, path=path)
    if found is None:
        raise RuntimeError(f"{program} is missing. Install the Debian package postgresql.")
    return found


class Postgres:
    """A server with an empty database `monotron` in a folder of its own, which it removes."""

    def __enter__(self) -> Self:
        # Root must not run it, and other users cannot enter the folders of pytest.
        self.folder = Path(tempfile.mkdtemp(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_user = {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}
            shutil.chown(self.folder, USER)
        data = self.folder / "data"
        options = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [find("initdb"), *options, data], check=True, capture_output=True, cwd="/", **as_user
        )
        settings = ("listen_addresses=", "fsync=off", "shared_buffers=1MB")
        self._process = subprocess.Popen(
            [find("postgres"), "-D", data, "-k", self.folder, *(f"-c{each}" for each in settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **as_user,
        )
        try:
            ready = [find("pg_isready"), "-q"]
            until(
                lambda: subprocess.run(ready, env=self.environment, check=False).returncode == 0,
                30,
                "a response from PostgreSQL",
            )
            self.run("CREATE DATABASE monotron", "postgres")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)  # a fast shutdown
        self._process.wait(30)
        shutil.rmtree(self.folder)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which clients find the server."""
        return {**os.environ, "PGHOST": str(self.folder), "PGUSER": USER}

    def run(self, statements: str, database: str = "monotron") -> str:
        """The output of statements. Raises CalledProcessError if one fails."""
        command = [find("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statements, database]
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True
        ).stdout
