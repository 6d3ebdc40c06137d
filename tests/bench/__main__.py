"""`make bench`: what a request costs, as ratios taken in one run on one machine.

The yardstick is a constant Tornado `RequestHandler`. Each figure is the median of several rounds,
and each round measures what is compared one after the other, so that a machine that grows slow
grows slow for all. No test asserts any of it.

sqlite        every shape of request on an SQLite file
mongodb       the same on three nodes and one, and with two processes
peers         Redis, etcd, PostgreSQL and plain MongoDB updates, beside the service
action        a step of a workflow, against bare imports
tools         the same step against tools that read git's history
credentials   with a key, with an identity token
memory        after many requests
growth        stores that are full, against empty ones
profile       py-spy's top ten of the server under load; only if it is named
"""

import argparse
import shlex
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from bench.measuring import Bench
from bench.processes import Yardstick, disk_folder

PARTS = ("sqlite", "mongodb", "peers", "action", "tools", "credentials", "memory", "growth")
ON_DEMAND = ("profile",)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--series", type=int, default=1_000_000, help="in a store that is full")
    parser.add_argument("--entries", type=int, default=10_000_000, help="in SQLite's full ledger")
    parser.add_argument("--puts", type=int, default=1_000_000, help="before memory is looked at")
    parser.add_argument("--releases", type=int, default=100_000, help="of a name that has many")
    parser.add_argument("--into", type=Path, help="a document with places for the parts' tables")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    if unknown := set(parts) - {*PARTS, *ON_DEMAND}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    with ExitStack() as stack:
        folder = stack.enter_context(disk_folder())
        bench = Bench(arguments, folder, stack.enter_context(Yardstick()).port)
        for part in parts:
            bench.table.begin(part)
            import_module(f"bench.parts.{part}").run(bench)
            if arguments.into:
                bench.table.write_into(arguments.into, command)
    bench.table.print()


if __name__ == "__main__":
    main()
