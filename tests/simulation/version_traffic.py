"""Callers of a simulated world that request versions, and values of component series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monotron.errors import InternalError, MonotronError, StorageFull, StoreUnavailable
from monotron.model.component_keys import COMPONENTS, component_key, label_key
from monotron.model.semver import ZERO_VERSION, Final, Line, VersionName
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    Bump,
    GetNewest,
    GetOfToken,
    VersionRequest,
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


class Versions:
    """What all callers of versions share, until they have requested so many."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.history = VersionHistory(lambda: traffic.world.now)
        self.left = traffic.habits.versions
        self.names = [
            VersionName(ACCOUNT, f"{PREFIX}{number}") for number in range(traffic.habits.names)
        ]
        self.assigns: dict[VersionName, list[Assign]] = {name: [] for name in self.names}
        """The first request of each token."""
        self.known: dict[VersionName, list[Final]] = {name: [] for name in self.names}
        """The versions, and targets of pre-releases, that callers know."""

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
        self._request = self._choose(self._chance.choice(versions.names))
        self._ask()

    def _choose(self, name: VersionName) -> VersionTraffic:
        chance = self._chance
        luck = chance.random()
        if luck < 0.1:
            return self._count_directly(name)
        if luck < 0.16:
            return Adopt(name, self._above(self._recent(name)), f"adopted by {self._name}")
        if luck < 0.24:
            return GetNewest(name)
        if luck < 0.28:
            label = chance.choice((None, None, "rc"))
            return GetOfToken(name, self._token(name), label)
        return self._assign(name)

    def _assign(self, name: VersionName) -> Assign:
        chance, before = self._chance, self._versions.assigns[name]
        again = before and chance.random() < self._traffic.habits.again
        if again:
            recent = before[-6:] if chance.random() < self._traffic.habits.recent else before
            request = chance.choice(recent)
            if chance.random() < 0.7:
                return request
            return Assign(name, request.token, self._parameters(name))
        self._count += 1
        request = Assign(name, f"{self._name}.{self._count}", self._parameters(name))
        before.append(request)
        return request

    def _parameters(self, name: VersionName) -> VersionRequest:
        chance = self._chance
        bump, label, line, promote = chance.choice(BUMPS), None, None, None
        by = self._name
        if chance.random() < 0.05:
            version = self._above(self._recent(name))
            return VersionRequest("exact", version=version, assigned_by=by)
        if chance.random() < 0.12:
            bump, promote = "final", chance.choice((None, "rc"))
        elif chance.random() < self._traffic.habits.labels:
            label = chance.choice(LABELS)
        if chance.random() < 0.15:
            line = self._line(chance.choice(self._versions.known[name] or [Final(1, 0, 0)]))
        return VersionRequest(
            bump,
            label,
            promote,
            line,
            initial=Final(1, 4, 2) if chance.random() < 0.1 else None,
            reuse_on_conflict=chance.random() < 0.1,
            dry_run=chance.random() < 0.1,
            assigned_by=by,
        )

    def _line(self, version: Final) -> Line:
        minor = version.minor if self._chance.random() < 0.6 else None
        return Line(version.major, minor)

    def _count_directly(self, name: VersionName) -> Count:
        """Count a component of a version that exists, or its pre-releases."""
        chance, version = self._chance, self._recent(name)
        token = self._token(name)
        if chance.random() < 0.2:
            return Count(label_key(name, "rc", version), token)
        return Count(component_key(name, chance.choice(COMPONENTS), version), token)

    def _recent(self, name: VersionName) -> Final:
        return self._chance.choice(self._versions.known[name][-3:] or [ZERO_VERSION])

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

    def _token(self, name: VersionName) -> str:
        """A token with a request for a version, or, sometimes, one without."""
        requests = self._versions.assigns[name]
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
        return server.decide(request, reply)

    def _refused(self, call: Call) -> None:
        self._versions.history.refused(call)

    def _received(self, call: Call, result: Any, error: BaseException | None) -> None:
        history = self._versions.history
        self._world.note(f"{self._name} requested {call.request}: {result or error!r}")
        if error is None:
            history.answered(call, result)
            if not isinstance(call.request, Count):
                self._learn(call.request.name, result.release.target)
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

    def _learn(self, name: VersionName, version: Final) -> None:
        if version not in self._versions.known[name]:
            self._versions.known[name].append(version)
