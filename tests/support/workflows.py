"""Workflows, run locally by act, with the action of this working tree."""

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

TIMEOUT_SECONDS = 100

UNREACHABLE = dict.fromkeys(("GITHUB_API_URL", "GITHUB_SERVER_URL"), "http://127.0.0.1:9")
"""The URLs of GitHub, unless a test provides them."""


@dataclass(frozen=True)
class Run:
    """The result of a workflow."""

    succeeded: bool
    lines: list[dict[str, Any]]
    output: str
    """All output of act, including secrets."""

    def commands(self, name: str) -> list[dict[str, Any]]:
        """The workflow commands of this name, such as `error` and `summary`."""
        return [line for line in self.lines if line.get("command") == name]

    @property
    def annotations(self) -> list[str]:
        """The texts of the error annotations."""
        return [str(line["arg"]) for line in self.commands("error")]

    @property
    def unmasked(self) -> str:
        """All that a runner shows: every line except the masks themselves."""
        return json.dumps([line for line in self.lines if line.get("command") != "add-mask"])

    @property
    def summary(self) -> str:
        return "".join(str(line["content"]) for line in self.commands("summary"))

    @property
    def printed(self) -> list[str]:
        """The lines that the steps printed."""
        return [
            str(line["msg"]).rstrip("\n") for line in self.lines if line.get("raw_output") is True
        ]

    def outputs(self, step: str = "version") -> list[dict[str, str]]:
        """The outputs of *step* that `print_outputs` printed, one for each job of a matrix."""
        matches = [re.fullmatch(rf"OUTPUTS {step} (.*)", line) for line in self.printed]
        return [json.loads(match[1]) for match in matches if match]


def expected(run: Run) -> Run:
    """The run, after checking that it succeeded and that its `expect` steps ran."""
    assert run.succeeded, run.output
    assert any("EXPECTED" in line for line in run.printed), run.output
    return run


def annotation_of(run: Run) -> str:
    """The only annotation of a run, after checking that it failed."""
    assert not run.succeeded, run.output
    assert "Traceback" not in run.output
    (annotation,) = set(run.annotations)
    return annotation


class Repository:
    """A git repository with a workflow that uses the action as `monotron/monotron@v0`."""

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
        # Otherwise, two repositories that are created in one second have the same commit.
        identity = ("-c", f"user.name={self.folder}", "-c", "user.email=a@example.com")
        process = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, check=True
        )
        return process.stdout.decode().strip()

    def commit(self, message: str) -> str:
        """Create an empty commit. Returns its hash."""
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
        """Run a workflow for an event, on the current commit."""
        workflows = self.folder / ".github" / "workflows"
        workflows.mkdir(parents=True, exist_ok=True)
        (workflows / "test.yml").write_text(workflow)
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(payload or {}))
        command = [str(ACT), event, "--json", "--no-cache-server", "--workflows", str(workflows)]
        command += ["--platform", "ubuntu-latest=-self-hosted", "--eventpath", str(event_file)]
        command += ["--local-repository", f"monotron/monotron@v0={self.action}"]
        for flag, pairs in (("--secret", secrets or {}), ("--env", {**UNREACHABLE, **(env or {})})):
            command += [part for name, value in pairs.items() for part in (flag, f"{name}={value}")]
        process = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(self.folder.parent / "home"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        output = process.stdout.decode() + process.stderr.decode()
        lines = [
            json.loads(line)
            for line in process.stdout.decode().splitlines()
            if line.startswith("{")
        ]
        assert lines, output
        return Run(process.returncode == 0, lines, output)


def environment(home: Path) -> dict[str, str]:
    """The environment of a runner: without the CI of this process, and with its python3."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MONOTRON_", "GITHUB_", "ACTIONS_", "CI"))
    }
    interpreter = (
        Path(sys.executable).resolve().parent
    )  # not .venv, because a step may install packages
    return {
        **inherited,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "PATH": f"{interpreter}{os.pathsep}{inherited['PATH']}",
    }


def workflow(steps: str, *, on: str = "push", job: str = "") -> str:
    """A workflow of one job with these steps. *job* is YAML for other keys of the job."""
    return (
        f"name: test\non: [{on}]\npermissions: {{}}\njobs:\n  test:\n    runs-on: ubuntu-latest\n"
        f"{_indent(job, 4)}    steps:\n{_indent(steps, 6)}"
    )


def step(step_id: str = "version", uses: str = "", **inputs: str) -> str:
    """A step with the action, or with the action in the folder *uses*."""
    lines = (f"    {name.replace('_', '-')}: {json.dumps(text)}\n" for name, text in inputs.items())
    path = f"/{uses}" if uses else ""
    return f"- id: {step_id}\n  uses: monotron/monotron{path}@v0\n  with:\n{''.join(lines)}"


def expect(step_id: str = "version", **outputs: str) -> str:
    """A step that fails the job unless an earlier step has these outputs."""
    got = "".join(
        f"    GOT_{name}: ${{{{ steps.{step_id}.outputs.{name} }}}}\n" for name in outputs
    )
    want = "".join(f"    WANT_{name}: {json.dumps(text)}\n" for name, text in outputs.items())
    checks = "".join(
        f'    [ "$GOT_{name}" = "$WANT_{name}" ] ||'
        f' {{ echo "{name}: $GOT_{name}, not $WANT_{name}"; exit 1; }}\n'
        for name in outputs
    )
    return f"- run: |\n{checks}    echo EXPECTED {step_id}\n  env:\n{got}{want}"


def print_outputs(step_id: str = "version") -> str:
    """A step that prints the outputs of an earlier step, for `Run.outputs`."""
    return (
        f'- run: echo "OUTPUTS {step_id} $(echo "$OUTPUTS" | tr -d \'\\n\')"\n'
        f"  env:\n    OUTPUTS: ${{{{ toJSON(steps.{step_id}.outputs) }}}}\n"
    )


def _indent(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.splitlines())
