"""`/status`: the state of the server, of its store and of their maintenance."""

import time
from math import inf
from typing import TYPE_CHECKING, Any

from monotron import __version__
from monotron.errors import MonotronError
from monotron.web.lifecycle import Lifecycle
from monotron.web.pages.details import Fact
from monotron.web.pages.handler import PageHandler, in_time
from monotron.web.permissions import requires
from monotron.web.query import Query
from monotron.web.state import StoreState, Upkeep

if TYPE_CHECKING:  # needs an environment variable
    from monotron.metrics.traffic import Quantile, Traffic

BYTE_UNITS = ("KiB", "MiB", "GiB", "TiB")

PERIODS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def server_facts(lifecycle: Lifecycle, problem: MonotronError | None, now: float) -> list[Fact]:
    """The lines about the server process.

    *problem*: why the store accepts no writes. *now*: seconds since the epoch.
    """
    readiness = "Ready" if problem is None else f"Not ready: {problem.title.lower()}"
    if lifecycle.is_leaving:
        readiness = "Shutting down"
    return [
        Fact("Version", __version__, is_code=True),
        Fact("Readiness", readiness),
        Fact("Started", time=lifecycle.started_at * 1000),
        Fact("Uptime", duration_text(now - lifecycle.started_at)),
    ]


def traffic_facts(traffic: "Traffic") -> list[Fact]:
    """The lines about the requests of the last minutes."""
    period = f"Requests in the last {duration_text(traffic.seconds, shortest='minute')}"
    if traffic.p50 is None or traffic.p99 is None:
        return [Fact(period, "No requests")]
    return [
        Fact(period, f"{traffic.requests:,}"),
        Fact("Requests per minute", f"{traffic.per_minute:,.1f}"),
        Fact("Half of them took at most (p50)", quantile_text(traffic.p50)),
        Fact("99 % of them took at most (p99)", quantile_text(traffic.p99)),
    ]


def quantile_text(quantile: "Quantile") -> str:
    """An estimated duration, and its bounds: `about 3.8 ms (2.5 ms to 5 ms)`."""
    if quantile.upper == inf:
        return f"more than {seconds_text(quantile.lower)}"
    estimate, lower, upper = map(seconds_text, quantile)
    return f"about {estimate} ({lower} to {upper})"


def seconds_text(seconds: float) -> str:
    """A duration with two digits: `3.8 ms`, `760 ms`, `2.5 s`."""
    if seconds >= 1:
        return f"{seconds:.2g} s"
    return f"{float(f'{1000 * seconds:.2g}'):g} ms"


def store_facts(state: StoreState) -> list[Fact]:
    """The lines about the store, which all servers share."""
    contents, size = state.contents, state.upkeep.size
    return [
        Fact("Data", state.store, is_code=True),
        Fact("Names with versions", f"{contents.names:,}"),
        Fact("Series", f"{contents.series:,}"),
        *(Fact(f"Size of the {file}", size_text(number)) for file, number in size.bytes.items()),
        *([] if size.available is None else [Fact("Free disk space", size_text(size.available))]),
    ]


def maintenance_facts(upkeep: Upkeep) -> list[Fact]:
    """The lines about the last audit and the last backup."""
    audit = upkeep.last_audit
    facts = [_finished("Last audit", audit)]
    if audit is not None:
        facts.append(Fact("Findings of this audit", f"{audit['findings']:,}"))
    return [*facts, _finished("Last backup", upkeep.last_backup)]


def _finished(label: str, result: dict[str, Any] | None) -> Fact:
    if result is None:
        return Fact(label, "Never through a server")
    return Fact(label, time=result["finished_at"] * 1000)


def size_text(size: int) -> str:
    """A number of bytes: `512 bytes`, `1.5 MiB`."""
    if size < 1024:
        return f"{size} bytes"
    power = min((size.bit_length() - 1) // 10, len(BYTE_UNITS))
    return f"{size / 1024**power:,.1f} {BYTE_UNITS[power - 1]}"


def duration_text(seconds: float, shortest: str = "less than a minute") -> str:
    """The two largest units of a duration: `3 days 1 hour`. *shortest*: below a minute."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for length, noun in PERIODS:
        number, rest = divmod(rest, length)
        if number or parts:
            parts.append(f"{number} {noun}{'' if number == 1 else 's'}")
    return " ".join(parts[:2]) or shortest


class StatusPageHandler(PageHandler):
    """`/status`: what `/v1/system/info` returns, for browsers."""

    section = "status"

    @requires("read:system")
    async def get(self) -> None:
        Query.parse(self.request.query)
        # Not in turn: it explains why other pages wait, and all visitors share what it reads.
        problem, state, traffic = await in_time(self.services.status.get(None))
        if problem is not None:
            self.set_status(problem.status)
        self.reply_page(
            "status.html",
            "Status",
            problem=problem,
            findings=0 if state is None else (state.upkeep.last_audit or {}).get("findings", 0),
            traffic=traffic_facts(traffic),
            server=server_facts(self.services.lifecycle, problem, time.time()),
            store=[] if state is None else store_facts(state),
            maintenance=[] if state is None else maintenance_facts(state.upkeep),
        )


ROUTES = [("/status", StatusPageHandler)]
