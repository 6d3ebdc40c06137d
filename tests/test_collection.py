"""Tests keep their names: otherwise the processes of pytest disagree, and the run fails."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from faults.preloaded import library

DAYS = 400


def names_later(folder: Path, paths: list[str], tmp_path: Path) -> set[str]:
    """The names of the tests that another process collects, whose clock is 400 days ahead."""
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("q", DAYS * 86_400 * 10**9))
    preloaded = {"LD_PRELOAD": str(library("clock.c")), "FAULTY_CLOCK_FILE": str(clock)}
    options = ["--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider"]
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *paths],
        cwd=folder,
        env={**os.environ, **preloaded},
        capture_output=True,
        text=True,
        check=True,
    )
    return {line for line in collected.stdout.splitlines() if "::" in line}


def test_a_test_has_the_same_name_in_every_process(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    config = request.config
    later = names_later(config.invocation_params.dir, config.args, tmp_path)
    assert [item.nodeid for item in request.session.items if item.nodeid not in later] == []


def test_a_name_that_contains_the_time_is_detected(tmp_path: Path) -> None:
    module = tmp_path / "test_example.py"
    module.write_text(
        "import datetime, pytest\n"
        "@pytest.mark.parametrize('value', [f'{datetime.datetime.now()}', 'always'])\n"
        "def test_example(value): pass\n"
    )
    (tmp_path / "pytest.ini").touch()
    name = "test_example.py::test_example"
    (changed,) = names_later(tmp_path, [module.name], tmp_path) - {f"{name}[always]"}
    assert changed.startswith(f"{name}[20")
