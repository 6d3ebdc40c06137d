"""Write docs/capacity.md: `make docs`.

Its figures are from the tables of docs/performance.md, from constants of the code, and from a
simulation. Its text is capacity.in.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from bench.parts import links
from docs import capacity_plan as plan
from docs import capacity_sharding as sharding
from docs.bench_tables import MeasuredRow, MeasuredTables
from docs.capacity_indexes import UniqueIndex, unique_indexes
from docs.capacity_limits import limits
from monotron.services.versions import MAX_BATCH_SIZE
from monotron.store.mongo import MongoStore
from monotron.store.mongo.store import CALL_SECONDS
from monotron.store.mongo.transactions import ABORT_SECONDS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "capacity.md"
PERFORMANCE = DOCS / "performance.md"
TEMPLATE = Path(__file__).with_name("capacity.in.md")

KIND_NAMES = {
    "numbers": "a new number",
    "versions": "a new version",
    "repeats": "a repeated request",
    "pages": "the page `/names/{name}`",
    "sign-ins": "a new identity token, added to a request",
}
COMMANDS = (
    "a new token",
    "64 new tokens, 64 series",
    "a repeated token",
    "a new version",
    "64 new versions of one name",
    "a repeated version",
    "the first use of an identity token",
)


def page(figures: MeasuredTables) -> str:
    """The complete page. Raises MissingFigure."""
    document = figures.row("costs", "MongoDB: document of an entry, uncompressed").value
    large = plan.requirements(figures, plan.REPOSITORIES[-1])
    alone = "MongoDB, 1 node: new tokens, 10,000 series, 1 connection"
    full = "1,000,000 series and {} entries: memory after these"
    link_table = _link_table(figures)  # before the simulation, which takes seconds
    keyless = plan.sign_in(figures, "MongoDB, 3 nodes", "64 connections")
    balances = list(sharding.balances(document))
    hottest = next(balance.hottest for balance in balances if balance.exponent == 1)
    values = {
        "cost_table": _cost_table(figures),
        "trip_table": _trip_table(figures),
        "byte_table": _byte_table(figures),
        "assumption_table": _assumption_table(),
        "requirement_table": _requirement_table(figures),
        "limit_rows": "\n".join(_row(row) for row in limits(figures)),
        "index_table": _index_table(),
        "simulation_table": _simulation_table(balances),
        "link_table": link_table,
        "one_node_us": _number(figures.row("mongodb", alone).used("mongod")),
        "verify_ms": f"{figures.row('credentials', 'verifying a fresh identity token').value:.2f}",
        "keyless_share": f"{keyless.value:.2f}",
        "large_machine_share": f"{large.machine_share:.1f}",
        "sign_in_share": _percent(large.sign_in_cores / large.mongod_cores[1]),
        "sqlite_memory": _number(
            figures.row("growth", f"SQLite, {full.format('10,000,000')}").value
        ),
        "mongodb_memory": _number(
            figures.row("growth", f"MongoDB, {full.format('1,000,000')}").value
        ),
        "hottest": f"{100 * hottest:.1f}%",
        "hottest_shards": _number(1 / hottest),
        "batch": MongoStore.max_batch_size,
        "version_batch": MAX_BATCH_SIZE,
        "call_seconds": f"{CALL_SECONDS + ABORT_SECONDS:g}",
        "names": f"{sharding.NAMES:,}",
        "entries": f"{sharding.ENTRIES:,}",
        "document_bytes": _number(document),
        "new_accounts": _percent(sharding.NEW_ACCOUNTS),
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _cost_table(figures: MeasuredTables) -> str:
    rows = []
    for store in ("SQLite", "MongoDB"):
        for kind, cost in plan.costs(figures, store).items():
            for load, figure in (("alone", cost.alone), ("among 64", cost.among)):
                if kind != "pages" or load == "alone":
                    rows.append((store, KIND_NAMES[kind], load, *_processor_cells(figure)))
    head = ("store", "request", "", "event loop", "store threads", "mongod", "requests/s", "p50 ms")
    return _table(head, rows)


def _processor_cells(figure: MeasuredRow) -> list[str]:
    cells = [_number(figure.used(user)) if figure.used(user) else "" for user in plan.USERS]
    if not figure.rps:
        return [*cells, "", ""]
    return [*cells, _number(figure.rps), f"{figure.p50_ms:.2f}"]


def _trip_table(figures: MeasuredTables) -> str:
    rows = [(name, _number(figures.row("costs", f"MongoDB: {name}").value)) for name in COMMANDS]
    return _table(("operation of the store", "commands to MongoDB"), rows)


def _byte_table(figures: MeasuredTables) -> str:
    def used(name: str) -> str:
        return _number(figures.row("costs", name).value)

    member = "MongoDB: on disk of a member"
    rows = [
        ("disk, an entry", used("SQLite: on disk, an entry"), used(f"{member}, an entry")),
        (
            "disk, a release with its entry",
            used("SQLite: on disk, a release with its entry"),
            used(f"{member}, a release with its entry"),
        ),
        ("disk, a series without its entries", "", used(f"{member}, a series")),
        ("oplog, an entry", "", used("MongoDB: oplog, an entry")),
    ]
    for kind in plan.NETWORK_ROWS:
        for way in plan.WAYS:
            alone, among = (
                _number(plan.network_bytes(figures, kind, way, connections))
                for connections in ("1 connection", "64 connections")
            )
            name = f"network, {KIND_NAMES[kind]}: between {way}"
            rows.append((name, "", f"{alone} alone, {among} among 64"))
    return _table(("bytes", "SQLite", "MongoDB (disk and oplog: each member)"), rows)


def _assumption_table() -> str:
    rows = [
        (name, f"{assumption.value:,g}", assumption.meaning)
        for name, assumption in plan.ASSUMPTIONS.items()
    ]
    return _table(("assumption", "value", "meaning"), rows)


def _requirement_table(figures: MeasuredTables) -> str:
    sizes = [plan.requirements(figures, number) for number in plan.REPOSITORIES]
    lines = {
        "requests per second at the peak": [_short(size.requests) for size in sizes],
        "of these, new numbers and versions": [_short(size.writes) for size in sizes],
        "server: cores in use at the peak": [_range(*size.server_cores) for size in sizes],
        "server: processes on MongoDB, two at least": [_range(*size.processes) for size in sizes],
        "MongoDB, three nodes: cores in use at the peak": [
            _range(*size.mongod_cores) for size in sizes
        ],
        "MongoDB: cores of each node": [_range(*size.cores_per_node) for size in sizes],
        "MongoDB: cache of each node for the series in use, GB": [
            _short(size.cache_gb) for size in sizes
        ],
        "MongoDB: disk of each node, GB a year": [_short(size.disk_gb) for size in sizes],
        "MongoDB: oplog, GB": [_short(size.oplog_gb) for size in sizes],
        "network between clients and servers, without pages, Mbit/s": [
            _short(size.client_mbit) for size in sizes
        ],
        "network between servers and primary, without pages, Mbit/s": [
            _short(size.primary_mbit) for size in sizes
        ],
        "network between members, without pages, Mbit/s": [
            _short(size.members_mbit) for size in sizes
        ],
        "SQLite instead: cores in use at the peak, of one": [
            _range(*size.sqlite_cores) for size in sizes
        ],
        "SQLite instead: disk, GB a year": [_short(size.sqlite_disk_gb) for size in sizes],
    }
    head = ("repositories", *(f"{number:,}" for number in plan.REPOSITORIES))
    return _table(head, [(name, *cells) for name, cells in lines.items()])


def _index_table() -> str:
    rows = [
        (
            f"`{index.collection}`",
            f"`{', '.join(index.fields)}`",
            f"`{', '.join(index.shard_key)}`" if index.shard_key else "not sharded",
            _answer(index),
        )
        for index in unique_indexes()
    ]
    head = ("collection", "unique index", "shard key", "starts with the shard key")
    return _table(head, rows)


def _answer(index: UniqueIndex) -> str:
    if not index.shard_key:
        return ""
    return "yes" if index.starts_with_shard_key else "**no**"


def _simulation_table(balances: Iterable[sharding.Balance]) -> str:
    rows = [
        (
            f"{balance.exponent:g}",
            f"{balance.shards}",
            f"{100 * balance.hottest:.1f}%",
            f"{balance.larger:,}",
            *(f"{value:.2f}" for value in balance[5:]),
        )
        for balance in balances
    ]
    head = ("exponent", "shards", "share of the hottest name", "names larger than a chunk")
    head += ("balanced chunks", "zones", "hashed", "zones, growth", "hashed, growth")
    return _table(head, rows)


def _link_table(figures: MeasuredTables) -> str:
    kinds = [*links.NEAR, *links.FAR]
    rows = []
    for milliseconds in links.ROUND_TRIPS_MS:
        distance = links.label(milliseconds)
        measured = [figures.row("links", f"MongoDB, 3 nodes, {distance}: {kind}") for kind in kinds]
        cells = [f"{_number(row.rps)}/s, {row.p50_ms:.0f} ms, {row.value:.2f}" for row in measured]
        rows.append((distance, *cells))
    head = ("round trip", "one client", "one series", "many series", "one name", "repeated")
    return _table((*head, "server elsewhere"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(map(_row, (head, ["---"] * len(head), *rows)))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _short(value: float) -> str:
    """Two significant digits, or all digits before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _range(low: float, high: float) -> str:
    first, last = _short(low), _short(high)
    return first if first == last else f"{first} to {last}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


if __name__ == "__main__":
    PAGE.write_text(page(MeasuredTables(PERFORMANCE.read_text(encoding="utf-8"))), encoding="utf-8")
