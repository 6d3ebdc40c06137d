"""The world of one seed, from its first request to the final check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from faults.checker import violations
from monotron.model.semver import VersionName
from monotron.model.series import ANYONE
from monotron.store.interface import Store
from monotron.store.mongo import MongoStore
from monotron.store.mongo.client import Driver
from monotron.store.mongo.remembered import MAX_REMEMBERED
from monotron.store.sqlite.store import SqliteStore
from simulation import (
    replica_truth,
    truth,
    version_aftermath,
    version_checker,
    version_responses,
    version_rows,
)
from simulation.aftermath import assigned, series_of, wrong_results
from simulation.clock import Clock
from simulation.disk import Disk, DiskFaults
from simulation.driver import Client, Database, UpdateOne
from simulation.liveness import Abandonment
from simulation.network import Faults, Network
from simulation.profile import Profile
from simulation.replica import Replica
from simulation.runtime import simulated_runtime, store_logs
from simulation.server_transactions import ServerTransactions
from simulation.servers import Process, Server
from simulation.traffic import BELOW_THE_EDGE, EDGE, Traffic
from simulation.version_commits import Commit
from simulation.version_traffic import Versions
from simulation.version_truth import Replay
from simulation.world import World

SQLITE, MONGO = "sqlite", "mongo"
BASE = {EDGE: BELOW_THE_EDGE}


@dataclass(frozen=True)
class Stores:
    """The store classes of a simulation. Deliberately broken stores are subclasses."""

    sqlite: type[SqliteStore] = SqliteStore
    mongo: type[MongoStore] = MongoStore
    acknowledge_immediately: bool = False
    """Whether writes are acknowledged before they are committed."""


@dataclass(slots=True)
class Report:
    """The result of a run."""

    seed: int
    by_checker: list[str] = field(default_factory=list)
    """Violations in the responses to callers."""
    by_truth: list[str] = field(default_factory=list)
    """Violations in the rows of the engine, or between the rows and the responses."""
    errors: list[str] = field(default_factory=list)
    """Tracebacks: the run was not finished, so they do not prove a violation."""
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def violations(self) -> list[str]:
        return self.by_checker + self.by_truth

    @property
    def wrong(self) -> list[str]:
        return self.violations + self.errors


class Simulation:
    """An engine, servers, callers and faults."""

    def __init__(
        self,
        seed: int,
        kind: str,
        *,
        profile: Profile | None = None,
        stores: Stores | None = None,
        verbose: bool = False,
    ) -> None:
        self._report = Report(seed)
        self._world = World(seed, verbose=verbose)
        self._runtime = simulated_runtime(self._world)
        self._kind = kind
        self._profile = profile or Profile.of(seed)
        self._stores = stores or Stores()
        self._clock = Clock(self._world)
        self._disk = Disk(self._world, DiskFaults(), used=kind == SQLITE)
        self._replica = Replica(
            self._world,
            commit_seconds=self._profile.commit_seconds,
            stalls=self._profile.stalls,
            members=self._profile.members,
            clock=self._clock.now,
        )
        self._transactions = ServerTransactions(self._replica)
        self._clients: list[tuple[Process, Client]] = []
        self._networks: list[Network] = []
        self._servers: list[Server] = []
        self._traffic: Traffic
        self._versions: Versions
        self._calm = True

    def run(self) -> Report:
        """Run the world, and check it."""
        report, world = self._report, self._world
        try:
            with store_logs(enabled=world.verbose):
                world.run(self._scenario)
        finally:
            self._disk.engine.close()
        traffic, versions = self._traffic, self._versions.history
        report.errors += world.errors
        report.by_truth += traffic.wrong
        report.by_checker += violations(traffic.history)
        answers = list(versions.answers())
        report.by_checker += version_checker.violations(answers, versions.calls)
        report.happened["versions answered"] = len(answers)
        report.happened["versions in doubt"] = sum(call.in_doubt for call in versions.calls)
        report.happened["values assigned"] = len(traffic.history.acknowledged())
        report.happened["attempts in doubt"] = traffic.history.unknown()
        report.happened["late copies"] = traffic.copies
        report.happened["writes rolled back"] = self._replica.rolled_back
        report.happened["commits that failed"] = self._disk.failed_commits
        return report

    # The scenario: a task, which may wait

    def _scenario(self) -> None:
        world, profile = self._world, self._profile
        self._disk.committing = partial(self._go_wrong, 0)
        for number in range(profile.servers if self._kind == MONGO else 1):
            network = Network(
                world, self._replica, self._transactions, partial(self._go_wrong, number)
            )
            network.acknowledge_immediately = self._stores.acknowledge_immediately
            self._networks.append(network)
            opened = partial(self._open, network, number)
            crashed = self._disk.lose_power if self._kind == SQLITE else int
            self._servers.append(Server(world, self._runtime, number, opened, crashed))
        self._disk.crash_server = self._servers[0].crash
        self._traffic = Traffic(world, self._servers, profile.weather, profile.habits)
        self._versions = Versions(self._traffic)
        self._servers[0].store.advance_to(series_of(EDGE), BELOW_THE_EDGE, ANYONE)
        if profile.habits.past and profile.habits.keys[0] != EDGE:
            self._traffic.past(self._servers[0].store)
        self._calm = False
        self._disk.faults = profile.disk
        for network in self._networks:
            network.suffer(profile.network)
        self._traffic.begin(profile.callers)
        self._versions.begin(profile.callers)
        self._traffic.over.wait()
        self._calm_down()
        self._judge()

    def _open(self, network: Network, number: int) -> Store:
        def clock() -> float:
            # The clocks of servers differ: they decide nothing if there are several.
            return self._clock.now() + 3600 * number

        runtime = replace(self._runtime, clock=clock)
        if self._kind == MONGO:
            database: Any = Database(network)
            update_one: Any = UpdateOne
            self._clients.append((self._world.starting, database.client))
            return self._stores.mongo(
                database,
                runtime=runtime,
                driver=Driver(network.timeout, update_one),
                max_remembered=self._world.chance.choice((MAX_REMEMBERED, 10)),
            )
        faults, self._disk.faults = self._disk.faults, DiskFaults()
        # The path exists, and the simulated disk takes its place.
        store = self._stores.sqlite("/dev/null", runtime=runtime, connect=self._disk.connect)
        self._disk.faults = faults
        return store

    def _go_wrong(self, number: int) -> None:
        """Perhaps schedule a fault. Called while a server is active."""
        if self._calm:
            return
        profile, world = self._profile, self._world
        if profile.jumps and world.chance.random() < profile.jumps:
            self._report.happened["jumps of the clock"] += 1
            self._clock.jump()
        luck = world.chance.random()
        if luck < profile.crashes:
            what: Callable[[], object] = partial(self._crash, number)
        elif self._kind == MONGO and luck < profile.crashes + profile.elections:
            what = self._elect
        elif self._kind == MONGO and luck < profile.crashes + profile.elections + profile.cuts:
            what = partial(self._cut, number)
        else:
            return
        world.at(world.chance.choice((0.001, 0.01)) * world.chance.random(), what)

    def _crash(self, number: int) -> None:
        if not self._calm:
            self._report.happened["crashes"] += 1
            self._servers[number].crash()

    def _elect(self) -> None:
        if not self._calm and self._replica.has_primary:
            self._report.happened["elections"] += 1
            self._replica.elect(self._world.chance.choice(self._profile.outages))

    def _cut(self, number: int) -> None:
        if not self._calm:
            self._report.happened["servers cut off"] += 1
            seconds = self._world.chance.choice((0.2, 4.0, 20.0))
            self._networks[number].cut_until = self._world.now + seconds

    def _calm_down(self) -> None:
        """End all faults, and wait until late messages have arrived."""
        self._calm = True
        self._disk.faults = DiskFaults()
        self._replica.calm()
        self._heal()
        self._world.sleep(15.0)
        if self._kind == MONGO:
            self._abandon()
        self._heal()
        self._world.sleep(90.0 if self._profile.wait_for_sweeps else 30.0)

    def _heal(self) -> None:
        for network in self._networks:
            network.suffer(Faults())
            network.cut_until = 0.0

    def _abandon(self) -> None:
        """Let a server disappear in a transaction. The others must not wait for it."""
        abandonment = Abandonment(self._world, self._servers, self._networks)
        key = self._world.chance.choice([key for key in self._profile.habits.keys if key != EDGE])
        history = self._traffic.record(key)
        abandonment.begin(key, history)
        self._report.by_truth += abandonment.wait_for_progress(key, history)
        self._report.happened["abandoned transactions"] += abandonment.happened

    # The final check

    def _judge(self) -> None:
        """Compare the rows, the responses, and what a server returns now."""
        report, traffic = self._report, self._traffic
        known = self._truth()
        report.by_truth += known.wrong
        for history in (traffic.history, traffic.mortal):
            report.by_truth += known.check_responses(history, BASE)
        report.by_truth += known.check_refusals(traffic.refusals)
        report.by_truth += self._unused_sessions()
        store = self._world.chance.choice(self._servers).store
        report.by_truth += wrong_results(
            store, {key: generations[-1] for key, generations in known.generations.items()}
        )
        commits = self._commits()
        dates = self._clock.dates if self._kind == SQLITE else self._replica.dates
        for name, of_name in commits.items():
            replay = Replay(name, of_name, self._versions.history.calls, dates)
            report.by_truth += replay.wrong
            report.by_truth += version_responses.violations(replay)
            report.by_truth += version_aftermath.wrong_results(store, replay)
            records = replay.snapshots[-1].records.values()
            withdrawn = sum(record.withdrawn is not None for record in records)
            report.happened["versions assigned"] += len(records)
            report.happened["versions withdrawn"] += withdrawn
        if commits != self._commits():
            report.by_truth.append("a repeated request has changed versions")
        before, after = assigned(known), assigned(self._truth())
        if before != after:
            report.by_truth.append("a repeated request has changed something")

    def _truth(self) -> truth.Truth:
        if self._kind == SQLITE:
            return truth.of_disk(self._disk, self._traffic.restarted)
        return replica_truth.of_replica(self._replica, self._traffic.restarted)

    def _commits(self) -> dict[VersionName, list[Commit]]:
        """All commits about each name."""
        names = self._versions.names
        if self._kind == SQLITE:
            return {name: version_rows.of_disk(self._disk, name) for name in names}
        return {name: version_rows.of_replica(self._replica, name) for name in names}

    def _unused_sessions(self) -> Iterator[str]:
        """Yield servers that use more sessions for transactions than they make calls at a time."""
        for process, client in self._clients:
            most = 3 + process.max_calls  # two batches, and a call of the scenario
            if len(client.with_transactions) > most:
                used = len(client.with_transactions)
                yield f"{process} used {used} sessions for at most {most} transactions at a time"
