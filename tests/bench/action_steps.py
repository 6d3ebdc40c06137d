"""Timed steps of the GitHub Action, started as a runner starts them."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
ACTIONS = Path(__file__).parents[2] / "actions"


class ActionSteps:
    """Steps of workflows that request versions from the server at *url*.

    Each step has a new commit.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._python = str(Path(sys.executable).resolve())
        self._folder = Path(folder)
        self._commits = count(1)
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != NO_BYTECODE},
            "MONOTRON_ACTION": "version",
            "MONOTRON_INPUTS": json.dumps({"url": url, "bump": "minor", "from-scratch": "true"}),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_OUTPUT": str(self._folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self._folder / "summary"),
        }
        self._url = url
        self._copy = self._folder / "actions"
        self.action(fresh=True)

    def imports(self) -> float:
        """Seconds to start Python with the imports that every HTTP client needs."""
        return self._seconds("-c", "import urllib.request, json")

    def action(self, *, fresh: bool = False, workspace: Path | None = None) -> float:
        """Seconds of a step. *fresh*: without compiled bytecode, as after a download."""
        if fresh:
            shutil.rmtree(self._copy, ignore_errors=True)
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ACTIONS, self._copy, ignore=ignored)
        self._environ["GITHUB_SHA"] = f"{next(self._commits):040x}"
        seconds = self._seconds(str(self._copy), workspace=workspace)
        written = (self._folder / "output").read_text().splitlines()
        if f"idempotency_token={self._environ['GITHUB_SHA']}" not in written:
            raise RuntimeError("the step wrote no outputs")
        return seconds

    def preview(self, name: str, commit: str, **environ: str) -> float:
        """Seconds of a step that reads the commits since the newest version, and assigns none."""
        inputs = {"url": self._url, "name": name, "bump": "auto", "dry-run": "true"}
        variables = {"MONOTRON_INPUTS": json.dumps(inputs), "GITHUB_SHA": commit, **environ}
        return self._seconds(str(self._copy), environ=variables)

    def _seconds(
        self,
        *arguments: str,
        workspace: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> float:
        started = time.perf_counter()
        subprocess.run(
            [self._python, *arguments],
            env={**self._environ, **(environ or {})},
            stdout=subprocess.DEVNULL,
            cwd=workspace,
            check=True,
        )
        return time.perf_counter() - started
