"""All traffic at the same time, for a long time, while faults are injected in random order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from faults.live_exports import Exports, Maintenance, Versions
from faults.ordeal import KEYS, Site
from faults.resources import MIN_SAMPLES, Meter, Resources, growth
from faults.sign_ins import SignIns
from faults.tier import WHOLE, limit, rounds
from faults.version_loads import NAMES, numbers_text
from faults.visits import Visits
from monotron.model.semver import Release

SERIES_CALLERS = rounds(short=4, whole=12)
VISIT_PAUSE_SECONDS = limit(short=0.3, whole=1)
EXPORTS = 40
MIN_EXPORT_SECONDS = limit(short=1.5, whole=5)
ROTATIONS = 20
SHORT_ROTATIONS = 2
MIN_ROTATION_SECONDS = 75
"""Servers fetch the keys of an issuer for an unknown key once a minute."""

ANSWERS = rounds(short=20, whole=100)
"""Between two faults."""

CALM_SECONDS = limit(short=0, whole=8)
"""The maximum time between two faults without any."""

SAMPLES = 500
"""How often resources are sampled."""

GROWTH_SECONDS = 240
"""The shortest soak in which a server must live long enough to show whether it grows."""

MAX_NAMES = 20_000
"""How many tokens are requested again at the end. The ledgers contain all of them."""

Fault = Callable[[], object]


class Soak:
    """The traffic beside series and versions, and the faults."""

    def __init__(
        self,
        site: Site,
        sign_ins: SignIns,
        seconds: float,
        visits: Visits,
        maintenance: Maintenance,
        meter: Meter,
    ) -> None:
        self._site = site
        self._sign_ins = sign_ins
        self._seconds = seconds
        self._visits = visits
        self._maintenance = maintenance
        self._meter = meter
        self._began = self._rotated = time.monotonic()
        self.done: Counter[str] = Counter()
        """The faults by kind."""

    @property
    def elapsed(self) -> float:
        """The part of its time that has passed."""
        return (time.monotonic() - self._began) / self._seconds if self._seconds else 1.0

    def inject(self, faults: Mapping[str, Fault], bag: list[str]) -> None:
        """Inject the next fault of the *bag*, which is filled with all kinds in random order."""
        if not bag:
            bag += self._site.chance.sample(sorted(faults), len(faults))
        name = bag.pop()
        self._site.random_moment(ANSWERS)
        faults[name]()
        self._site.wait_until_healthy()
        self.done[name] += 1
        self._rotate_if_due()
        for callers in (self._visits, self._maintenance):
            callers.wait_for_answers(0)  # raises the error of a caller
        time.sleep(self._site.chance.uniform(0, CALM_SECONDS))

    def _rotate_if_due(self) -> None:
        every = max(MIN_ROTATION_SECONDS, self._seconds / ROTATIONS)
        is_due = time.monotonic() - self._rotated >= every
        if is_due if WHOLE else self._sign_ins.rotations < SHORT_ROTATIONS:
            self._site.load.pause_between_requests(0)
            self._sign_ins.rotate(self._site.servers[0], self._site.load.wait_for_answers)
            self._site.wait_until_healthy()
            self._sign_ins.check(self._site.servers)
            self._rotated = time.monotonic()

    def check(self) -> str:
        """End all traffic, and compare everything. Return the statistics."""
        self._maintenance.wait_for_first()
        for callers in (self._site.load, self._site.versions):
            callers.wait_for_answers(ANSWERS // 4)
        for callers in (self._site.load, self._site.versions, self._maintenance):
            callers.end()
        self._visits.finish()
        statistics = self._site.check(self._sign_ins.connect_as_root, MAX_NAMES)
        records = self._site.records
        assert self._maintenance.maintainer.export()
        self._check_exports(records)
        self._check_visits(records)
        assert grown(self._meter.longest(), self._seconds) == []
        return f"{statistics}; {self._statistics()}"

    def _check_exports(self, records: Mapping[str, list[Release]]) -> None:
        versions: Versions = {
            (name, each.version_text): each.token
            for name, releases in records.items()
            for each in releases
        }
        self._maintenance.maintainer.exports.check(self._site.ledgers, versions)

    def _check_visits(self, records: Mapping[str, list[Release]]) -> None:
        ledgers, counters = self._site.ledgers, self._visits.scraper.counters
        versions = {
            name: {each.version_text: each.token for each in releases}
            for name, releases in records.items()
        }
        assert list(self._visits.visitor.shown.wrong(ledgers, versions)) == []
        assert counters.wrong == []
        values = counters.total("monotron_values_assigned_total", "new")
        assert 0 < values <= sum(map(len, ledgers.values())), "wrong number of values in metrics"
        assigned = counters.total("monotron_versions_assigned_total", "new")
        assert 0 < assigned <= sum(map(len, records.values())), "wrong number of versions"

    def _statistics(self) -> str:
        kinds = ", ".join(f"{name} {times}" for name, times in sorted(self.done.items()))
        signed, visits = self._sign_ins.requests, self._visits
        maintainer = self._maintenance.maintainer
        return (
            f"{self.done.total()} faults ({kinds}). "
            f"Sign-ins: {numbers_text(signed)}; {self._sign_ins.rotations} rotations. "
            f"Pages, by status: {dict(visits.visitor.statuses)}. Scrapes: "
            f"{dict(visits.scraper.statuses)}, of {visits.scraper.counters.processes} processes. "
            f"{maintainer.exports.number} exports, {maintainer.audits} audits, "
            f"{maintainer.interrupted} interrupted. {self._meter}"
        )


def grown(samples_of: Mapping[str, Sequence[Resources]], seconds: float) -> list[str]:
    """What has grown in the servers during a soak; also if none of them shows it after its time.

    *samples_of*: the samples of each process, in order.
    """
    servers = {name: each for name, each in samples_of.items() if name.startswith("server")}
    if seconds >= GROWTH_SECONDS and max(map(len, servers.values()), default=0) < MIN_SAMPLES:
        return [f"no server was sampled {MIN_SAMPLES} times"]
    return [f"{name}: {each}" for name, samples in servers.items() for each in growth(samples)]


@contextmanager
def soak(
    site: Site,
    sign_ins: SignIns,
    folder: Path,
    seconds: float,
    processes: Callable[[], Mapping[str, int]],
) -> Iterator[Soak]:
    """Start all traffic beside that of the *site*, and sample the resources of *processes*."""
    sign_ins.seed(site.chance.getrandbits(32))
    urls = [server.url for server in site.servers]
    site.load.wait_for_answers(50)
    with ExitStack() as stack:
        visits = Visits(
            urls,
            connect=sign_ins.connect_as_root,
            pause=VISIT_PAUSE_SECONDS / len(urls),
            history=site.history,
            keys=KEYS,
            names=[name.name for name in NAMES],
            seed=site.chance.getrandbits(32),
        )
        histories = {load.name.name: load.history for load in site.versions}
        exports = Exports(KEYS, site.history, histories)
        maintenance = Maintenance(
            site.store,
            urls[0],
            connect=sign_ins.connect_as_root,
            pause=max(MIN_EXPORT_SECONDS, seconds / EXPORTS),
            folder=folder,
            exports=exports,
        )
        meter = stack.enter_context(Meter(processes, max(0.5, seconds / SAMPLES)))
        stack.enter_context(visits)
        stack.enter_context(maintenance)
        yield Soak(site, sign_ins, seconds, visits, maintenance, meter)
