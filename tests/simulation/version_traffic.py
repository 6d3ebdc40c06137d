"""Callers of a simulated world that request versions, and values of component series."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from monotron.errors import InternalError, MonotronError, StorageFull, StoreUnavailable
from monotron.model.calendar_versions import CalendarFormat
from monotron.model.commit_rules import CommitRules
from monotron.model.component_keys import COMPONENTS, component_key, label_key
from monotron.model.conventional_commits import CommitDecision, decide
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName
from monotron.model.versions.requests import (
    ALONE,
    Adopt,
    Assign,
    Bump,
    GetNewest,
    GetOfToken,
    GetRelease,
    Reverse,
    VersionRequest,
    VersionResult,
    Withdraw,
)
from simulation.attempts import Attempts
from simulation.servers import ACCOUNT, Reply, Server
from simulation.version_history import Call, Count, VersionHistory, VersionTraffic

if TYPE_CHECKING:
    from simulation.traffic import Traffic

PREFIX = "shop"
"""What all names start with. Other series do not."""
LABELS = ("rc", "rc", "beta")
BUMPS: tuple[Bump, ...] = ("patch", "patch", "patch", "minor", "minor", "major")
TEXTS = ("fix: a", "fix: a", "feat: b", "feat!: c", "docs: d")
"""Commit messages. The last one requests no version."""


class Name:
    """A name, and what callers know about it."""

    def __init__(self, traffic: Traffic, name: VersionName) -> None:
        chance, habits = traffic.world.chance, traffic.habits
        self.name = name
        self.is_counted = chance.random() < habits.counts
        is_calendar = chance.random() < habits.calendar
        self.calendar = chance.choice(list(CalendarFormat)) if is_calendar else None
        self.assigns: list[Assign] = []
        """The first request of each token."""
        self.known: list[Final] = []
        """Versions, and targets of pre-releases."""
        self.releases: dict[str, Release] = {}
        """The versions that were answered."""

    def learn(self, result: VersionResult) -> None:
        release = result.release
        if release.target not in self.known and release.target != ZERO_VERSION:
            self.known.append(release.target)
        if release.created_at is not None:
            self.releases[release.version_text] = release

    def newest(self) -> Final:
        """The newest version that a caller knows, or 0.0.0."""
        releases = self.releases.values()
        finals = (each.target for each in releases if not (each.label or each.withdrawn))
        return max(finals, default=ZERO_VERSION)


@lru_cache
def commits(text: str) -> CommitDecision | None:
    return decide(text, CommitRules(skip_types=frozenset({"docs"})))


class Versions:
    """What all callers of versions share, until they have requested so many."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.history = VersionHistory(lambda: traffic.world.now)
        self.left = traffic.habits.versions
        names = [
            VersionName(ACCOUNT, f"{PREFIX}{number}") for number in range(traffic.habits.names)
        ]
        self.names = {name: Name(traffic, name) for name in names}

    def begin(self, callers: int) -> None:
        if self.left:
            for number in range(callers):
                self.traffic.start(VersionCaller(self, f"v{number}").next)


