"""A step of a pipeline, from start to outputs, beside tools that read git's history.

Each as its users make it fast: git-cliff with `--unreleased`, commitizen without writing anything,
python-semantic-release without a forge to ask. A service has to run for our step, and does.
"""

import os
import subprocess
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bench import tools
from bench.measuring import Bench
from bench.repository import generate
from bench.steps import Steps
from bench.table import Row
from support.server import Server

Taken: TypeAlias = dict[tuple[str, str], list[float]]
"""Seconds by tool and repository, round by round."""

SEMANTIC_RELEASE = "python-semantic-release"
COMMANDS = {
    "setuptools-scm": ("python", "-m", "setuptools_scm"),
    SEMANTIC_RELEASE: ("semantic-release", "version", "--print"),
    "commitizen": ("cz", "bump", "--get-next"),
    "git-cliff": ("git-cliff", "--bumped-version", "--unreleased"),
}
REPOSITORIES = {"10,000 commits": (10_000, 1_000), "10 commits": (10, 1)}
LARGE, SMALL = REPOSITORIES
OF_SEMANTIC_RELEASE = 0.1
SAME = 1.1


def run(bench: Bench) -> None:
    folders = {
        size: generate(bench.folder / f"repository-{commits}", commits, tags)
        for size, (commits, tags) in REPOSITORIES.items()
    }
    names = {name: f"{name} {tools.version(name)}" for name in COMMANDS}
    with Server("sqlite://") as server:
        steps = Steps(server.url, bench.folder)
        measures = {
            ("ours", size): partial(steps.action, workspace=folder)
            for size, folder in folders.items()
        }
        for size, folder in folders.items():
            for name in COMMANDS:
                measures[name, size] = partial(_seconds, name, folder)
        taken: Taken = {each: [] for each in measures}
        for _ in range(2 * bench.rounds + 1):
            for each, measure in measures.items():
                taken[each].append(measure())
    _tell(bench, taken, names)
    _fetch(bench, folders[LARGE])


def _fetch(bench: Bench, folder: Path) -> None:
    """What the history costs before anybody reads it; here from a disk, not over a network."""
    seconds: dict[str, list[float]] = {"all": [], "one": []}
    for number in range(bench.rounds):
        for name, options in (("all", []), ("one", ["--depth", "1"])):
            clone = bench.folder / f"clone-{name}-{number}"
            begin = time.perf_counter()
            command = ["git", "clone", "-q", *options, f"file://{folder}", clone]
            subprocess.run(command, check=True)
            seconds[name].append(time.perf_counter() - begin)
    unit = f"ms ({1000 * median(seconds['one']):.0f} for the last commit alone), from a disk"
    label = f"CI step: fetching the history first, {LARGE}"
    bench.table.add(Row(label, 1000 * median(seconds["all"]), unit))


def _tell(bench: Bench, taken: Taken, names: dict[str, str]) -> None:
    for name in ("ours", *COMMANDS):
        large, small = (1000 * median(taken[name, size]) for size in REPOSITORIES)
        label = f"CI step: {names.get(name, 'the action')}, {LARGE}"
        bench.table.add(Row(label, large, f"ms ({small:.0f} with {SMALL})"))
    fastest = min(COMMANDS, key=lambda name: median(taken[name, LARGE]))
    for label, base, unit, goal in (
        ("the fastest of them", (fastest, LARGE), f"of {names[fastest]}", 1.0),
        (SEMANTIC_RELEASE, (SEMANTIC_RELEASE, LARGE), "of its time", OF_SEMANTIC_RELEASE),
        ("itself", ("ours", SMALL), f"of its time with {SMALL}", SAME),
    ):
        ratio = median(a / b for a, b in zip(taken["ours", LARGE], taken[base], strict=True))
        bench.table.add(Row(f"CI step: the action against {label}, {LARGE}", ratio, unit, goal))


def _seconds(name: str, folder: Path) -> float:
    """How long the tool takes to tell the next version."""
    programs = tools.folder()
    program, *arguments = COMMANDS[name]
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    begin = time.perf_counter()
    done = subprocess.run(
        [programs / program, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    if done.returncode or "1." not in done.stdout:
        raise RuntimeError(f"{name} found no version: {done.stdout}{done.stderr}")
    return seconds
