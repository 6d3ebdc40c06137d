"""Bytes on disk and on the network, commands, and keyless sign-ins of an assignment."""

from bench import sign_ins, store_commands, stored_bytes
from bench.delayed_links import DelayedLinks
from bench.linked_nodes import LinkedNodes
from bench.measuring import CONNECTIONS, REPEAT, SPREAD, SPREAD_OUT, Bench, load
from bench.parts.shapes import NAMES
from bench.table import TableRow
from bench.targets import Target
from support.server import Server

KINDS = {
    f"new tokens, {SPREAD:,} series": SPREAD_OUT,
    f"new versions of {NAMES:,} names": Target("version", NAMES),
    "a repeated token": REPEAT,
}


def run(bench: Bench) -> None:
    entry, release = stored_bytes.sqlite_bytes(bench.folder)
    _add(bench, "SQLite: on disk, an entry", entry)
    _add(bench, "SQLite: on disk, a release with its entry", release)
    sign_ins.add_rows(bench, "SQLite", f"sqlite:///{bench.folder}/keyless.db")
    with LinkedNodes.on_disk(bench.folder) as nodes:
        stored = stored_bytes.mongo_bytes(nodes)
        _add(bench, "MongoDB: on disk of a member, an entry", stored.entry)
        _add(bench, "MongoDB: on disk of a member, a release with its entry", stored.release)
        _add(bench, "MongoDB: on disk of a member, a series", stored.head)
        _add(bench, "MongoDB: document of an entry, uncompressed", stored.document)
        _add(bench, "MongoDB: oplog, an entry", stored.oplog)
        counts = store_commands.counted_in_process(nodes.near_url("commands"))
        for operation, commands in counts.items():
            bench.table.add(TableRow(f"MongoDB: {operation}", commands, "commands"))
        _network(bench, nodes)
        sign_ins.add_rows(bench, "MongoDB, 3 nodes", nodes.near_url("keyless"), nodes)


def _network(bench: Bench, nodes: LinkedNodes) -> None:
    """Bytes in both directions, of a request alone and of one among others."""
    with (
        DelayedLinks([nodes.primary().port]) as to_primary,
        Server(nodes.url_at(to_primary.ports[0], "network")) as server,
        DelayedLinks([server.port]) as to_server,
    ):
        ways = {"client and server": to_server, "server and primary": to_primary}
        ways["members"] = nodes.links
        for kind, target in KINDS.items():
            load(server.port, target, 0.5)
            for connections in (1, CONNECTIONS):
                before = [links.sent_bytes for links in ways.values()]
                result = load(to_server.ports[0], target, bench.seconds, connections)
                for (way, links), sent in zip(ways.items(), before, strict=True):
                    plural = "" if connections == 1 else "s"
                    name = f"{kind}, {connections} connection{plural}: between {way}"
                    used = (links.sent_bytes - sent) / result.requests
                    _add(bench, f"MongoDB, 3 nodes: {name}", used)


def _add(bench: Bench, name: str, used: float) -> None:
    bench.table.add(TableRow(name, used, "bytes"))
