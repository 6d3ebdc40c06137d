"""The repository `acme/shop`, for steps that read its commits."""

from __future__ import annotations

import subprocess
from pathlib import Path

from plugins.github.action_step import ActionStep


class Project:
    """A repository at the URL of GitHub, and its clone in the workspace of the step."""

    def __init__(self, folder: Path, step: ActionStep) -> None:
        self.origin = folder / "acme" / "shop.git"
        self.origin.mkdir(parents=True)
        self.folder = folder
        self.step = step
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        process = subprocess.run(
            ["git", *identity, *arguments], cwd=self.origin, capture_output=True, check=True
        )
        return process.stdout.decode().strip()

    def commit(self, message: str, file: str = "README") -> str:
        path = self.origin / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as opened:
            opened.write(f"{message}\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def clone(self, *options: str, name: str = "workspace") -> str:
        """Clone into a folder. Returns its path."""
        workspace = self.folder / name
        command = ["git", "clone", "--quiet", *options, f"file://{self.origin}", str(workspace)]
        subprocess.run(command, capture_output=True, check=True)
        return str(workspace)

    def run(self, inputs: dict[str, str] | None = None, **environ: str) -> str:
        """The version of HEAD, by `bump: auto`, or an empty text."""
        head = environ.pop("GITHUB_SHA", None) or self.git("rev-parse", "HEAD")
        assert self.step.run({"bump": "auto", **(inputs or {})}, GITHUB_SHA=head, **environ) == 0
        return self.step.outputs["version"] if self.step.outputs["changed"] == "true" else ""
