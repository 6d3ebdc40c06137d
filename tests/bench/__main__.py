"""`make bench`: the cost of a request, as ratios measured in one run on one machine.

The baseline is a constant Tornado `RequestHandler`. Each figure is the median of several rounds.
Each round measures compared values one after the other, so that a machine that becomes slower
affects all of them. No test asserts a figure.

sqlite        all kinds of requests to an SQLite file
mongodb       all kinds of requests to three nodes and one node, and with two processes
servers       two servers on MongoDB behind nginx, in turn and by name, and the kill of one
peers         Redis, etcd, PostgreSQL and plain MongoDB updates, compared with the service
action        a step of a workflow, compared with the imports that it needs
cli           the help of the command, compared with the imports that it needs
tools         a step of a workflow, compared with tools that read the git history
credentials   requests with an API key, with an identity token
metrics       requests to a server with metrics, compared with one without
parser        commit messages that were written to be slow to read
shares        requests beside the load of another account, or of a stranger
memory        memory after many requests
export        exports and imports of a million entries
names         versions in stores with many names and releases, compared with few
pages         web pages of a large store, and requests beside browsers
growth        full stores, compared with empty ones
costs         bytes, commands and keyless sign-ins of an assignment
links         a replica set whose members are 1, 10 and 100 ms apart
profile       py-spy's top ten functions of the server under load; runs only if it is named
"""

import argparse
import shlex
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from bench.measuring import Bench
from bench.processes import ConstantServer, disk_folder

PARTS = (
    "sqlite",
    "mongodb",
    "servers",
    "peers",
    "action",
    "cli",
    "tools",
    "credentials",
    "metrics",
    "parser",
    "shares",
    "memory",
    "export",
    "names",
    "pages",
    "growth",
    "costs",
    "links",
)
ON_DEMAND = ("profile",)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    for option, default, effect in (
        ("--rounds", 5, "measure ROUNDS times"),
        ("--seconds", 4.0, "measure for SECONDS in each round"),
        ("--series", 1_000_000, "create SERIES series in a full store"),
        ("--entries", 10_000_000, "create ENTRIES entries in a full SQLite store"),
        ("--exported", 1_000_000, "export and import EXPORTED entries"),
        ("--puts", 1_000_000, "send PUTS requests before memory is measured"),
        ("--releases", 100_000, "create RELEASES releases of a name with many"),
        ("--names", 100_000, "create NAMES names in a store with many"),
    ):
        help_text = f"{effect} [default: {default}]"
        parser.add_argument(option, type=type(default), default=default, help=help_text)
    parser.add_argument("--into", type=Path, metavar="FILE", help="write the tables into FILE")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    if unknown := set(parts) - {*PARTS, *ON_DEMAND}:
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    with ExitStack() as stack:
        folder = stack.enter_context(disk_folder())
        bench = Bench(arguments, folder, stack.enter_context(ConstantServer()).port)
        for part in parts:
            bench.table.begin(part)
            import_module(f"bench.parts.{part}").run(bench)
            if arguments.into:
                bench.table.write_into(arguments.into, command)
    bench.table.print()


if __name__ == "__main__":
    main()
