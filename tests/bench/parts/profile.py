"""py-spy's picture of the servers under load: where the event loop's time goes."""

import subprocess
from collections import Counter
from pathlib import Path

from bench import tools
from bench.load import Target, run_in_process
from bench.measuring import CONNECTIONS, HOT, Bench
from bench.parts.shapes import warm_up
from bench.processes import replica_set
from support.server import Server

SAMPLES_A_SECOND = 200
LOOP = ".run_forever "
TOP = 10


def run(bench: Bench) -> None:
    blocks = []
    with Server(f"sqlite:///{bench.folder}/profile.db") as server:
        blocks.append(_profile(bench, "SQLite", server, HOT))
    with replica_set(bench.folder) as nodes, Server(nodes.url("profile")) as server:
        blocks.append(_profile(bench, "MongoDB", server, HOT))
    bench.table.tell("\n\n".join(blocks))


def _profile(bench: Bench, store: str, server: Server, target: Target) -> str:
    warm_up(server)
    raw = bench.folder / f"{store}.raw"
    seconds = max(2, round(bench.rounds * bench.seconds))
    # fmt: off
    spy = [
        tools.folder() / "py-spy", "record", "-f", "raw", "-o", raw, "-p", str(server.pid),
        "-r", str(SAMPLES_A_SECOND), "-d", str(seconds), "--function",
    ]
    # fmt: on
    with subprocess.Popen(spy, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as spying:
        run_in_process(server.port, CONNECTIONS, target, seconds=seconds + 1)
        _, said = spying.communicate()
    if spying.returncode:
        raise RuntimeError(f"py-spy: {said.decode(errors='replace')}")
    return _table(f"{store}, new tokens on one series, {CONNECTIONS} connections", raw)


def _table(what: str, raw: Path) -> str:
    """Of the event loop's samples: those in a function itself, and those in what it calls, too."""
    own: Counter[str] = Counter()
    with_calls: Counter[str] = Counter()
    everywhere = 0
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        everywhere += int(count)
        if LOOP in stack:
            own[frames[-1]] += int(count)
            with_calls.update({frame: int(count) for frame in set(frames)})
    total = sum(own.values())
    lines = [
        f"{what}: {total:,} samples of the event loop, {everywhere:,} of all threads.",
        "",
        "| function | own | with what it calls |",
        "| --- | --- | --- |",
    ]
    for frame, count in own.most_common(TOP):
        lines.append(f"| `{frame}` | {count / total:.1%} | {with_calls[frame] / total:.1%} |")
    return "\n".join(lines)
