"""Real workflows, run by act on this machine, with the action as it is in this tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ACT = Path(sys.executable).with_name("act")

SECONDS = 100


@dataclass(frozen=True)
class Run:
    """What a run of a workflow came to."""

    succeeded: bool
    lines: list[dict[str, Any]]
    said: str
    """All that act printed, secrets and all."""

    def commands(self, name: str) -> list[dict[str, Any]]:
        """The workflow commands of this name, such as `error` and `summary`."""
        return [line for line in self.lines if line.get("command") == name]

    @property
    def annotations(self) -> list[str]:
        """The texts of the errors."""
        return [str(line["arg"]) for line in self.commands("error")]

    @property
    def summary(self) -> str:
        return "".join(str(line["content"]) for line in self.commands("summary"))

    @property
    def printed(self) -> list[str]:
        """What the steps printed, line by line."""
        return [
            str(line["msg"]).rstrip("\n") for line in self.lines if line.get("raw_output") is True
        ]

    def outputs(self, step: str = "version") -> list[dict[str, str]]:
        """What the later steps of `seen` saw of *step*, in each job of a matrix."""
        found = [re.fullmatch(rf"OUTPUTS {step} (.*)", line) for line in self.printed]
        return [json.loads(match[1]) for match in found if match]


class Repository:
    """A git repository with workflows, which use the action as `monotron/monotron@v0`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.action = folder.parent / f"{folder.name}-action"
        folder.mkdir()
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "actions", self.action / "actions", ignore=ignore)
        shutil.copy(ROOT / "action.yml", self.action)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, message: str) -> str:
        """A new commit; answers its hash."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def run(
        self,
        workflow: str,
        *,
        event: str = "push",
        payload: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a workflow for an event, by the action and the commit that are here now."""
        place = self.folder / ".github" / "workflows"
        place.mkdir(parents=True, exist_ok=True)
        (place / "test.yml").write_text(workflow)
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(payload or {}))
        command = [str(ACT), event, "--json", "--no-cache-server", "--workflows", str(place)]
        command += ["--platform", "ubuntu-latest=-self-hosted", "--eventpath", str(event_file)]
        command += ["--local-repository", f"monotron/monotron@v0={self.action}"]
        for flag, pairs in (("--secret", secrets or {}), ("--env", env or {})):
            command += [part for name, value in pairs.items() for part in (flag, f"{name}={value}")]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(self.folder.parent / "home"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout.decode() + done.stderr.decode()
        lines = [
            json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")
        ]
        assert lines, said
        return Run(done.returncode == 0, lines, said)


def environment(home: Path) -> dict[str, str]:
    """What a runner finds: nothing of this process's CI, and this Python as python3."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MONOTRON_", "GITHUB_", "ACTIONS_", "CI"))
    }
    interpreter = Path(sys.executable).resolve().parent  # not that of .venv: a step may install
    return {
        **inherited,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "PATH": f"{interpreter}{os.pathsep}{inherited['PATH']}",
    }


def workflow(steps: str, *, on: str = "push", job: str = "") -> str:
    """A workflow of one job with these steps, and *job* for what stands beside them."""
    return (
        f"name: test\non: [{on}]\npermissions: {{}}\njobs:\n  test:\n    runs-on: ubuntu-latest\n"
        f"{_indented(job, 4)}    steps:\n{_indented(steps, 6)}"
    )


def step(step_id: str = "version", uses: str = "", **inputs: str) -> str:
    """A step with the action, or with one of those within it."""
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    listed = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in given.items())
    path = f"/{uses}" if uses else ""
    return f"- id: {step_id}\n  uses: monotron/monotron{path}@v0\n  with:\n{listed}"


def expect(step_id: str = "version", **outputs: str) -> str:
    """A step that fails the job unless the outputs of an earlier one are these."""
    got = "".join(
        f"    GOT_{name}: ${{{{ steps.{step_id}.outputs.{name} }}}}\n" for name in outputs
    )
    wanted = "".join(f"    WANT_{name}: {json.dumps(text)}\n" for name, text in outputs.items())
    checks = "".join(
        f'    [ "$GOT_{name}" = "$WANT_{name}" ] ||'
        f' {{ echo "{name}: $GOT_{name}, not $WANT_{name}"; exit 1; }}\n'
        for name in outputs
    )
    return f"- run: |\n{checks}    echo EXPECTED {step_id}\n  env:\n{got}{wanted}"


def seen(step_id: str = "version") -> str:
    """A step that prints the outputs of an earlier one, for `Run.outputs`."""
    return (
        f'- run: echo "OUTPUTS {step_id} $(echo "$OUTPUTS" | tr -d \'\\n\')"\n'
        f"  env:\n    OUTPUTS: ${{{{ toJSON(steps.{step_id}.outputs) }}}}\n"
    )


def _indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.splitlines())
