"""The folder in which several processes share their metrics: private, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from monotron.metrics_folder import PREFIX, metrics_folder

SERVER = """
import os, sys
from monotron.metrics_folder import metrics_folder
with metrics_folder() as folder:
    child = os.fork()
    if child:
        print(folder, flush=True)
    sys.stdin.read()
    if not child:
        os._exit(0)
"""
"""A supervisor with one process. Both end when their stdin is closed."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class OtherServer:
    """Another supervisor with a process, and the folder that they use."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": tempfile.gettempdir()},
        )
        assert self._process.stdout
        self.folder = Path(self._process.stdout.readline().strip())
        self.kill_supervisor = self._process.kill

    def end(self) -> None:
        """Wait until both have ended."""
        self._process.communicate()


@pytest.fixture
def other(temporary: Path) -> Iterator[OtherServer]:
    server = OtherServer()
    yield server
    server.end()


def test_a_folder_is_private_and_is_removed_at_the_end(temporary: Path) -> None:
    with metrics_folder() as folder:
        assert Path(folder).parent == temporary
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        Path(folder, "counter_1.db").touch()
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_running_server_remains(temporary: Path, other: OtherServer) -> None:
    with metrics_folder() as folder:
        assert set(temporary.iterdir()) == {other.folder, Path(folder)}


def test_the_folder_of_a_killed_supervisor_is_removed_when_its_processes_have_ended(
    temporary: Path, other: OtherServer
) -> None:
    (other.folder / "counter_1.db").touch()
    other.kill_supervisor()
    with metrics_folder():
        assert other.folder.exists()
    other.end()
    assert other.folder.exists()
    with metrics_folder() as folder:
        assert list(temporary.iterdir()) == [Path(folder)]


def test_other_files_with_such_a_name_remain(temporary: Path) -> None:
    file, target, link = (temporary / name for name in (f"{PREFIX}file", "x", f"{PREFIX}link"))
    file.touch()
    target.mkdir()
    link.symlink_to(target)
    with metrics_folder():
        pass
    assert set(temporary.iterdir()) == {file, target, link}