class VersionCaller(Attempts[Call]):
    """Requests a version until there is a response, then the next one."""

    def __init__(self, versions: Versions, name: str) -> None:
        super().__init__(versions.traffic, name)
        self._versions = versions
        self._count = 0
        self._request: VersionTraffic

    def next(self) -> None:
        versions = self._versions
        if versions.left <= 0:
            self._traffic.ended()
            return
        versions.left -= 1
        self._request = self._choose(self._chance.choice(list(versions.names.values())))
        self._ask()

    def _choose(self, name: Name) -> VersionTraffic:
        chance = self._chance
        if name.releases and chance.random() < self._traffic.habits.withdrawals:
            return self._withdraw(name)
        luck = chance.random()
        if luck < 0.1 and name.is_counted:
            return self._count_directly(name)
        if luck < (0.12 if name.calendar else 0.16):
            return Adopt(name.name, self._above(self._recent(name)), f"adopted by {self._name}")
        if luck < 0.22:
            line = self._line(self._recent(name)) if chance.random() < 0.3 else None
            return GetNewest(name.name, line)
        if luck < 0.26:
            label = chance.choice((None, None, "rc"))
            return GetOfToken(name.name, self._token(name), label)
        if luck < 0.28 and name.releases:
            return GetRelease(name.name, chance.choice(list(name.releases.values())).version)
        return self._assign(name)

    def _withdraw(self, name: Name) -> Withdraw | Reverse:
        """Withdraw a version, most often a recent one, or reverse a withdrawal."""
        chance = self._chance
        withdrawn = [each for each in name.releases.values() if each.withdrawn]
        if withdrawn and chance.random() < 0.3:
            return Reverse(name.name, chance.choice(withdrawn).version, self._name)
        releases = list(name.releases.values())
        if chance.random() < 0.7:
            releases = releases[-4:]
        version = chance.choice(releases).version
        if chance.random() < 0.1:
            version = version.replace(patch=chance.randint(0, 2))
        return Withdraw(name.name, version, "wrong", chance.random() < 0.5, self._name)

    def _assign(self, name: Name) -> Assign:
        chance, before = self._chance, name.assigns
        again = before and chance.random() < self._traffic.habits.again
        if again:
            recent = before[-6:] if chance.random() < self._traffic.habits.recent else before
            request = chance.choice(recent)
            if chance.random() < 0.7:
                return request
            return self._request_of(name, request.token)
        self._count += 1
        request = self._request_of(name, f"{self._name}.{self._count}")
        before.append(request)
        return request

    def _request_of(self, name: Name, token: str) -> Assign:
        parameters = self._parameters(name)
        if parameters.bump != "auto":
            return Assign(name.name, token, parameters)
        text = self._chance.choice(TEXTS)
        if self._chance.random() < 0.1:
            text += f"\n\nRelease-As: {self._above(self._recent(name))}"
        return Assign(name.name, token, parameters, commits(text))

    def _parameters(self, name: Name) -> VersionRequest:
        chance = self._chance
        bump, label, line, promote = chance.choice(BUMPS), None, None, None
        by, is_new = self._name, chance.random() < self._traffic.habits.withdrawals * 2
        if chance.random() < (0.02 if name.calendar else 0.05):
            version = self._above(self._recent(name))
            return VersionRequest("exact", version=version, assigned_by=by)
        if chance.random() < 0.12:
            bump, promote = "final", chance.choice((None, "rc"))
        elif name.calendar and chance.random() < 0.8:
            bump = "calendar"
        elif name.calendar:
            bump = "patch"
        elif chance.random() < self._traffic.habits.commits:
            bump = "auto"
        if bump != "final" and chance.random() < self._traffic.habits.labels:
            label = chance.choice(LABELS)
        if bump != "calendar" and chance.random() < 0.15:
            line = self._line(chance.choice(name.known or [Final(1, 0, 0)]))
        has_base = chance.random() < (0.7 if bump == "auto" else 0.05)
        return VersionRequest(
            bump,
            label,
            promote,
            line,
            calendar=name.calendar or CalendarFormat.YEAR_MONTH,
            initial=Final(1, 4, 2) if chance.random() < 0.1 else None,
            reuse_on_conflict=chance.random() < 0.1,
            new_if_withdrawn=is_new,
            base=name.newest() if has_base else None,
            dry_run=chance.random() < 0.1,
            assigned_by=by,
        )

    def _line(self, version: Final) -> Line:
        minor = version.minor if self._chance.random() < 0.6 else None
        return Line(version.major, minor)

    def _count_directly(self, name: Name) -> Count:
        """Count a component of a version that exists, or its pre-releases."""
        chance, version = self._chance, self._recent(name)
        token = self._token(name)
        if chance.random() < 0.2:
            return Count(label_key(name.name, "rc", version), token)
        return Count(component_key(name.name, chance.choice(COMPONENTS), version), token)

    def _recent(self, name: Name) -> Final:
        return self._chance.choice(name.known[-3:] or [ZERO_VERSION])

    def _above(self, version: Final) -> Final:
        """A version to adopt. It may be too low."""
        chance = self._chance
        step = chance.choice((0, 1, 1, 2))
        match chance.choice(BUMPS):
            case "major":
                return Final(version.major + step, 0, 0)
            case "minor":
                return Final(version.major, version.minor + step, chance.choice((0, 3)))
        return version._replace(patch=version.patch + step)

    def _token(self, name: Name) -> str:
        """A token with a request for a version, or, sometimes, one without."""
        requests = name.assigns
        if not requests or self._chance.random() < 0.3:
            self._count += 1
            return f"{self._name}.{self._count}"
        return self._chance.choice(requests[-10:]).token

    def _call(self) -> Call:
        return self._versions.history.call(self._request)

    def _deliver(self, server: Server, call: Call, reply: Reply) -> bool:
        request = call.request
        if isinstance(request, Count):
            return server.put(request.series.key, request.token, "any", reply)
        if isinstance(request, ALONE):
            return server.decide_alone(request, reply)
        return server.decide(request, reply)

    def _refused(self, call: Call) -> None:
        self._versions.history.refused(call)

    def _received(self, call: Call, result: Any, error: BaseException | None) -> None:
        history = self._versions.history
        self._world.note(f"{self._name} requested {call.request}: {result or error!r}")
        if error is None:
            history.answered(call, result)
            if not isinstance(call.request, Count):
                self._versions.names[call.request.name].learn(result)
            self._rest(self.next)
            return
        if isinstance(error, InternalError) or not isinstance(error, MonotronError):
            self._traffic.wrong.append(f"{call.request}: {error!r}")
            self._rest(self.next)
            return
        if error.applied == "no":
            history.refused(call, error)
        if isinstance(error, StoreUnavailable | StorageFull):
            self._again()
        else:
            self._rest(self.next)
