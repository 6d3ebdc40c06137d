"""The memory of a server after its start and after many requests."""

from bench.load import run_in_process
from bench.measuring import CONNECTIONS, HOT, Bench, load
from bench.processes import resident_mib
from bench.table import TableRow
from bench.targets import Target
from support.server import Server


def run(bench: Bench) -> None:
    puts = bench.arguments.puts
    with Server(f"sqlite:///{bench.folder}/memory.db") as server:
        load(server.port, HOT, 0.2)
        used = resident_mib(server.pid)
        bench.table.add(TableRow("SQLite: memory after start", used, "MiB resident", 70))
        target = Target("put", key="memory", series=100_000)
        run_in_process(server.port, CONNECTIONS, target, count=puts)
        label = f"SQLite: memory after {puts:,} PUTs over 100,000 series"
        bench.table.add(TableRow(label, resident_mib(server.pid), "MiB resident", 150))
