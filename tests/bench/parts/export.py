"""The time and memory of exports and imports on both engines, in processes of their own."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench import bulk
from bench.measuring import Bench
from bench.table import TableRow
from support.mongod import ReplicaSet

SERIES = 1000

MAX_SECONDS_PER_MILLION = 60
MAX_MIB = 150


class Usage(NamedTuple):
    """What a command used."""

    seconds: float
    mib: float


def run(bench: Bench) -> None:
    entries = bench.arguments.exported
    file = bench.folder / "export.ndjson"
    original = f"sqlite:///{bench.folder}/exported.db"
    bulk.in_process(original, SERIES, entries)
    with ReplicaSet.start(bench.folder, members=1) as replica_set:
        targets = {
            "SQLite": f"sqlite:///{bench.folder}/imported.db",
            "MongoDB": replica_set.url("imported"),
        }
        _measure(bench, "SQLite: export", ["export", "--store", original], file)
        for engine, url in targets.items():
            arguments = ["import", str(file), "--store", url]
            _measure(bench, f"{engine}: import", arguments, Path(os.devnull))
        copy = bench.folder / "copy.ndjson"
        _measure(bench, "MongoDB: export", ["export", "--store", targets["MongoDB"]], copy)


def _measure(bench: Bench, label: str, arguments: list[str], output: Path) -> None:
    with output.open("wb") as stream:
        began = time.monotonic()
        command = [sys.executable, "-m", "monotron", *arguments]
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    seconds = (time.monotonic() - began) * 1_000_000 / bench.arguments.exported
    row = TableRow(f"{label} of a million entries", seconds, "s", MAX_SECONDS_PER_MILLION)
    bench.table.add(row)
    bench.table.add(TableRow(f"{label}: memory", usage.ru_maxrss / 1024, "MiB resident", MAX_MIB))
