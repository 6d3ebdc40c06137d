"""PUT requests to a server with metrics, compared with one that counts nothing."""

from pathlib import Path

from bench import unmetered_server
from bench.load import Target
from bench.measuring import HOT, REPEAT, Bench, load
from support.server import Server

GOAL = 0.97
TARGETS = {
    "new tokens, one series": HOT,
    "a repeated token": REPEAT,
    "new versions of one name": Target("version"),
}
WARM_UP_SECONDS = 0.5


def run(bench: Bench) -> None:
    program = [str(Path(unmetered_server.__file__))]
    with (
        Server(f"sqlite:///{bench.folder}/unmetered.db", program=program) as unmetered,
        Server(f"sqlite:///{bench.folder}/metered.db") as metered,
    ):
        for name, target in TARGETS.items():
            for server in unmetered, metered:
                load(server.port, target, WARM_UP_SECONDS)
            measurements = bench.alternate(
                {
                    "without": bench.monotron(unmetered, target),
                    "with": bench.monotron(metered, target),
                }
            )
            label, unit = f"SQLite: {name}, with metrics", "of requests without metrics"
            bench.compare(measurements, "with", "without", label, unit, GOAL)
            label += ": processor time of the event loop"
            bench.compare(measurements, "with", "without", label, unit, None, "event_loop_us")
