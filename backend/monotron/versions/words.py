"""The words of a request for a version and of its answer, and the keys of its series."""

from typing import Literal, NamedTuple, get_args

from semver import Version

from monotron.errors import InvalidName
from monotron.model import ANYBODY, INT64_MAX, MAX_LENGTH, SeriesKey
from monotron.semantic import Line, Product, Release, places, pre_release

Component = Literal["major", "minor", "patch"]
COMPONENTS: tuple[Component, ...] = get_args(Component)

Bump = Literal["major", "minor", "patch", "final", "auto"]
BUMPS: tuple[Bump, ...] = get_args(Bump)


class Wanted(NamedTuple):
    """What a request for a version asks for."""

    bump: Bump = "patch"
    label: str | None = None
    line: Line | None = None
    metadata: str | None = None
    initial: Version | None = None
    reuse_on_conflict: bool = False
    initial_development: bool = True
    """Whether a breaking change of 0.x is a minor step."""
    dry_run: bool = False
    by: str = ANYBODY
    """The name of the principal who asks: kept with what is given, and decides nothing."""


class Answer(NamedTuple):
    """A release, whether it is the highest final one, and whether it was given before."""

    release: Release
    latest: bool
    reused: bool


class Plan(NamedTuple):
    """The step that gives a token its version."""

    series: SeriesKey
    component: Component
    target: Version
    """What the step gives if nobody else is faster; of a pre-release, what it is one of."""
    label: str | None
    newest: Version
    """The newest version of the line that it starts from."""
    latest: Version
    """The highest final version when it was planned."""
    least: int
    """The value that the step gives if nobody else is faster, and no less unless restarted."""
    bump: str
    reason: str | None = None
    initial: Version | None = None
    """What is started from, where the product had not begun."""

    def version(self, value: int) -> Version:
        """What the token is given if the step gives this value."""
        if self.label:
            return pre_release(self.target, self.label, value)
        return self.target.replace(**{self.component: value})

    @property
    def up_to(self) -> int:
        """The last value that is of use: a promotion is to its target or to nothing."""
        return self.least if self.bump == "final" else INT64_MAX

    @property
    def scope(self) -> tuple[str, str]:
        """The places of all versions that are counted in the series, or below it."""
        if self.label:
            return places(target=self.target, label=self.label)
        major, minor = self.target.major, self.target.minor
        lines = {"major": None, "minor": Line(major), "patch": Line(major, minor)}
        return places(lines[self.component])


def component_key(product: Product, component: Component, of: Version) -> SeriesKey:
    """The series that counts a component of the versions that share the larger ones."""
    scope = {"major": "", "minor": f"-v{of.major}", "patch": f"-v{of.major}.{of.minor}"}[component]
    return SeriesKey(product.account, f"{product.name}-{component}{scope}")


def label_key(product: Product, label: str, target: Version) -> SeriesKey:
    """The series that counts the pre-releases of one target and label."""
    key = f"{product.name}-{label}-v{target}"
    if len(key) > MAX_LENGTH:
        raise InvalidName(
            f"The name is too long for pre-releases of {target}: the key of their series would "
            f"have {len(key)} characters, and a key has at most {MAX_LENGTH}."
        )
    return SeriesKey(product.account, key)


def part(version: Version, component: Component) -> int:
    """The number that a version has as its component."""
    return int(getattr(version, component))
