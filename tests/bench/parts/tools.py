"""The time of a CI step from start to outputs, compared with tools that read the git history.

Each tool has its fastest options: git-cliff has `--unreleased`, commitizen writes nothing, and
python-semantic-release contacts no forge. The service that the step needs is running.
"""

import os
import subprocess
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bench import pypi_tools
from bench.action_steps import ActionSteps
from bench.measuring import Bench
from bench.repository import generate
from bench.table import TableRow
from support.server import Server

StepTimes: TypeAlias = dict[tuple[str, str], list[float]]
"""Seconds of each round, by tool and repository."""

SEMANTIC_RELEASE = "python-semantic-release"
COMMANDS = {
    "setuptools-scm": ("python", "-m", "setuptools_scm"),
    SEMANTIC_RELEASE: ("semantic-release", "version", "--print"),
    "commitizen": ("cz", "bump", "--get-next"),
    "git-cliff": ("git-cliff", "--bumped-version", "--unreleased"),
}
REPOSITORIES = {"10,000 commits": (10_000, 1_000), "10 commits": (10, 1)}
LARGE, SMALL = REPOSITORIES
SEMANTIC_RELEASE_GOAL = 0.1
HISTORY_GOAL = 1.1


def run(bench: Bench) -> None:
    folders = {
        size: generate(bench.folder / f"repository-{commits}", commits, tags)
        for size, (commits, tags) in REPOSITORIES.items()
    }
    names = {name: f"{name} {pypi_tools.version(name)}" for name in COMMANDS}
    with Server("sqlite://") as server:
        steps = ActionSteps(server.url, bench.folder)
        measures = {
            ("monotron", size): partial(steps.action, workspace=folder)
            for size, folder in folders.items()
        }
        for size, folder in folders.items():
            for name in COMMANDS:
                measures[name, size] = partial(_seconds, name, folder)
        times: StepTimes = {step: [] for step in measures}
        for _ in range(2 * bench.rounds + 1):
            for step, measure in measures.items():
                times[step].append(measure())
    _add_rows(bench, times, names)
    _fetch(bench, folders[LARGE])


def _fetch(bench: Bench, folder: Path) -> None:
    """Add a row with the time to fetch the history, here from a disk instead of a network."""
    seconds: dict[str, list[float]] = {"all": [], "one": []}
    for number in range(bench.rounds):
        for name, options in (("all", []), ("one", ["--depth", "1"])):
            clone = bench.folder / f"clone-{name}-{number}"
            started = time.perf_counter()
            command = ["git", "clone", "-q", *options, f"file://{folder}", clone]
            subprocess.run(command, check=True)
            seconds[name].append(time.perf_counter() - started)
    unit = f"ms ({1000 * median(seconds['one']):.0f} for the last commit alone), from a disk"
    label = f"CI step: fetching the history first, {LARGE}"
    bench.table.add(TableRow(label, 1000 * median(seconds["all"]), unit))


def _add_rows(bench: Bench, times: StepTimes, names: dict[str, str]) -> None:
    for name in ("monotron", *COMMANDS):
        large, small = (1000 * median(times[name, size]) for size in REPOSITORIES)
        label = f"CI step: {names.get(name, 'the action')}, {LARGE}"
        bench.table.add(TableRow(label, large, f"ms ({small:.0f} with {SMALL})"))
    fastest = min(COMMANDS, key=lambda name: median(times[name, LARGE]))
    for label, base, unit, goal in (
        ("the fastest of them", (fastest, LARGE), f"of {names[fastest]}", 1.0),
        (SEMANTIC_RELEASE, (SEMANTIC_RELEASE, LARGE), "of its time", SEMANTIC_RELEASE_GOAL),
        ("itself", ("monotron", SMALL), f"of its time with {SMALL}", HISTORY_GOAL),
    ):
        ratio = median(a / b for a, b in zip(times["monotron", LARGE], times[base], strict=True))
        bench.table.add(
            TableRow(f"CI step: the action against {label}, {LARGE}", ratio, unit, goal)
        )


def _seconds(name: str, folder: Path) -> float:
    """The time in seconds that a tool needs to determine the next version."""
    programs = pypi_tools.bin_folder()
    program, *arguments = COMMANDS[name]
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    started = time.perf_counter()
    completed = subprocess.run(
        [programs / program, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if completed.returncode or "1." not in completed.stdout:
        raise RuntimeError(f"{name} found no version: {completed.stdout}{completed.stderr}")
    return seconds
