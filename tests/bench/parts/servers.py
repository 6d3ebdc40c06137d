"""Two servers on one MongoDB behind nginx, which sends them requests in turn, or by name."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import trustme

from bench.figures import Figures
from bench.gaps import Interruption, interrupt
from bench.measuring import CONNECTIONS, HOT, Bench, load
from bench.parts.shapes import NAMES, WARM_UP_SECONDS
from bench.processes import cpu_us, pids, replica_set, tree_us
from bench.table import TableRow
from bench.targets import Target
from support.mongod import ReplicaSet
from support.nginx import Nginx
from support.nginx_site import HASH, NginxSite, address, first_servers
from support.server import Server

STORE = "MongoDB, 3 nodes"
ONE = "of one server behind nginx"
NAME = Target("version")
TARGETS = {
    "new versions of one name": NAME,
    "new tokens, one series": HOT,
    f"new versions of {NAMES:,} names": Target("version", NAMES),
    f"new tokens, {NAMES:,} series": Target("put", NAMES, key="spread"),
}
CPU_GOAL = 1.1
FULL = f"by name, {2 * CONNECTIONS} connections"
"""As many connections for each of two servers as for one."""
SHARE_OF_SECONDS = 0.4
"""There are many measurements, so each of them is shorter than those of other parts."""
MIN_SECONDS_AROUND_KILL = 1


@dataclass
class Setup:
    """One or two servers, and the nginx in front of them, if there is one."""

    bench: Bench
    nodes: ReplicaSet
    servers: list[Server]
    nginx: Nginx | None
    port: int

    def measure(self, target: Target, connections: int) -> Figures:
        """Requests per second, and the processor time of servers, nodes and nginx per request."""
        before = self._cpu()
        result = load(self.port, target, self.bench.seconds * SHARE_OF_SECONDS, connections)
        return Figures.of(result, before, self._cpu())

    def _cpu(self) -> dict[str, float]:
        used = {
            "servers": sum(sum(cpu_us(server.pid)) for server in self.servers),
            "mongod": sum(map(tree_us, pids(self.nodes))),
        }
        return used | ({"nginx": tree_us(self.nginx.pid)} if self.nginx else {})

    def kill_one(self) -> Interruption:
        """Kill the server that gets requests of a name, under load, and restart it."""
        assert self.nginx is not None
        path = "/v1/versions/bench-0"
        name_at = first_servers(self.nginx, f"http://127.0.0.1:{self.port}", [path])[path]
        (killed,) = [each for each in self.servers if address(each) == name_at]
        seconds = max(self.bench.seconds * SHARE_OF_SECONDS, MIN_SECONDS_AROUND_KILL)
        result = interrupt(self.port, NAME, seconds, CONNECTIONS, killed.kill)
        store = self.nodes.url("two")
        self.servers[self.servers.index(killed)] = Server(store, listen=name_at)
        return result


def run(bench: Bench) -> None:
    authority = trustme.CA()
    with ExitStack() as stack:
        nodes = stack.enter_context(replica_set(bench.folder))
        one = stack.enter_context(Server(nodes.url("one")))
        two: list[Server] = []
        stack.callback(lambda: [server.stop() for server in two])
        two += (Server(nodes.url("two")) for _ in range(2))

        def behind_nginx(servers: Sequence[Server], by_name: bool) -> Setup:
            site = NginxSite(authority, bench.folder, servers[0], servers[-1])
            if not by_name:
                site.replace(HASH, "")
            # By default, nginx closes a connection after 1,000 requests: an error for the load.
            site.replace(
                "client_max_body_size", "keepalive_requests 1000000000; client_max_body_size"
            )
            nginx = stack.enter_context(Nginx(site.text))
            return Setup(bench, nodes, two if len(servers) > 1 else [one], nginx, site.port)

        setups = {
            "one": behind_nginx([one], by_name=False),
            "direct": Setup(bench, nodes, [one], None, one.port),
            "in turn": behind_nginx(two, by_name=False),
            "by name": behind_nginx(two, by_name=True),
        }
        for setup in setups.values():
            for target in TARGETS.values():
                load(setup.port, target, min(WARM_UP_SECONDS, bench.seconds))
        for shape, target in TARGETS.items():
            _rates(bench, setups, shape, target)
        for name in ("in turn", "by name"):
            _kills(bench, name, setups[name])


def _rates(bench: Bench, setups: dict[str, Setup], shape: str, target: Target) -> None:
    def measure(setup: Setup, connections: int = CONNECTIONS) -> Callable[[], Figures]:
        return lambda: setup.measure(target, connections)

    measured = {name: measure(setup) for name, setup in setups.items()}
    measured[FULL] = measure(setups["by name"], 2 * CONNECTIONS)
    measurements = bench.alternate(measured)
    unit = f"{ONE} (its µs: {measurements.median('one').cpu_text()})"
    label = f"{STORE}: {shape}, one server without nginx"
    bench.compare(measurements, "direct", "one", label, unit)
    for name, goal in (("in turn", None), ("by name", CPU_GOAL), (FULL, None)):
        label = f"{STORE}: {shape}, two servers, {name}"
        bench.compare(measurements, name, "one", label, ONE)
        label += ": processor time of servers and nodes"
        bench.compare(measurements, name, "one", label, ONE, goal, "service_us")


def _kills(bench: Bench, name: str, setup: Setup) -> None:
    kills = [setup.kill_one() for _ in range(bench.rounds)]
    label = f"{STORE}: a server is killed, one name, {name}"
    gap = statistics.median(kill.gap_ms for kill in kills)
    longest = max(kill.gap_ms for kill in kills)
    unit = f"ms without a response (longest of {len(kills)}: {longest:,.0f})"
    bench.table.add(TableRow(label, gap, unit))
    failed, requests = (
        sum(getattr(kill, each) for kill in kills) for each in ("failed", "requests")
    )
    bench.table.add(TableRow(f"{label}: failed requests", failed, f"of {requests:,}"))
