"""Which faults a world has, and how often: a different mixture for each seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import IntEnum

from simulation.disk import DiskFaults
from simulation.habits import Habits, Weather
from simulation.network import Faults
from simulation.traffic import EDGE


class Emphasis(IntEnum):
    """What a harsh world has most of."""

    ELECTIONS = 0
    """Elections, and many uncommitted writes."""
    DOUBT = 1
    """Attempts whose response is lost, while other servers continue."""
    LIVES = 2
    """Series that are deleted repeatedly."""
    ENDS = 3
    """New series, and one near its last possible value."""
    MEMORY = 4
    """Old tokens, and outdated reads."""
    REPEATS = 5
    """Tokens that were just requested at another server."""
    LIMITS = 6
    """Requests that can use only the next few values, while writes are rolled back."""
    SWEEPS = 7
    """Deleted series whose deletion may be rolled back."""
    RESTARTS = 8
    """A series that restarts at 1 again and again."""
    ROLLBACKS = 9
    """A current token that is repeated after another one was rolled back."""
    READS = 10
    """Several series that are read at the same time."""
    RACES = 11
    """Several callers that request a token at the same time, at several servers."""
    VERSIONS = 12
    """Versions of one name, requested at several servers, and in doubt sometimes."""
    LABELS = 13
    """Versions, most of them pre-releases, without other faults than outdated reads."""
    WITHDRAWALS = 14
    """Versions that are withdrawn, while their tokens are requested again."""
    CALENDAR = 15
    """Calendar versions, while the clock jumps."""


@dataclass(slots=True)
class Profile:
    servers: int
    callers: int
    habits: Habits
    weather: Weather
    network: Faults
    disk: DiskFaults
    commit_seconds: float
    stalls: float
    elections: float
    """The probability that each of these three follows a command or a commit."""
    crashes: float
    cuts: float
    outages: tuple[float, ...] = (0.01, 0.3, 3.0)
    """The possible durations of an election in seconds."""
    jumps: float = 0.0
    """The probability that the clock jumps while a server is active."""
    members: int = 3
    """The members of the replica set. A single one is never outdated."""
    wait_for_sweeps: bool = False
    """Whether the run lasts until the entries of deleted generations are swept."""

    @classmethod
    def of(cls, seed: int) -> Profile:
        """Return the profile of a seed. Every twentieth is harsh, the others have few faults."""
        chance = random.Random(f"profile {seed}")
        if seed % 20 == 0:
            return cls.harsh(seed // 20)

        def some(most: float) -> float:
            return chance.choice((0.0, 0.0, most / 4, most))

        keys = ["any-0", "any-1", "CURRENT-0", "mortal-r", "mortal-k"]
        versions = chance.choice((0, 0, 10, 20))
        rarely = 3 if versions else 1  # a version needs more commands than a value
        return cls(
            servers=chance.choice((1, 2, 2, 3)),
            callers=chance.choice((1, 2, 4, 8)),
            habits=Habits(
                keys=chance.sample(keys, chance.randint(1, 4)) + [EDGE] * chance.randint(0, 1),
                requests=chance.choice((5, 10, 20)),
                births=chance.choice((0, 0, 1)),
                past=chance.choice((0, 0, 0, 70)),
                again=chance.choice((0.1, 0.3, 0.6)),
                versions=versions,
                names=chance.choice((1, 1, 2)),
                withdrawals=some(0.3),
                calendar=some(0.5),
                counts=chance.choice((0.0, 1.0)),
                pause=chance.choice((0.001, 0.02, 0.2)),
            ),
            weather=Weather(some(0.2), some(0.2), some(0.2), some(0.3), some(0.2)),
            network=Faults(
                request_lost=some(0.05),
                answer_lost=some(0.05),
                late=some(0.05),
                refused=some(0.05),
                doubtful=some(0.05),
                full=some(0.02),
                stale=some(0.5),
                slow=chance.choice((0.0005, 0.002, 0.02)),
            ),
            disk=DiskFaults(
                statement=some(0.02),
                commit=some(0.1),
                crash=some(0.02),
                slow=chance.choice((0.0005, 0.005)),
            ),
            commit_seconds=chance.choice((0.001, 0.01, 0.1)),
            stalls=some(0.05),
            elections=some(0.04 / rarely),
            crashes=some(0.03 / rarely),
            cuts=some(0.01),
            jumps=some(0.05),
            members=chance.choice((3, 3, 3, 1)),
            wait_for_sweeps=chance.random() < 0.1,
        )

    @classmethod
    def harsh(cls, seed: int) -> Profile:
        """Return a profile with all faults, and with the emphasis of the seed."""
        profile = cls(
            servers=2 + seed % 2,
            callers=8,
            habits=Habits(
                keys=["any-0", "any-0", "CURRENT-0", "CURRENT-0", "mortal-r", "mortal-k", EDGE],
                requests=40,
                births=1,
                again=0.35,
                pause=0.005,
            ),
            weather=Weather(0.08, 0.1, 0.15, 0.1, 0.1),
            network=Faults(0.02, 0.03, 0.03, 0.02, 0.01, 0.0, 0.3, 0.002),
            disk=DiskFaults(0.005, 0.05, 0.005, 0.002),
            commit_seconds=0.01,
            stalls=0.01,
            elections=0.01,
            crashes=0.01,
            cuts=0.004,
        )
        habits, network = profile.habits, profile.network
        match Emphasis(seed % len(Emphasis)):
            case Emphasis.ELECTIONS:
                habits.keys, habits.requests, habits.peek = ["any-0"], 80, 0.6
                profile.elections, profile.commit_seconds = 0.12, 0.1
                profile.crashes, profile.weather = 0.06, Weather()
            case Emphasis.DOUBT:
                habits.keys, habits.requests, habits.again = ["CURRENT-0", "any-0"], 100, 0.0
                profile.weather, profile.servers = Weather(), 3
                network.answer_lost, network.late, network.doubtful = 0.15, 0.1, 0.1
                profile.disk.commit = 0.2
            case Emphasis.LIVES:
                habits.keys, habits.peek = ["mortal-r", "mortal-r", "mortal-k"], 0.0
                habits.requests = 400
                profile.weather, profile.network = Weather(), Faults()
            case Emphasis.ENDS:
                habits.keys, habits.births = [EDGE, EDGE, "any-0"], 6
            case Emphasis.MEMORY:
                habits.keys, habits.requests = ["any-0", "any-0", "CURRENT-0"], 60
                habits.past, habits.again, habits.peek = 150, 0.5, 0.2
                network.stale = 0.6
            case Emphasis.REPEATS:
                habits.keys, habits.requests, habits.again = ["CURRENT-0"], 160, 0.6
                profile.weather = Weather()
            case Emphasis.LIMITS:
                habits.keys, habits.requests, habits.limit = ["any-0"], 150, 0.8
                habits.again, habits.peek, habits.births = 0.0, 0.0, 0
                profile.elections, profile.commit_seconds = 0.05, 0.2
                profile.crashes = profile.cuts = 0.0
                profile.weather, profile.network, profile.servers = Weather(), Faults(), 3
            case Emphasis.SWEEPS:
                habits.keys, habits.requests, habits.changes = ["mortal-r"], 300, 0.5
                habits.births, habits.peek, profile.servers = 0, 0.0, 3
                profile.elections, profile.commit_seconds = 0.1, 0.3
                profile.crashes, profile.cuts, profile.outages = 0.0, 0.0, (0.01,)
                profile.weather, profile.network = Weather(), Faults()
            case Emphasis.RESTARTS:
                habits.keys, habits.requests = ["mortal-r"], 800
                habits.births, habits.peek, profile.servers = 0, 0.0, 2
                profile.elections = profile.crashes = profile.cuts = 0.0
                profile.weather, profile.network, profile.callers = Weather(), Faults(), 2
            case Emphasis.ROLLBACKS:
                habits.keys, habits.requests = ["CURRENT-0"], 600
                habits.again, habits.recent, habits.peek, habits.births = 0.7, 1.0, 0.0, 0
                profile.elections, profile.commit_seconds = 0.1, 0.3
                profile.crashes = profile.cuts = profile.stalls = 0.0
                profile.weather, profile.network = Weather(give_up=0.9), Faults()
                profile.servers, profile.callers, profile.outages = 2, 3, (0.01,)
            case Emphasis.READS:
                habits.keys, habits.requests = ["any-0", "CURRENT-0", "CURRENT-1"], 400
                habits.again, habits.peek, habits.births = 0.0, 0.6, 0
                profile.weather, profile.network = Weather(), Faults(stale=0.8, slow=0.005)
                profile.servers, profile.crashes = 2, 0.0
            case Emphasis.RACES:
                habits.keys, habits.requests = ["any-0", "CURRENT-0"], 100
                habits.again, habits.peek, habits.pause = 0.6, 0.0, 0.001
                profile.weather, profile.servers = Weather(), 3
            case Emphasis.VERSIONS:
                habits.keys, habits.requests, habits.births = ["any-0"], 10, 0
                habits.versions, habits.again = 120, 0.4
                profile.weather = Weather(answer_lost=0.02)
                profile.elections = profile.crashes = 0.004
                profile.cuts, profile.disk = 0.001, DiskFaults(0.005, 0.1, 0.005, 0.002)
            case Emphasis.LABELS:
                habits.keys, habits.requests, habits.births = ["any-0"], 10, 0
                habits.versions, habits.labels, habits.again = 120, 0.7, 0.3
                profile.weather, profile.network = Weather(), Faults(stale=0.6)
                profile.elections = profile.crashes = profile.cuts = 0.0
                profile.servers = 2
            case Emphasis.WITHDRAWALS:
                habits.keys, habits.requests, habits.births = ["any-0"], 10, 0
                habits.versions, habits.again, habits.labels = 120, 0.4, 0.15
                habits.withdrawals, habits.counts, habits.commits = 0.25, 0.0, 0.5
                profile.weather, profile.network = Weather(answer_lost=0.02), Faults(stale=0.3)
                profile.elections, profile.crashes, profile.cuts = 0.004, 0.004, 0.0
                profile.disk = DiskFaults(0.002, 0.02, 0.002, 0.002)
            case Emphasis.CALENDAR:
                habits.keys, habits.requests, habits.births = ["any-0"], 10, 0
                habits.versions, habits.again, habits.calendar = 80, 0.1, 1.0
                habits.withdrawals, habits.counts, habits.labels = 0.1, 0.0, 0.1
                profile.weather, profile.network = Weather(), Faults(stale=0.3)
                profile.elections, profile.crashes, profile.cuts = 0.004, 0.002, 0.0
                profile.disk, profile.jumps = DiskFaults(0.002, 0.02, 0.002, 0.002), 0.1
        return profile
