"""Decides which allocation assigns a version to a token."""

from typing import NamedTuple, cast

from semver import Version

from monotron.errors import AlreadyReleased, InvalidBump, OutOfLine, ValueWouldFall, in_doubt
from monotron.model import conventional_commits as commits
from monotron.model.allocation import exhausted
from monotron.model.component_keys import (
    COMPONENTS,
    Component,
    component_key,
    component_value,
    label_key,
)
from monotron.model.semver import ZERO_VERSION, Line, VersionName, sort_key_range
from monotron.model.series import INT64_MAX
from monotron.services.versions.adoption import Adoption
from monotron.services.versions.state import NameState
from monotron.services.versions.types import Plan, VersionRequest
from monotron.store import Store


class StartingPoint(NamedTuple):
    """The state of a name that a bump starts from."""

    base: Version
    """The highest final version of the line."""
    latest: Version
    """The highest final version of the name."""
    initial: Version | None = None
    """The version to adopt before the bump, because the name has no version."""
    stale_components: tuple[Version, ...] = ()
    """Recorded versions that are higher than the series, because a series was restarted."""


class Planner:
    """Plans allocations.

    Before a plan is returned for execution, series that are lower than the recorded versions are
    advanced to them.
    """

    def __init__(self, store: Store, state: NameState, adoption: Adoption) -> None:
        self._store = store
        self._releases = store.releases
        self._state = state
        self._adoption = adoption

    def plan_bump(
        self,
        name: VersionName,
        token: str,
        request: VersionRequest,
        decision: commits.CommitDecision | None,
    ) -> Plan | None:
        """Plan a final version or a pre-release by bump=major, minor or patch.

        *decision* replaces the bump of the request. Returns None if a concurrent request created
        the first version of the name. The caller must then call this method again.
        """
        bump = cast(Component, decision.bump if decision else request.bump)
        start = self.starting_point(name, request)
        base = start.base
        if decision and bump == "major" and base.major == 0 and request.initial_development:
            bump = "minor"
        if bump not in _allowed(request.line):
            raise OutOfLine(
                f"bump={bump} is not allowed on line {request.line}. "
                + (f"The commit message {decision.reason!r} requires it. " if decision else "")
                + f"Use bump={' or bump='.join(_allowed(request.line))}, or omit `line` to bump "
                "the latest version."
            )
        target = base.next_version(bump)
        series, next_value = component_key(name, bump, base), component_value(target, bump)
        high_water_mark = next_value - 1
        if request.label:
            if next_value > INT64_MAX:
                raise exhausted(series)
            series = label_key(name, request.label, target)
            (high_water_mark,) = self._store.high_water_marks([series])
            recorded = self._state.highest_prerelease(name, target, request.label)
            next_value = max(high_water_mark, recorded) + 1
        plan = Plan(
            series=series,
            component=bump,
            target=target,
            label=request.label,
            base=base,
            latest=start.latest,
            next_value=next_value,
            bump=bump,
            reason=decision.reason if decision else None,
            initial=start.initial,
        )
        if next_value > INT64_MAX and self._state.value_of_token(name, plan, token) is None:
            raise exhausted(series)
        # All checks are above, so that a refused request writes nothing.
        if request.dry_run or self._sync_series(
            name, start, plan, high_water_mark, request.assigned_by
        ):
            return plan
        return None

    def plan_promotion(self, name: VersionName, token: str, request: VersionRequest) -> Plan | None:
        """Plan the final version of a pre-release, for bump=final.

        Returns None if a concurrent request created the first version of the name. The caller must
        then call this method again.
        """
        target = self._promoted(name, token, request.line)
        # A promotion does not require a final version on the line.
        line = None if target else request.line
        start = self.starting_point(name, request._replace(line=line, initial=None))
        if target is None:
            line_text = f" on line {request.line}" if request.line else ""
            raise InvalidBump(
                f"{name.name!r} has no pre-release{line_text} to promote. Create a pre-release "
                "first, or use bump=major, bump=minor or bump=patch."
            )
        component: Component = "patch" if target.patch else "minor" if target.minor else "major"
        series = component_key(name, component, target)
        value = component_value(target, component)
        plan = Plan(
            series=series,
            component=component,
            target=target,
            label=None,
            base=ZERO_VERSION,
            latest=start.latest,
            next_value=value,
            bump="final",
        )
        (high_water_mark,) = self._store.high_water_marks([series])
        value_of_token = self._state.value_of_token(name, plan, token)
        if (high_water_mark >= value and value_of_token is None) or self._releases.at(name, target):
            raise _already_released(name, target)
        if request.dry_run or self._sync_series(
            name, start, plan, high_water_mark, request.assigned_by
        ):
            return plan
        return None

    def _promoted(self, name: VersionName, token: str, line: Line | None) -> Version | None:
        """The version that a promotion releases: the target of a pre-release.

        Selects the token's highest pre-release, or else the highest on the line. Returns None if
        there is no pre-release.
        """
        for release in self._releases.all_of_token(name, token):
            if release.label and (line is None or line.covers(release.version)):
                return release.version.finalize_version()
        highest = self._releases.highest(name, sort_key_range(line), final=False)
        return highest.version.finalize_version() if highest else None

    def starting_point(self, name: VersionName, request: VersionRequest) -> StartingPoint:
        """Read the state that a bump starts from.

        Raises `LineNotFound`, or `ValueWouldFall` if `initial` cannot be adopted.
        """
        initial = self._initial(name, request)
        latest, lagging = self._state.latest_and_lagging(name, initial)
        base, lagging_of_line = latest, None
        if request.line is not None:
            base, lagging_of_line = self._state.latest_of_line(name, request.line, latest)
        stale_components = tuple(version for version in (lagging, lagging_of_line) if version)
        return StartingPoint(base, latest, initial, stale_components)

    def _initial(self, name: VersionName, request: VersionRequest) -> Version | None:
        """The version to adopt first, or None if none was passed or the name has versions."""
        if request.initial in (None, ZERO_VERSION) or self._state.has_versions(name):
            return None
        try:
            self._adoption.check_manual_values(name, request.initial)
        except ValueWouldFall:
            # A concurrent request may have created the values.
            if self._state.has_versions(name):
                return None
            raise
        return request.initial

    def _sync_series(
        self,
        name: VersionName,
        start: StartingPoint,
        plan: Plan,
        high_water_mark: int,
        assigned_by: str,
    ) -> bool:
        """Adopt the initial version, and advance series that are lower than the records.

        Returns False if a concurrent request created the first version of the name, which makes the
        plan invalid.
        """
        with in_doubt():
            if start.initial:
                if self._state.has_versions(name):
                    return False
                try:
                    self._adoption.adopt(name, start.initial, assigned_by)
                except ValueWouldFall:
                    return False
            for version in start.stale_components:
                self._state.advance_all_to(name, version, assigned_by)
            if high_water_mark < plan.next_value - 1:
                self._state.advance_to(plan.series, plan.next_value - 1, assigned_by)
        return True


def _allowed(line: Line | None) -> tuple[Component, ...]:
    if line is None:
        return COMPONENTS
    return ("minor", "patch") if line.minor is None else ("patch",)


def decide(text: bytes) -> commits.CommitDecision:
    """The bump that commit messages require. Raises `InvalidBump` if there is no message."""
    decision = commits.decide(text.decode("utf-8", errors="replace"))
    if decision is None:
        raise InvalidBump(
            "bump=auto requires commit messages, and the body contains none. Send them as text, "
            "for example git log --format=%B%x00 LAST..HEAD | curl --data-binary @- …, or use "
            "bump=major, bump=minor or bump=patch."
        )
    return decision if decision.bump else decision._replace(bump="patch")


def _already_released(name: VersionName, target: Version) -> AlreadyReleased:
    return AlreadyReleased(
        f"Version {target} of {name.name!r} is already released. It cannot be promoted again. "
        "Create a new pre-release, or use bump=patch."
    )
