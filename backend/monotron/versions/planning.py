"""What step gives a token its version: decided from one reading of where its product stands."""

from contextlib import suppress
from typing import NamedTuple, cast

from semver import Version

from monotron import commits
from monotron.components import COMPONENTS, Component, component_key, label_key, part
from monotron.errors import AlreadyReleased, InvalidBump, OutOfLine, ValueWouldFall
from monotron.model import INT64_MAX
from monotron.semantic import NOTHING, Line, Product, places
from monotron.store import Store
from monotron.store.base import exhausted
from monotron.versions.adoption import Adoption
from monotron.versions.standing import Standing
from monotron.versions.words import Plan, Wanted


class Start(NamedTuple):
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

    def __init__(self, store: Store, standing: Standing, adoption: Adoption) -> None:
        self._store = store
        self._releases = store.releases
        self._standing = standing
        self._adoption = adoption

    def bump(self, product: Product, wanted: Wanted, text: bytes) -> Plan:
        """The step of a component, or of a label of the version that it would give."""
        decision = _decide(text) if wanted.bump == "auto" else None
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
        if part(target, bump) > INT64_MAX:
            raise exhausted(component_key(product, bump, newest))
        if wanted.label:
            series = label_key(product, wanted.label, target)
            top = self._standing.top(product, target, wanted.label)
            least = top + 1
        else:
            series, top = component_key(product, bump, newest), 0
            least = part(target, bump)
        if not wanted.dry_run:  # nothing stands in the way any more
            self._catch_up(product, start, wanted.by)
            if top > self._store.heights([series])[0]:
                self._standing.raise_to(series, top, wanted.by)
        reason = decision.reason if decision else None
        return Plan(series, bump, target, newest, start.latest, least, bump, reason)

    def promotion(self, product: Product, token: str, wanted: Wanted) -> Plan:
        """The step that makes a pre-release's target final."""
        start = self.start(product, wanted._replace(initial=None))  # the line must exist
        target = self._promoted(product, token, wanted.line)
        component: Component = "patch" if target.patch else "minor" if target.minor else "major"
        series = component_key(product, component, target)
        value = part(target, component)
        (height,) = self._store.heights([series])
        given = height >= value and self._standing.own(series, token) != value
        if given or self._releases.at(product, target):
            raise _already_released(product, target)
        if not wanted.dry_run:
            self._catch_up(product, start, wanted.by)
            if height < value - 1:
                self._standing.raise_to(series, value - 1, wanted.by)
        return Plan(series, component, target, NOTHING, start.latest, value, "final")

    def _promoted(self, product: Product, token: str, line: Line | None) -> Version:
        """The version that the token's newest pre-release was for, or else the line's."""
        for release in self._releases.all_of_token(product, token):
            if release.label and (line is None or line.covers(release.version)):
                return release.version.finalize_version()
        newest = self._releases.newest(product, places(line), final=False)
        if newest is None:
            of = f"on the line {line} of" if line else "of"
            raise InvalidBump(
                f"There is no pre-release {of} {product.name!r} to make final. Ask for "
                "bump=major, minor or patch, or for a pre-release first."
            )
        return newest.version.finalize_version()

    def start(self, product: Product, wanted: Wanted) -> Start:
        """Where a step starts from; `LineNotFound`, or `ValueWouldFall` for the initial version."""
        recorded = self._releases.newest(product, places(), final=True)
        known = recorded.version if recorded else NOTHING
        counted = self._standing.counted(product, known)
        initial = None
        if wanted.initial and max(known, counted) == NOTHING and not self._pre_released(product):
            known = initial = wanted.initial
            self._adoption.check_ahead(product, initial)
        behind = [known] if known > counted else []
        # The larger components of what is recorded may have smaller ones that were counted on.
        latest = self._standing.ahead(product, known) if behind else counted
        newest = latest
        if wanted.line is not None:
            newest, lag = self._standing.newest_of_line(product, wanted.line, latest)
            behind += [lag] if lag else []
        return Start(newest, latest, initial, tuple(behind))

    def _pre_released(self, product: Product) -> bool:
        return self._releases.newest(product, places(), final=None) is not None

    def _catch_up(self, product: Product, start: Start, by: str) -> None:
        if start.initial:
            with suppress(ValueWouldFall):  # somebody else has given the first one meanwhile
                self._adoption.adopt(product, start.initial, by)
        for version in start.behind:
            self._standing.raise_all(product, version, by)


def _allowed(line: Line | None) -> tuple[Component, ...]:
    if line is None:
        return COMPONENTS
    return ("minor", "patch") if line.minor is None else ("patch",)


def _decide(text: bytes) -> commits.Decision:
    decision = commits.decide(text.decode("utf-8", errors="replace"))
    if decision is None:
        raise InvalidBump(
            "bump=auto needs commit messages to read, and the body holds none. Send them as "
            "text, for example git log --format=%B%x00 LAST..HEAD | curl --data-binary @- …, or "
            "ask for bump=major, minor or patch."
        )
    return decision


def _already_released(product: Product, target: Version) -> AlreadyReleased:
    return AlreadyReleased(
        f"The version {target} of {product.name!r} was given to another token already, so it "
        "cannot be promoted to again. Make a new pre-release, or ask for bump=patch."
    )
