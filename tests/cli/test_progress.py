"""Progress bars: on standard error, and only if it is a terminal."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monotron.model.series import SeriesKey
from monotron.store import open_store
from monotron.store.sqlite.backup import PAGES_PER_STEP
from support.server import Server
from support.store_contents import apply, put, set_attributes
from support.terminal import Terminal

STORE = ("--store", "sqlite:///monotron.db")
BACKUP = ("backup", "copy.db")
COMMANDS = {
    "audit": ("audit", *STORE),
    "backup": (*BACKUP, *STORE),
    "restore": ("restore", "original.db", "--store", "sqlite:///new.db", "--fast-forward", "1"),
    "export": ("export", *STORE),
    "import": ("import", "original.ndjson", "--store", "sqlite:///new.db"),
}


@pytest.fixture
def folder(offline: Terminal) -> Terminal:
    """A folder with a store, its backup, and its export."""
    path = offline.folder
    with closing(open_store(f"sqlite:///{path}/monotron.db")) as store:
        apply(store, put(SeriesKey(1, "web"), "a"))
        for number in range(200):
            apply(store, set_attributes(SeriesKey(1, "web"), f"{number}", ("text", 8000 * "a")))
    offline.prints("backup", "original.db", *STORE)
    export = offline.run("export", *STORE).stdout
    (path / "original.ndjson").write_text(export)
    return offline


def shown(folder: Terminal, command: tuple[str, ...]) -> bytes:
    """What a command that succeeds writes to standard error, which is a terminal."""
    controller, terminal = pty.openpty()
    with os.fdopen(controller, "rb", buffering=0) as screen, os.fdopen(terminal, "wb") as stderr:
        with (folder.folder / "output").open("wb") as stdout:
            process = folder.start(*command, stdout=stdout, stderr=stderr)
        stderr.write(b"end")
        stderr.flush()
        text = b""
        while not text.endswith(b"end"):
            text += screen.read(1 << 16)
    assert process.returncode == 0, text
    return text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_its_progress_on_a_terminal(name: str, folder: Terminal) -> None:
    text = shown(folder, COMMANDS[name])
    assert b"\r" in text
    assert b"[" in text
    if name in ("backup", "restore"):
        assert b" 100%" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_no_progress_in_a_pipe(name: str, folder: Terminal) -> None:
    process = folder.run(*COMMANDS[name])
    assert process.returncode == 0
    assert "[" not in process.stderr
    assert "\r" not in process.stderr


@pytest.fixture
def server(folder: Terminal) -> Iterator[Server]:
    with Server(f"sqlite:///{folder.folder}/monotron.db") as server:
        yield server


def test_a_backup_from_a_server_shows_its_progress(server: Server, folder: Terminal) -> None:
    text = shown(folder, (*BACKUP, "--url", server.url))
    assert b" 100%" in text


def test_a_backup_reports_all_of_its_bytes_in_steps(folder: Terminal, tmp_path: Path) -> None:
    written: list[int] = []
    with closing(open_store(f"sqlite:///{folder.folder}/monotron.db")) as store:
        store.backup(tmp_path / "steps.db", written.append)
    assert sum(written) == (tmp_path / "steps.db").stat().st_size
    assert len(written) > 1
    assert max(written) <= PAGES_PER_STEP * 4096
