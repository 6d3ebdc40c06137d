"""The statements of the original system on PostgreSQL, with pgbench: a client in C, no HTTP."""

import subprocess
from pathlib import Path
from shutil import chown
from typing import Self

from bench.figures import Figures
from bench.peers.packages import as_user, ended_children_us, find, start, stop, version
from bench.processes import tree_us
from support.member import until

USER = "postgres"
SERIES = 10_000
SCHEMA = f"""\
CREATE TABLE series (account bigint, key text, value bigint NOT NULL, token text,
                     PRIMARY KEY (account, key));
CREATE TABLE history (account bigint, key text, value bigint, token text NOT NULL,
                      PRIMARY KEY (account, key, value));
INSERT INTO series SELECT 1, 'bench-' || number, 0, '' FROM generate_series(1, {SERIES}) number;
"""
STATEMENTS = """\
\\set number random(1, :series)
\\set token random(1, 9000000000000000000)
BEGIN;
SELECT value, token FROM series WHERE account = 1 AND key = 'bench-' || :number FOR UPDATE;
INSERT INTO series VALUES (1, 'bench-' || :number, 1, CAST(:token AS text))
    ON CONFLICT (account, key) DO UPDATE SET value = series.value + 1, token = excluded.token
    RETURNING value AS assigned \\gset
INSERT INTO history VALUES (1, 'bench-' || :number, :assigned, CAST(:token AS text));
COMMIT;
"""


class Postgres:
    """A server on a separate socket, with default settings."""

    def __init__(self, folder: Path) -> None:
        self.name = f"PostgreSQL {version('postgres', '--version').split()[2]}, pgbench, no HTTP"
        self._folder = folder / "postgres"
        self._folder.mkdir()
        self._user = as_user(USER)
        if self._user:
            chown(self._folder, USER)

    def __enter__(self) -> Self:
        data = self._folder / "data"
        self._run("initdb", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", data)
        options = ["-D", data, "-k", self._folder, "-c", "listen_addresses="]
        self._process = start("postgres", *options, log=self._folder.parent / "log", user=USER)
        ready = [find("psql"), *self._address, "-c", "SELECT 1"]
        until(
            lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0,
            20,
            "a response from PostgreSQL",
        )
        self._run("psql", *self._address, "-q", "-c", SCHEMA)
        (self._folder / "script").write_text(STATEMENTS)
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._process)

    @property
    def _address(self) -> list[object]:
        return ["-h", self._folder, "-U", USER]

    def measure(self, callers: int, series: int, seconds: float) -> Figures:
        for log in self._folder.glob("times.*"):
            log.unlink()
        # fmt: off
        options = [
            "-n", "-M", "prepared", "-f", self._folder / "script", "-D", f"series={series}",
            "-c", callers, "-j", min(callers, 2), "-T", max(1, round(seconds)),
            "-l", "--log-prefix", self._folder / "times",
        ]
        # fmt: on
        server, client = tree_us(self._process.pid), ended_children_us()
        output = self._run("pgbench", *self._address, *options)
        cpu = {
            "postgres": tree_us(self._process.pid) - server,
            "pgbench": ended_children_us() - client,
        }
        (rps,) = (float(line.split()[2]) for line in output.splitlines() if line[:3] == "tps")
        times = sorted(
            int(line.split()[2]) / 1000
            for log in self._folder.glob("times.*")
            for line in log.read_text().splitlines()
        )
        cpu_per_request = {name: used / len(times) for name, used in cpu.items()}
        return Figures(rps, times[len(times) // 2], times[len(times) * 99 // 100], cpu_per_request)

    def _run(self, program: str, *arguments: object) -> str:
        command = [find(program), *map(str, arguments)]
        completed = subprocess.run(
            command, capture_output=True, text=True, cwd=self._folder, **self._user, check=False
        )
        if completed.returncode:
            raise RuntimeError(f"{program}: {completed.stderr}")
        return completed.stdout
