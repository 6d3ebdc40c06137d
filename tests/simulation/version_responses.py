"""The responses about versions, compared with the states of the name while their call ran."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from monotron.errors import (
    AlreadyReleased,
    BaseOutdated,
    InvalidBump,
    LineNotFound,
    MonotronError,
    OutOfLine,
    TokenTaken,
    ValueWouldFall,
    VersionNotFound,
    VersionWithdrawn,
)
from monotron.model.calendar_versions import period
from monotron.model.component_keys import name_of_key
from monotron.model.semver import ZERO_VERSION, Final, Release
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    GetRelease,
    Reverse,
    VersionResult,
    Withdraw,
)
from simulation.version_checker import is_recorded
from simulation.version_commits import Snapshot
from simulation.version_history import Call, Count
from simulation.version_truth import Replay


def violations(replay: Replay) -> Iterator[str]:
    """Yield responses and errors that were not true at any moment of their call."""
    responses = _Responses(replay)
    for call in replay.calls:
        if isinstance(call.request, Count):
            found = responses.of_count(call, call.request)
        elif call.result is not None:
            found = responses.of_result(call, call.result)
        elif call.error is not None and call.error.status < 500:
            found = responses.of_error(call, call.error)
        else:
            continue
        yield from (f"{replay.name.name}: {each}" for each in found)


class _Responses:
    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._name = replay.name
        self._ends = [each.committed_at for each in replay.snapshots[1:]] + [inf]

    def _visible(self, call: Call) -> list[Snapshot]:
        """The states that the call can have seen."""
        return [
            each
            for each, end in zip(self._replay.snapshots, self._ends, strict=True)
            if each.at <= call.returned and call.called < end
        ]

    def of_count(self, call: Call, count: Count) -> Iterator[str]:
        if call.result is None or name_of_key(count.series.key) != self._name.name:
            return
        value = call.result.entry.value
        if self._replay.entries.get((count.series, value)) != count.token:
            yield f"{count} was answered with {value}, which it was never assigned"

    def of_result(self, call: Call, result: VersionResult) -> Iterator[str]:
        release, request = result.release, call.request
        version = release.version_text
        visible = self._visible(call)
        first, last = visible[0], visible[-1]
        is_unchanged = isinstance(request, Assign) and not result.changed
        if is_unchanged and release.target == ZERO_VERSION:
            yield from self._of_nothing(request, visible)
            return
        if is_recorded(call, result):
            seen = [each.records.get(version) for each in visible]
            expected = release
            if is_unchanged:  # the reason is that of the request
                seen = [each and each._replace(reason=release.reason) for each in seen]
            if expected not in seen:
                yield f"{release} was answered, and the record is {seen}"
                return
            created = self._replay.snapshots[self._replay.created[version]]
            if call.is_new:
                if not call.called <= created.at <= call.returned:
                    yield f"{version} was reported as new at {call.returned:.6f}, and is older"
                    return
                # Between its snapshot and its commit, a series may have been counted directly.
                last = created
                yield from self._of_base(call, release, created)
            # A record made during the call can belong to the same batch, so to an earlier snapshot.
            elif first.at < created.at < call.called:
                first = self._replay.snapshots[self._replay.created[version] - 1]
        elif isinstance(request, Assign) and not (
            result.reused or release.previous == request.parameters.initial
        ):
            below = sorted(visible, key=lambda state: state.below(release.target))
            yield from self._replay.wrong_previous(release, below[0], below[-1])
        yield from self._of_latest(release, result, [first, *visible, last])
        is_newest = isinstance(request, GetNewest) or is_unchanged
        if is_newest and call.line is None and not result.latest.overall:
            yield f"{version} was answered as the newest, without latest"

    def _of_nothing(self, request: object, visible: list[Snapshot]) -> Iterator[str]:
        """Yield the response that no version exists, if there was one all the time."""
        line = request.parameters.line if isinstance(request, Assign) else None
        if all(each.recorded(line) != ZERO_VERSION for each in visible):
            yield f"{request} was answered without a version, and there is one"

    def _of_base(self, call: Call, release: Release, created: Snapshot) -> Iterator[str]:
        """Yield a new version whose request had another base than the newest version."""
        request = call.request
        if not isinstance(request, Assign) or request.parameters.base is None:
            return
        before = self._replay.snapshots[self._replay.snapshots.index(created) - 1]
        newest = before.recorded(request.parameters.line)
        if newest > request.parameters.base:
            base = request.parameters.base
            yield f"{release.version_text} was assigned with the base {base} after {newest}"

    def _of_latest(
        self, release: Release, result: VersionResult, states: list[Snapshot]
    ) -> Iterator[str]:
        """Yield a response whose `latest` was not true at any moment."""
        latest, target = result.latest.overall, release.target
        if release.label is not None or release.withdrawn is not None:
            if latest:
                yield f"{release.version_text} was answered as the latest: {release}"
            return
        bounds = [self._replay.newest(each, target) for each in states]
        was = any(low == target for low, _ in bounds)
        was_not = any(high > target for _, high in bounds)
        if not (was if latest else was_not):
            yield f"{release.version_text} was answered with {result.latest} beside {bounds}"

    def of_error(self, call: Call, error: MonotronError) -> Iterator[str]:
        """Yield an error whose reason was not true at any moment of the call."""
        if not any(self._is_reason(call, error, each) for each in self._visible(call)):
            yield f"{call.request} was refused without a reason: {error!r}"

    def _is_reason(self, call: Call, error: MonotronError, state: Snapshot) -> bool:
        """Whether the error was true in a state. Other errors than these are unexpected."""
        request, line = call.request, call.line
        match request, error:
            case Assign(), _:
                return self._refuses(call, request, error, state)
            case Adopt(), ValueWouldFall():
                newest = self._replay.newest(state, request.version)[1]
                return newest > request.version or request.version == ZERO_VERSION
            case Adopt(), VersionWithdrawn():
                return state.is_withdrawn(f"{request.version}")
            case GetNewest(), LineNotFound() | VersionNotFound():
                return (line is None) == isinstance(error, VersionNotFound) and (
                    state.recorded(line) == ZERO_VERSION
                )
            case GetOfToken(), VersionNotFound():
                labels = [request.label] if request.label else [None, "rc", "beta"]
                return not any(state.of_token(request.token, each) for each in labels)
            case GetRelease() | Withdraw() | Reverse(), VersionNotFound():
                return f"{request.version}" not in state.records
            case Reverse(), TokenTaken():
                record = state.records.get(f"{request.version}")
                return bool(record and record.withdrawn and record.withdrawn.replaced)
        return False

    def _refuses(self, call: Call, request: Assign, error: MonotronError, state: Snapshot) -> bool:
        """Whether a version was not assigned for this reason."""
        parameters = request.parameters
        own = state.of_token(request.token, parameters.label)
        is_owner = any(each.withdrawn is None for each in own)
        exact = parameters.version or parameters.initial
        highest = self._replay.newest(state)[1]
        match error:
            case TokenTaken():
                return is_owner
            case VersionWithdrawn():
                is_own = bool(own) and not is_owner and not parameters.new_if_withdrawn
                is_promoted = parameters.bump == "final" and any(
                    each.withdrawn and each.label is None for each in state.records.values()
                )
                is_exact = exact is not None and state.is_withdrawn(f"{exact}")
                return is_own or is_promoted or is_exact
            case BaseOutdated():
                newest = Final(*map(int, error.version.split("."))) if error.version else None
                candidates = [state.recorded(parameters.line), *state.added]
                is_newest = (newest or ZERO_VERSION) in candidates or self._replay.is_counted
                return newest != parameters.base and is_newest
            case LineNotFound():
                return parameters.line is not None and state.recorded(parameters.line) == (
                    ZERO_VERSION
                )
            case OutOfLine():
                return parameters.line is not None
            case AlreadyReleased():
                is_recorded = exact is not None and f"{exact}" in state.records
                return is_recorded or parameters.bump == "final"
            case InvalidBump():
                return parameters.bump == "final"
            case ValueWouldFall() if parameters.bump == "calendar":
                days = self._replay.dates(call.called, call.returned)
                periods = [period(parameters.calendar, day) for day in days]
                return any((each.major, (each.minor or 0) + 1) <= highest for each in periods)
            case ValueWouldFall():
                return exact is not None and (highest >= exact or self._replay.is_counted)
        return False
