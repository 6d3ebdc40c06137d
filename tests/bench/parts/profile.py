"""A py-spy profile of the servers under load: the time of functions on the event loop."""

import subprocess
from collections import Counter
from pathlib import Path

from bench import pypi_tools
from bench.load import Target, run_in_process
from bench.measuring import CONNECTIONS, HOT, Bench
from bench.parts.shapes import warm_up
from bench.processes import replica_set
from support.server import Server

SAMPLES_PER_SECOND = 200
EVENT_LOOP_FRAME = ".run_forever "
TOP = 10


def run(bench: Bench) -> None:
    blocks = []
    with Server(f"sqlite:///{bench.folder}/profile.db") as server:
        blocks.append(_profile(bench, "SQLite", server, HOT))
    with replica_set(bench.folder) as nodes, Server(nodes.url("profile")) as server:
        blocks.append(_profile(bench, "MongoDB", server, HOT))
    bench.table.set_text("\n\n".join(blocks))


def _profile(bench: Bench, store: str, server: Server, target: Target) -> str:
    warm_up(server)
    raw = bench.folder / f"{store}.raw"
    seconds = max(2, round(bench.rounds * bench.seconds))
    # fmt: off
    command = [
        pypi_tools.bin_folder() / "py-spy", "record", "-f", "raw", "-o", raw, "-p", str(server.pid),
        "-r", str(SAMPLES_PER_SECOND), "-d", str(seconds), "--function",
    ]
    # fmt: on
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        run_in_process(server.port, CONNECTIONS, target, seconds=seconds + 1)
        _, stderr = process.communicate()
    if process.returncode:
        raise RuntimeError(f"py-spy: {stderr.decode(errors='replace')}")
    return _table(f"{store}, new tokens on one series, {CONNECTIONS} connections", raw)


def _table(title: str, raw: Path) -> str:
    """Samples of the event loop by function: its own, and those including its callees."""
    own: Counter[str] = Counter()
    with_callees: Counter[str] = Counter()
    all_threads = 0
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        all_threads += int(count)
        if EVENT_LOOP_FRAME in stack:
            own[frames[-1]] += int(count)
            with_callees.update({frame: int(count) for frame in set(frames)})
    total = sum(own.values())
    lines = [
        f"{title}: {total:,} samples of the event loop, {all_threads:,} of all threads.",
        "",
        "| function | own | with what it calls |",
        "| --- | --- | --- |",
    ]
    for frame, count in own.most_common(TOP):
        lines.append(f"| `{frame}` | {count / total:.1%} | {with_callees[frame] / total:.1%} |")
    return "\n".join(lines)
