"""A machine on which the scripts of a release run: its variables, and recorded programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = r"""#!/bin/bash
# Record the command, then print what the test prepared for its first words, and exit like it.
printf '%s\n' "${0##*/} $*" >>"$RECORD"
prepared=$PREPARED/${0##*/}
for word in "$@"; do
  prepared+=.${word//\//_}
  if [ -e "$prepared" ]; then exec bash "$prepared"; fi
done
"""


@dataclass
class Job:
    """A copy of the scripts in a folder, and what they ran."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / ".ci", self.folder / ".ci")
        for name in ("bin", "prepared"):
            (self.folder / name).mkdir()
        self.variables = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GITHUB_REPOSITORY": "monotron/monotron",
            "GITHUB_SHA": "7d4c379588" * 4,
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "RECORD": str(self.folder / "record"),
            "PREPARED": str(self.folder / "prepared"),
        }

    def record(self, program: str, words: str = "", script: str = "") -> None:
        """Replace a program. If a command starts with the words, it runs the script."""
        file = self.folder / "bin" / program
        file.write_text(PROGRAM)
        file.chmod(0o755)
        if words:
            name = f"{program}.{words.replace('/', '_').replace(' ', '.')}"
            (self.folder / "prepared" / name).write_text(script)

    def releases(self, *tags: str) -> None:
        """Set the tags of the repository on GitHub."""
        words = "api --paginate --jq .[].ref repos/monotron/monotron/git/matching-refs/tags/v"
        self.record("gh", words, "".join(f"echo refs/tags/{tag}\n" for tag in tags))

    def run(
        self, script: str, *arguments: str | Path, tag: str = "v0.2.0", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / ".ci" / script, *arguments],
            cwd=self.folder,
            env={**self.variables, "GITHUB_REF_NAME": tag, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def commands(self) -> list[str]:
        """The commands of recorded programs, without those that read the tags."""
        lines = (self.folder / "record").read_text().splitlines()
        return [line for line in lines if "matching-refs" not in line]

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()
