"""A figure, its goal, and the table of them."""

import os
import platform
import sqlite3
from dataclasses import dataclass, field

import pymongo
import tornado

from bench.load import Result


@dataclass(frozen=True)
class Figures:
    """What stands behind a ratio. Processor time is the server's, for one request."""

    rps: float
    p50_ms: float
    p99_ms: float
    loop_us: float | None = None
    threads_us: float | None = None

    @classmethod
    def of(
        cls,
        result: Result,
        before: tuple[float, float] | None = None,
        after: tuple[float, float] | None = None,
    ) -> "Figures":
        """*before* and *after*: processor microseconds of the event loop and of the threads."""
        loop = threads = None
        if before and after:
            loop, threads = (
                (end - start) / result.requests for start, end in zip(before, after, strict=True)
            )
        return cls(result.rps, result.p50_ms, result.p99_ms, loop, threads)

    def bound(self) -> str:
        """What bounds the figure, by where the processor time of a second went."""
        if self.loop_us is None or self.threads_us is None:
            return "waiting"
        loop, threads = self.loop_us * self.rps / 1e6, self.threads_us * self.rps / 1e6
        name = "event loop" if loop > 0.8 else "two cores, shared" if loop > 0.5 else "the store"
        return f"{name} (loop {loop:.0%}, store threads {threads:.0%} of a core)"


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
        figures = self.figures
        return [
            self.name,
            f"{self.value:.2f} {self.unit}" if self.value < 10 else f"{self.value:.0f} {self.unit}",
            goal,
            met,
            f"{figures.rps:,.0f}" if figures else "",
            f"{figures.p50_ms:.2f}" if figures else "",
            f"{figures.p99_ms:.2f}" if figures else "",
            f"{figures.loop_us:.0f}" if figures and figures.loop_us else "",
            f"{figures.threads_us:.0f}" if figures and figures.threads_us else "",
            figures.bound() if figures else "",
        ]


@dataclass
class Table:
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Keep the row, and print it at once: a bench is long, and may be cut short."""
        self.rows.append(row)
        print("  ".join(cell for cell in row.cells() if cell), flush=True)

    def print(self) -> None:
        """The whole as a Markdown table."""
        print(
            f"\n{os.cpu_count()} cores, Python {platform.python_version()}, Tornado "
            f"{tornado.version}, SQLite {sqlite3.sqlite_version}, PyMongo {pymongo.version}; "
            "64 connections where nothing else is said\n"
        )
        head = ["what", "figure", "goal", "", "requests/s", "p50 ms", "p99 ms"]
        head += ["loop µs", "threads µs", "bound by"]
        rows = [head, ["---"] * len(head), *(row.cells() for row in self.rows)]
        for row in rows:
            print("| " + " | ".join(row) + " |")
