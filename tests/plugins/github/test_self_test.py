"""The project's self-test workflow, unchanged, on a local runner."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.github.test_files import PYTHONS, interpreter
from support.workflows import ACT, ROOT, TIMEOUT_SECONDS, environment


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder. Servers that the workflow started in it are stopped even if it failed."""
    yield tmp_path
    for file in tmp_path.rglob("server.pid"):
        command = Path("/proc") / file.read_text().strip() / "cmdline"
        if command.exists() and str(tmp_path) in command.read_text():
            os.kill(int(file.read_text()), signal.SIGKILL)


def test_the_self_test_workflow_succeeds(folder: Path) -> None:
    project = folder / "project"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in files.stdout.decode().split("\0"):
        if name and (ROOT / name).exists() and not name.startswith("tests/"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    # The stub of setup-python selects the oldest Python if it is installed here.
    oldest = interpreter(PYTHONS[0])
    pythons = folder / "pythons" / PYTHONS[0]
    pythons.mkdir(parents=True)
    if oldest:
        (pythons / "python3").symlink_to(oldest)
    stub = folder / "setup-python"
    stub.mkdir()
    (stub / "action.yml").write_text(
        "name: stub\ndescription: stub\ninputs: {python-version: {description: ''}}\n"
        f"runs: {{using: composite, steps: [{{run: 'd={folder}/pythons/$VERSION; "
        """[ ! -d "$d" ] || echo "$d" >>"$GITHUB_PATH"', shell: bash, """
        "env: {VERSION: '${{ inputs.python-version }}'}}]}\n"
    )
    workflow = project / ".github" / "workflows" / "self-test.yml"
    (uses,) = set(re.findall(r"uses: (\S+/setup-python@\S+)", workflow.read_text()))
    workflow.write_text(workflow.read_text().replace("3031", str(free_port())))
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "all"]):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *command], cwd=project, check=True)
    process = subprocess.run(
        [
            *(ACT, "push", "--workflows", workflow, "--matrix", f"python:{PYTHONS[0]}"),
            *("--platform", "ubuntu-latest=-self-hosted", "--no-cache-server"),
            *("--local-repository", f"{uses}={stub}"),
        ],
        cwd=project,
        env=environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    output = process.stdout.decode() + process.stderr.decode()
    assert process.returncode == 0, output
    assert "0.1.0 false, 0.1.0 true, failure, 1 1" in output
    if oldest:
        assert re.search(rf"\| Python {re.escape(PYTHONS[0])}\.", output), output


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
