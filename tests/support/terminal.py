"""The command `monotron`, in a separate folder and with a separate environment."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO, cast
from unittest.mock import patch

from monotron.cli.main import main


class Terminal:
    """A folder in which commands run. It can be a git repository."""

    def __init__(self, folder: Path, url: str, **always: str) -> None:
        """Every command has the variables *always* in its environment."""
        self.folder = folder
        self.url = url
        self._always = always

    def run(
        self, *arguments: str, stdin: bytes = b"", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `monotron` with these arguments, whatever its exit code.

        It runs in this process, which saves the start of a process for hundreds of commands.
        """
        streams = [TextIOWrapper(BytesIO(each), "utf-8") for each in (stdin, b"", b"")]
        with (
            chdir(self.folder),
            patch.dict(os.environ, self.environment(**env), clear=True),
            patch.multiple(sys, stdin=streams[0], stdout=streams[1], stderr=streams[2]),
        ):
            code = main(arguments)
        output, errors = (stream_text(stream) for stream in streams[1:])
        return subprocess.CompletedProcess(arguments, code, output, errors)

    def environment(self, **env: str) -> dict[str, str]:
        """The environment of a command."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
        defaults = {"MONOTRON_URL": self.url, "GIT_CEILING_DIRECTORIES": "/"}
        return {**inherited, **defaults, **self._always, **env}

    def start(
        self,
        *arguments: str,
        stdout: int | IO[bytes] = subprocess.PIPE,
        stderr: int | IO[bytes] = subprocess.PIPE,
        **env: str,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `monotron` as a separate process, and wait for its end."""
        return subprocess.run(
            [sys.executable, "-m", "monotron", *arguments],
            cwd=self.folder,
            env=self.environment(**env),
            stdout=stdout,
            stderr=stderr,
            check=False,
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
        return process.stderr

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        command = ["git", *identity, *arguments]
        process = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return process.stdout.decode().strip()

    def in_folder(self, name: str) -> Terminal:
        """A terminal in a folder below this one."""
        return Terminal(self.folder / name, self.url, **self._always)

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def stream_text(stream: TextIOWrapper) -> str:
    stream.flush()
    return cast(BytesIO, stream.buffer).getvalue().decode()
