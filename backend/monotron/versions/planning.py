"""What step gives a token its version: decided from one reading of where its product stands."""

from contextlib import suppress
from typing import cast

from semver import Version

from monotron import commits
from monotron.errors import AlreadyReleased, InvalidBump, OutOfLine, ValueWouldFall
from monotron.model import INT64_MAX
from monotron.semantic import NOTHING, Line, Product, places
from monotron.store import Store
from monotron.store.base import exhausted
from monotron.versions.adoption import Adoption
from monotron.versions.standing import Standing
from monotron.versions.words import (
    COMPONENTS,
    Component,
    Plan,
    Wanted,
    component_key,
    label_key,
    part,
)


class Planner:
    """Plans steps. Writes nothing, but where series lag behind records."""

    def __init__(self, store: Store, standing: Standing, adoption: Adoption) -> None:
        self._store = store
        self._releases = store.releases
        self._standing = standing
        self._adoption = adoption

    def bump(self, product: Product, wanted: Wanted, text: bytes) -> Plan:
        """The step of a component, or of a label of the version that it would give."""
        decision = _decide(text) if wanted.bump == "auto" else None
        bump = cast(Component, decision.bump if decision else wanted.bump)
        newest, latest = self.start(product, wanted)
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
            if not wanted.dry_run and top > self._store.heights([series])[0]:
                self._standing.raise_to(series, top)  # it was deleted and restarted
            least = top + 1
        else:
            series = component_key(product, bump, newest)
            least = part(target, bump)
        reason = decision.reason if decision else None
        return Plan(series, bump, target, newest, latest, least, bump, reason)

    def promotion(self, product: Product, token: str, wanted: Wanted) -> Plan:
        """The step that makes a pre-release's target final."""
        _, latest = self.start(product, wanted._replace(initial=None))  # the line must exist
        target = self._promoted(product, token, wanted.line)
        component: Component = "patch" if target.patch else "minor" if target.minor else "major"
        series = component_key(product, component, target)
        value = part(target, component)
        (height,) = self._store.heights([series])
        given = height >= value and self._standing.own(series, token) != value
        if given or self._releases.at(product, target):
            raise _already_released(product, target)
        if height < value - 1 and not wanted.dry_run:
            self._standing.raise_to(series, value - 1)
        return Plan(series, component, target, NOTHING, latest, value, "final")

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

    def start(self, product: Product, wanted: Wanted) -> tuple[Version, Version]:
        """The newest version of the line, which counting goes on from, and the highest of all."""
        recorded = self._releases.newest(product, places(), final=True)
        known = recorded.version if recorded else NOTHING
        counted = self._standing.counted(product, known)
        if wanted.initial and max(known, counted) == NOTHING:
            known = self._start_from(product, wanted.initial, dry_run=wanted.dry_run)
        if known > counted and not wanted.dry_run:
            # Started just now; or a component was deleted and restarted, and must not give
            # anything again.
            self._standing.raise_all(product, known)
            counted = self._standing.counted(product, known)
        latest = max(known, counted)
        if wanted.line is None:
            return latest, latest
        return self._standing.newest_of_line(
            product, wanted.line, latest, dry_run=wanted.dry_run
        ), latest

    def _start_from(self, product: Product, initial: Version, *, dry_run: bool) -> Version:
        """Where a product without any version starts."""
        if self._releases.newest(product, places(), final=None):
            return NOTHING  # it has pre-releases
        if not dry_run:
            with suppress(ValueWouldFall):  # somebody else has given the first one meanwhile
                self._adoption.adopt(product, initial)
        return initial


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
