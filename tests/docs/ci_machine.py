"""A machine on which a CI system runs the steps of a recipe."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from docs.ci_systems import SCRIPT, SYSTEMS, Step

_SET = re.compile(
    r"##vso\[task\.setvariable variable=VERSION\](?P<azure>.*)"
    r"|##teamcity\[setParameter name='env\.VERSION' value='(?P<teamcity>.*)'\]"
    r"|SetVariable -Name VERSION -Value (?P<appveyor>.*)"
)
"""The outputs with which a step sets a variable of later steps."""


PROGRAMS = {
    "buildkite-agent": 'test "$1 $2 $3" = "meta-data set version" && echo "$4" >version.txt',
    "circleci-agent": 'test "$*" = "step halt" && touch halted',
    "appveyor": 'echo "$@"',
}
"""Programs of CI systems."""


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str
    published: str | None
    """What the recipe published."""


class Machine:
    """A clone in which a CI system runs steps, with the programs that it provides."""

    def __init__(self, folder: Path, clone: Path | None = None) -> None:
        self.folder = folder
        if clone:
            shutil.copytree(clone, folder, dirs_exist_ok=True)
        self.programs = folder / "programs"
        self.programs.mkdir(parents=True)
        for name, script in PROGRAMS.items():
            self.provide(name, script)
        shutil.copy(SCRIPT, folder)
        publish = folder / "publish.sh"
        publish.write_text('#!/bin/sh\necho "$1" >>published\n')
        publish.chmod(0o755)

    def provide(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def git(self, *arguments: str) -> str:
        """Run git, and return its output."""
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
        return subprocess.check_output(command, cwd=self.folder, text=True).strip()

    def commit(self, message: str) -> str:
        """Add a commit, and return its hash."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def run(
        self, command: Sequence[str], url: str, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the environment of a step."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MONOTRON"))}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={
                **inherited,
                "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
                "BASH_ENV": str(self.folder / "bash_env"),
                "MONOTRON_URL": url,
                "no_proxy": "127.0.0.1",
                **more,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def run_recipe(
        self, name: str, steps: Sequence[Step], url: str, run: str = "1", **more: str
    ) -> Result:
        """Run steps as the CI system does, until one fails."""
        system = SYSTEMS[name]
        commit = self.git("rev-parse", "HEAD")
        environment = {
            key: value.replace("COMMIT", commit) if value == "COMMIT" else value.replace("RUN", run)
            for key, value in system.variables.items()
        }
        code, stdout, stderr = 0, "", ""
        for step in steps:
            if (self.folder / "halted").exists():
                break
            if step.if_released and not environment.get("VERSION"):
                continue
            process = self.run([*system.shell, step.script], url, **environment, **more)
            code, stdout, stderr = (
                process.returncode,
                stdout + process.stdout,
                stderr + process.stderr,
            )
            if code:
                break
            if match := _SET.search(process.stdout):
                environment["VERSION"] = str(match[match.lastgroup or 0])
            elif system.reads_output:
                environment["VERSION"] = process.stdout.strip()
        published = self.folder / "published"
        return Result(code, stdout, stderr, published.read_text() if published.exists() else None)
