"""The GitHub Action as its runner starts it, timed."""

import json
import os
import shutil
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

NEVER_COMPILED = "PYTHONDONTWRITEBYTECODE"
ACTIONS = Path(__file__).parents[2] / "actions"


class Steps:
    """Steps of workflows that ask the server at *url*, each for a new commit."""

    def __init__(self, url: str, folder: Path) -> None:
        self._python = str(Path(sys.executable).resolve())
        self._folder = Path(folder)
        self._commits = count(1)
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != NEVER_COMPILED},
            "MONOTRON_ACTION": "version",
            "MONOTRON_INPUTS": json.dumps({"url": url, "bump": "minor"}),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_OUTPUT": str(self._folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self._folder / "summary"),
        }
        self._copy = self._folder / "actions"
        self.action(fresh=True)

    def imports(self) -> float:
        """Seconds of what any client in Python has to import."""
        return self._seconds("-c", "import urllib.request, json")

    def action(self, *, fresh: bool = False, workspace: Path | None = None) -> float:
        """Seconds of a step; *fresh*: as it was fetched, nothing of it compiled yet."""
        if fresh:
            shutil.rmtree(self._copy, ignore_errors=True)
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ACTIONS, self._copy, ignore=ignored)
        self._environ["GITHUB_SHA"] = f"{next(self._commits):040x}"
        seconds = self._seconds(str(self._copy), workspace=workspace)
        if not (self._folder / "output").read_text().endswith(f"={self._environ['GITHUB_SHA']}\n"):
            raise RuntimeError("the step wrote no outputs")
        return seconds

    def _seconds(self, *arguments: str, workspace: Path | None = None) -> float:
        begin = time.perf_counter()
        command = [self._python, *arguments]
        subprocess.run(
            command, env=self._environ, stdout=subprocess.DEVNULL, cwd=workspace, check=True
        )
        return time.perf_counter() - begin
