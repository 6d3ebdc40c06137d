"""The table of figures and goals."""

import os
import platform
import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import pymongo
import tornado

from bench.figures import Figures

HEAD = ["what", "figure", "goal", "", "requests/s", "p50 ms", "p99 ms", "processor µs a request"]
HEAD += ["bound by"]


@dataclass(frozen=True)
class Row:
    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    figures: Figures | None = None

    def cells(self) -> list[str]:
        goal = "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {self.goal:g}"
        met = ""
        if self.goal is not None:
            over = self.value >= self.goal if self.at_least else self.value <= self.goal
            met = "met" if over else "MISSED"
        digits = f"{self.value:.2f}" if self.value < 10 else f"{self.value:,.0f}"
        cells = [self.name, f"{digits} {self.unit}", goal, met]
        figures = self.figures
        if figures is None:
            return cells + [""] * (len(HEAD) - len(cells))
        cells += [f"{figures.rps:,.0f}", f"{figures.p50_ms:.2f}", f"{figures.p99_ms:.2f}"]
        return [*cells, figures.used(), figures.bound()]


@dataclass
class Table:
    """Rows by the part of the bench that they are from."""

    parts: dict[str, list[Row]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def begin(self, part: str) -> None:
        self.parts[part] = []
        print(f"\n== {part}", flush=True)

    def add(self, row: Row) -> None:
        """Keep the row, and print it at once: a bench is long, and may be cut short."""
        self.parts[list(self.parts)[-1]].append(row)
        print("  ".join(cell for cell in row.cells() if cell), flush=True)

    def tell(self, text: str) -> None:
        """What a part has to say in a form of its own, in place of rows."""
        self.texts[list(self.parts)[-1]] = text
        print(text, flush=True)

    def print(self) -> None:
        """The rows of all parts as one Markdown table."""
        if rows := [row for part in self.parts.values() for row in part]:
            print(f"\n{machine()}\n\n{_markdown(rows)}")

    def write_into(self, document: Path, command: str) -> None:
        """Put each part between `<!-- bench PART -->` and `<!-- end -->` of the document."""
        text = document.read_text()
        for part, rows in self.parts.items():
            block = f"`{command}`: {machine()}\n\n{self.texts.get(part) or _markdown(rows)}"
            pattern = rf"(<!-- bench {re.escape(part)} -->\n).*?(<!-- end -->)"
            text, found = re.subn(
                pattern, lambda match, new=block: f"{match[1]}{new}\n{match[2]}", text, flags=re.S
            )
            if not found:
                raise RuntimeError(f"{document} has no place for {part}: <!-- bench {part} -->")
        document.write_text(text)


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Tornado {tornado.version}, "
        f"SQLite {sqlite3.sqlite_version}, PyMongo {pymongo.version}."
    )


def _markdown(rows: list[Row]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
