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

from bench import tools
from bench.measuring import Bench
from bench.repository import generate
from bench.steps import Steps
from bench.table import Row
from harness.server import Server

COMMANDS = {
    "setuptools-scm": ("python", "-m", "setuptools_scm"),
    "python-semantic-release": ("semantic-release", "version", "--print"),
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
        taken: dict[tuple[str, str], list[float]] = {each: [] for each in measures}
        for _ in range(2 * bench.rounds + 1):
            for each, measure in measures.items():
                taken[each].append(measure())
    _tell(bench, {each: median(times) for each, times in taken.items()}, names)


def _tell(bench: Bench, seconds: dict[tuple[str, str], float], names: dict[str, str]) -> None:
    for name in ("ours", *COMMANDS):
        label = f"CI step: {names.get(name, 'the action')}, {LARGE}"
        unit = f"ms ({1000 * seconds[name, SMALL]:.0f} with {SMALL})"
        bench.table.add(Row(label, 1000 * seconds[name, LARGE], unit))
    ours = seconds["ours", LARGE]
    fastest = min(COMMANDS, key=lambda name: seconds[name, LARGE])
    for label, ratio, unit, goal in (
        ("the fastest of them", ours / seconds[fastest, LARGE], f"of {names[fastest]}", 1.0),
        (
            "python-semantic-release",
            ours / seconds["python-semantic-release", LARGE],
            "of its time",
            OF_SEMANTIC_RELEASE,
        ),
        ("itself", ours / seconds["ours", SMALL], f"of its time with {SMALL}", SAME),
    ):
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
