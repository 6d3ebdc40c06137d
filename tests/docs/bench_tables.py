"""The figures in the tables of docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PART = re.compile(r"(?s)<!-- bench (\w+) -->\n(.*?)<!-- end -->")
_FIGURE = re.compile(r"([\d,.]+) ?(.*)")


class MissingFigure(Exception):
    """A figure has not been measured yet. The message states the command that measures it."""


@dataclass(frozen=True)
class MeasuredRow:
    """One row: its figure with unit, and what was measured for it, if anything."""

    value: float
    unit: str
    rps: float = 0.0
    p50_ms: float = 0.0
    cpu_us: Mapping[str, float] | None = None
    """Processor time per request in microseconds, by user."""

    @property
    def server_us(self) -> float:
        """Processor time of all threads of the server, in microseconds."""
        return self.used("event loop") + self.used("store threads")

    def used(self, user: str) -> float:
        """Processor time per request of a user; 0 if the row does not have it."""
        return (self.cpu_us or {}).get(user, 0.0)


class MeasuredTables:
    """The rows of all parts. If a name occurs several times in a part, its first row counts."""

    def __init__(self, page: str) -> None:
        self._parts = {part: _rows(text) for part, text in _PART.findall(page)}

    def row(self, part: str, name: str) -> MeasuredRow:
        """Return a row of a part. Raises MissingFigure."""
        found = self._parts.get(part, {}).get(name)
        if found is None:
            raise MissingFigure(
                f"docs/performance.md has no row {name!r} in part {part}. Run "
                f"`PYTHONPATH=tests .venv/bin/python -m bench {part} --into docs/performance.md`."
            )
        return found


def _rows(text: str) -> dict[str, MeasuredRow]:
    rows: dict[str, MeasuredRow] = {}
    for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in line.split(" | ")]
        match = _FIGURE.fullmatch(cells[1]) if len(cells) > 7 else None
        if match:
            rps, p50, cpu = cells[4], cells[5], cells[7]
            figure = MeasuredRow(_number(match[1]), match[2], _number(rps), _number(p50), _cpu(cpu))
            rows.setdefault(cells[0], figure)
    return rows


def _cpu(cell: str) -> dict[str, float]:
    used = (part.rpartition(" ") for part in cell.split(", ") if part)
    return {user: float(amount) for user, _, amount in used}


def _number(text: str) -> float:
    return float(text.replace(",", "") or 0)
