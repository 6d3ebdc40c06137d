"""The project's own self-test workflow, as it is, on the runner that is here."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.workflows import ACT, ROOT, SECONDS, environment


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose servers are ended with it, also where the workflow did not get that far."""
    yield tmp_path
    for file in tmp_path.rglob("server.pid"):
        command = Path("/proc") / file.read_text().strip() / "cmdline"
        if command.exists() and str(tmp_path) in command.read_text():
            os.kill(int(file.read_text()), signal.SIGKILL)


def test_the_self_test_passes(folder: Path) -> None:
    project = folder / "project"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).exists() and not name.startswith("tests/"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    # What its steps need of setup-python is here already.
    stub = folder / "setup-python"
    stub.mkdir()
    (stub / "action.yml").write_text(
        "name: stub\ndescription: stub\ninputs: {python-version: {description: ''}}\n"
        "runs: {using: composite, steps: [{run: python3 --version, shell: bash}]}\n"
    )
    workflow = project / ".github" / "workflows" / "self-test.yml"
    (uses,) = {
        line.split()[2] for line in workflow.read_text().splitlines() if "/setup-python@" in line
    }
    workflow.write_text(workflow.read_text().replace("3031", str(free_port())))
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "all"]):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *command], cwd=project, check=True)
    done = subprocess.run(
        [
            *(ACT, "push", "--workflows", workflow, "--matrix", "os:ubuntu-latest"),
            *("--platform", "ubuntu-latest=-self-hosted", "--no-cache-server"),
            *("--local-repository", f"{uses}={stub}"),
        ],
        cwd=project,
        env=environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    assert "0.1.0 false, 0.1.0 true, failure, 1 1" in said


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
