"""Charts as numbers for SVG, each with a text that states the same. Pure: no I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from monotron.model.semver import Release
from monotron.model.series import LedgerEntry
from monotron.model.timestamps import rfc3339_from_ms

WIDTH, HEIGHT = 1000, 80
"""The size of the drawing, without its margins. The page scales it."""

_SIZES = {"major": 1.0, "minor": 0.65, "patch": 0.35}
_PRE_RELEASE_SIZE = 0.2


class Stem(NamedTuple):
    """A vertical line for a release, with a point at its end."""

    x: int
    y: int
    kind: str
    """`final`, `pre` or `taken-back`, the class in the style sheet."""


class StemPaths(NamedTuple):
    """The stems of one kind, as the data of two SVG paths: many elements would take longer."""

    kind: str
    lines: str
    points: str


class Chart(NamedTuple):
    """A drawing over time."""

    stems: list[Stem]
    curve: str
    """The points of a line; empty if the chart consists of stems."""
    start: int
    """Milliseconds since the epoch, UTC."""
    end: int
    text: str

    @property
    def stem_paths(self) -> list[StemPaths]:
        """The stems of each kind, in order of the kind's first one."""
        kinds = dict.fromkeys(stem.kind for stem in self.stems)
        return [
            _stem_paths(kind, [each for each in self.stems if each.kind == kind]) for kind in kinds
        ]


def release_chart(releases: Sequence[Release]) -> Chart | None:
    """The releases over time; None for fewer than two with a known time."""
    dated = [each for each in releases if each.created_at is not None]
    times = [each.created_at or 0 for each in dated]
    if len(dated) < 2:
        return None
    start, end = min(times), max(times)
    stems = [
        Stem(_position(each.created_at or 0, start, end), _top(each), _kind(each))
        for each in sorted(dated, key=lambda each: (each.created_at or 0, each.position))
    ]
    return Chart(stems, "", start, end, _release_text(dated, start, end))


def ledger_chart(rows: Sequence[LedgerEntry]) -> Chart | None:
    """The values of a series over time; None for fewer than two entries. *rows*: newest first."""
    if len(rows) < 2:
        return None
    times = [row.created_at for row in rows]
    values = [row.entry.value for row in rows]
    start, end, lowest, highest = min(times), max(times), values[-1], values[0]
    curve = " ".join(
        f"{_position(row.created_at, start, end)},"
        f"{HEIGHT - _position(row.entry.value, lowest, highest) * HEIGHT // WIDTH}"
        for row in reversed(rows)
    )
    text = f"Values {lowest} to {highest} were assigned {_between(start, end)}."
    return Chart([], curve, start, end, text)


def component(release: Release) -> str:
    """The component of the version that was incremented last."""
    target = release.target
    return "patch" if target.patch else "minor" if target.minor else "major"


def _position(value: int, start: int, end: int) -> int:
    """From 0 to the width; the middle if all values are equal."""
    return WIDTH // 2 if start == end else (value - start) * WIDTH // (end - start)


def _top(release: Release) -> int:
    size = _SIZES[component(release)] if release.label is None else _PRE_RELEASE_SIZE
    return round(HEIGHT * (1 - size))


def _kind(release: Release) -> str:
    if release.withdrawn is not None:
        return "taken-back"
    return "final" if release.label is None else "pre"


def _stem_paths(kind: str, stems: Sequence[Stem]) -> StemPaths:
    lines = "".join(f"M{x} {HEIGHT}V{y}" for x, y, _ in stems)
    return StemPaths(kind, lines, "".join(f"M{x} {y}h.01" for x, y, _ in stems))


def _release_text(releases: Sequence[Release], start: int, end: int) -> str:
    finals = [component(each) for each in releases if each.label is None]
    counts = [(finals.count(name), f"{name} version") for name in _SIZES]
    counts.append((len(releases) - len(finals), "pre-release"))
    parts = [_number(count, noun) for count, noun in counts if count]
    withdrawn = sum(each.withdrawn is not None for each in releases)
    of_these = f" {withdrawn} of these withdrawn." if withdrawn else ""
    return f"{', '.join(parts)} {_between(start, end)}.{of_these}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _between(start: int, end: int) -> str:
    first, last = rfc3339_from_ms(start)[:10], rfc3339_from_ms(end)[:10]
    return f"on {first}" if first == last else f"from {first} to {last}"
