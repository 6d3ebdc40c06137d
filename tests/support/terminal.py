"""The command `monotron`, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class Terminal:
    """A folder, perhaps a git repository, where commands run."""

    def __init__(self, folder: Path, url: str, **always: str) -> None:
        """*always* is in the environment of every command."""
        self.folder = folder
        self.url = url
        self._always = always

    def run(
        self, *arguments: str, stdin: bytes = b"", **env: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
        done = subprocess.run(
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
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def prints(self, *arguments: str, stdin: bytes = b"") -> str:
        """What it prints, which is all that it says."""
        done = self.run(*arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")
