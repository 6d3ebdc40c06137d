"""A step with the action, run in this process with the files and variables of a runner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from monotron_ci.main import run

COMMIT = "0123456789abcdef0123456789abcdef01234567"

UNREACHABLE = "http://127.0.0.1:9"
"""The URL of GitHub, for a step that reads the commits of its event only."""


class ActionStep:
    def __init__(self, folder: Path, url: str, name: str) -> None:
        self.folder = folder
        self.url = url
        self.name = name
        self.event: dict[str, object] = {}

    def run(self, inputs: Mapping[str, str], **environ: str) -> int:
        """Run the action for the push of COMMIT. Returns the exit code."""
        event = self.folder / "event.json"
        event.write_text(json.dumps(self.event))
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        defaults = {"url": self.url, "name": self.name, "retries": "0"}
        if "MONOTRON_ACTION" not in environ and not {"mode", "initial-version"} & inputs.keys():
            defaults["from-scratch"] = "true"  # each test has a new name, whose tags do not matter
        return run(
            {
                "MONOTRON_ACTION": "version",
                "MONOTRON_INPUTS": json.dumps({**defaults, **inputs}),
                "GITHUB_API_URL": UNREACHABLE,
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_REF": "refs/heads/main",
                "GITHUB_OUTPUT": str(self.folder / "output"),
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_REPOSITORY_ID": "4711",
                "GITHUB_RUN_ID": "42",
                "GITHUB_SERVER_URL": UNREACHABLE,
                "GITHUB_SHA": COMMIT,
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                **environ,
            }
        )

    @property
    def output_lines(self) -> list[str]:
        """The lines of GITHUB_OUTPUT."""
        file = self.folder / "output"
        return file.read_bytes().decode().splitlines() if file.exists() else []

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.output_lines)

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text()
