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
class TableRow:
    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    figures: Figures | None = None

    def cells(self) -> list[str]:
        goal = "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {self.goal:g}"
        verdict = ""
        if self.goal is not None:
            is_met = self.value >= self.goal if self.at_least else self.value <= self.goal
            verdict = "met" if is_met else "MISSED"
        value = f"{self.value:.2f}" if self.value < 10 else f"{self.value:,.0f}"
        cells = [self.name, f"{value} {self.unit}", goal, verdict]
        figures = self.figures
        if figures is None:
            return cells + [""] * (len(HEAD) - len(cells))
        cells += [f"{figures.rps:,.0f}", f"{figures.p50_ms:.2f}", f"{figures.p99_ms:.2f}"]
        return [*cells, figures.cpu_text(), figures.bottleneck()]


@dataclass
class Table:
    """Rows, or a text, of each part of the benchmark."""

    parts: dict[str, list[TableRow]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def begin(self, part: str) -> None:
        self.parts[part] = []
        print(f"\n== {part}", flush=True)

    def add(self, row: TableRow) -> None:
        """Add a row, and print it immediately because a long run may be interrupted."""
        self.parts[list(self.parts)[-1]].append(row)
        print("  ".join(cell for cell in row.cells() if cell), flush=True)

    def set_text(self, text: str) -> None:
        """Set the result of a part that has a text instead of rows, and print it."""
        self.texts[list(self.parts)[-1]] = text
        print(text, flush=True)

    def print(self) -> None:
        """Print the rows of all parts as one Markdown table."""
        if rows := [row for part in self.parts.values() for row in part]:
            print(f"\n{machine()}\n\n{_markdown(rows)}")

    def write_into(self, document: Path, command: str) -> None:
        """Write each part between `<!-- bench PART -->` and `<!-- end -->` of the document."""
        text = document.read_text()
        for part, rows in self.parts.items():
            block = f"`{command}`: {machine()}\n\n{self.texts.get(part) or _markdown(rows)}"
            pattern = rf"(<!-- bench {re.escape(part)} -->\n).*?(<!-- end -->)"
            text, replacements = re.subn(
                pattern, lambda match, new=block: f"{match[1]}{new}\n{match[2]}", text, flags=re.S
            )
            if not replacements:
                raise RuntimeError(
                    f"{document} does not contain <!-- bench {part} --> … <!-- end -->"
                )
        document.write_text(text)


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Tornado {tornado.version}, "
        f"SQLite {sqlite3.sqlite_version}, PyMongo {pymongo.version}."
    )


def _markdown(rows: list[TableRow]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
