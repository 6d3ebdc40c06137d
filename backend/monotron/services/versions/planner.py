"""What step gives a token its version: decided from one reading of where its product stands."""

from typing import NamedTuple, cast

from semver import Version

from monotron.errors import AlreadyReleased, InvalidBump, OutOfLine, ValueWouldFall, in_doubt
from monotron.model import conventional_commits as commits
from monotron.model.allocation import exhausted
from monotron.model.component_keys import COMPONENTS, Component, component_key, label_key, part
from monotron.model.semver import NOTHING, Line, VersionName, sort_key_range
from monotron.model.series import INT64_MAX
from monotron.services.versions.adoption import Adoption
from monotron.services.versions.state import NameState
from monotron.services.versions.types import Plan, VersionRequest
from monotron.store import Store


class StartingPoint(NamedTuple):
    """Where a step starts from, as it was read."""

    newest: Version
    """The newest version of the line."""
    latest: Version
    """The highest final version of all."""
    initial: Version | None = None
    """What is to be adopted first: the product has no version yet."""
    behind: tuple[Version, ...] = ()
    """Versions in the records that the series lag behind: they were deleted and restarted."""


class Planner:
    """Plans steps. Where series lag behind records, a plan that holds has them catch up."""

    def __init__(self, store: Store, standing: NameState, adoption: Adoption) -> None:
        self._store = store
        self._releases = store.releases
        self._standing = standing
        self._adoption = adoption

    def bump(
        self,
        product: VersionName,
        token: str,
        wanted: VersionRequest,
        decision: commits.BumpDecision | None,
    ) -> Plan | None:
        """The step of a component, or of a label of the version that it would give.

        None: somebody else has begun meanwhile, so plan again.
        """
        bump = cast(Component, decision.bump if decision else wanted.bump)
        start = self.start(product, wanted)
        newest = start.newest
        if decision and bump == "major" and newest.major == 0 and wanted.initial_development:
            bump = "minor"
        if bump not in _allowed(wanted.line):
            raise OutOfLine(
                f"On the line {wanted.line} a version can be bumped by "
                f"{' or '.join(_allowed(wanted.line))}, not by {bump}"
                + (f", which {decision.reason!r} asks for." if decision else ".")
                + " Leave `line` out for a bump of the newest version."
            )
        target = newest.next_version(bump)
        series, least = component_key(product, bump, newest), part(target, bump)
        height = least - 1
        if wanted.label:
            if least > INT64_MAX:
                raise exhausted(series)
            series = label_key(product, wanted.label, target)
            (height,) = self._store.high_water_marks([series])
            least = max(height, self._standing.top(product, target, wanted.label)) + 1
        reason = decision.reason if decision else None
        plan = Plan(
            series,
            bump,
            target,
            wanted.label,
            newest,
            start.latest,
            least,
            bump,
            reason,
            start.initial,
        )
        if least > INT64_MAX and self._standing.own(product, plan, token) is None:
            raise exhausted(series)
        # Nothing stands in the way any more.
        return (
            plan
            if wanted.dry_run or self._catch_up(product, start, plan, height, wanted.assigned_by)
            else None
        )

    def promotion(self, product: VersionName, token: str, wanted: VersionRequest) -> Plan | None:
        """The step that makes a pre-release's target final."""
        target = self._promoted(product, token, wanted.line)
        # To promote on, a line that has only pre-releases will do.
        line = None if target else wanted.line
        start = self.start(product, wanted._replace(line=line, initial=None))
        if target is None:
            of = f"on the line {wanted.line} of" if wanted.line else "of"
            raise InvalidBump(
                f"There is no pre-release {of} {product.name!r} to make final. Ask for "
                "bump=major, minor or patch, or for a pre-release first."
            )
        component: Component = "patch" if target.patch else "minor" if target.minor else "major"
        series = component_key(product, component, target)
        value = part(target, component)
        plan = Plan(series, component, target, None, NOTHING, start.latest, value, "final")
        (height,) = self._store.high_water_marks([series])
        given = height >= value and self._standing.own(product, plan, token) is None
        if given or self._releases.at(product, target):
            raise _already_released(product, target)
        return (
            plan
            if wanted.dry_run or self._catch_up(product, start, plan, height, wanted.assigned_by)
            else None
        )

    def _promoted(self, product: VersionName, token: str, line: Line | None) -> Version | None:
        """The version that the token's newest pre-release was for, or else the line's."""
        for release in self._releases.all_of_token(product, token):
            if release.label and (line is None or line.covers(release.version)):
                return release.version.finalize_version()
        newest = self._releases.newest(product, sort_key_range(line), final=False)
        return newest.version.finalize_version() if newest else None

    def start(self, product: VersionName, wanted: VersionRequest) -> StartingPoint:
        """Where a step starts from; `LineNotFound`, or `ValueWouldFall` for the initial version."""
        initial = self._initial(product, wanted)
        latest, lag = self._standing.newest_and_lag(product, initial)
        newest, lag_of_line = latest, None
        if wanted.line is not None:
            newest, lag_of_line = self._standing.newest_of_line(product, wanted.line, latest)
        behind = tuple(each for each in (lag, lag_of_line) if each)
        return StartingPoint(newest, latest, initial, behind)

    def _initial(self, product: VersionName, wanted: VersionRequest) -> Version | None:
        """What to start from, where the product has not begun."""
        if wanted.initial in (None, NOTHING) or self._standing.begun(product):
            return None
        try:
            self._adoption.check_ahead(product, wanted.initial)
        except ValueWouldFall:
            if self._standing.begun(product):  # by now, which is what was found ahead
                return None
            raise
        return wanted.initial

    def _catch_up(
        self, product: VersionName, start: StartingPoint, plan: Plan, height: int, assigned_by: str
    ) -> bool:
        """Raise what lags behind, the plan's series from its height too.

        False: somebody else has begun meanwhile, so the plan does not hold.
        """
        with in_doubt():
            if start.initial:
                if self._standing.begun(product):
                    return False
                try:
                    self._adoption.adopt(product, start.initial, assigned_by)
                except ValueWouldFall:
                    return False
            for version in start.behind:
                self._standing.raise_all(product, version, assigned_by)
            if height < plan.least - 1:
                self._standing.advance_to(plan.series, plan.least - 1, assigned_by)
        return True


def _allowed(line: Line | None) -> tuple[Component, ...]:
    if line is None:
        return COMPONENTS
    return ("minor", "patch") if line.minor is None else ("patch",)


def decide(text: bytes) -> commits.BumpDecision:
    """The bump that commit messages ask for; `InvalidBump` where there are none."""
    decision = commits.decide(text.decode("utf-8", errors="replace"))
    if decision is None:
        raise InvalidBump(
            "bump=auto needs commit messages to read, and the body holds none. Send them as "
            "text, for example git log --format=%B%x00 LAST..HEAD | curl --data-binary @- …, or "
            "ask for bump=major, minor or patch."
        )
    return decision


def _already_released(product: VersionName, target: Version) -> AlreadyReleased:
    return AlreadyReleased(
        f"The version {target} of {product.name!r} was given to another token already, so it "
        "cannot be promoted to again. Make a new pre-release, or ask for bump=patch."
    )
