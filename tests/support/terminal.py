"""The command `monotron`, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class Terminal:
    """A folder, perhaps a git repository, where commands run."""

    def __init__(self, folder: Path, url: str, **always: str) -> None:
        """Every command has the variables *always* in its environment."""
        self.folder = folder
        self.url = url
        self._always = always

    def run(
        self, *arguments: str, stdin: bytes = b"", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `monotron` with these arguments, whatever its exit code."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
        process = subprocess.run(
            [sys.executable, "-m", "monotron", *arguments],
            cwd=self.folder,
            env={
                **inherited,
                "MONOTRON_URL": self.url,
                "GIT_CEILING_DIRECTORIES": "/",
                **self._always,
                **env,
            },
            input=stdin,
            capture_output=True,
            check=False,
        )
        return subprocess.CompletedProcess(
            process.args,
            process.returncode,
            process.stdout.decode(),
            process.stderr.decode(),
        )

    def prints(self, *arguments: str, stdin: bytes = b"", **env: str) -> str:
        """The output of a command that succeeds without a note."""
        process = self.run(*arguments, stdin=stdin, **env)
        assert (process.returncode, process.stderr) == (0, "")
        return process.stdout

    def fails(self, code: int, *arguments: str, **env: str) -> str:
        """The errors of a command that fails with this exit code and prints no result."""
        process = self.run(*arguments, **env)
        assert (process.returncode, process.stdout) == (code, ""), process
        assert "Traceback" not in process.stderr
        return process.stderr

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        command = ["git", *identity, *arguments]
        process = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return process.stdout.decode().strip()

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")
