"""Compares the bump of each message in git histories with @semantic-release/commit-analyzer.

    npm install --prefix MODULES @semantic-release/commit-analyzer \
        conventional-changelog-conventionalcommits
    PYTHONPATH=tests python -m bench.commit_histories MODULES REPOSITORY...

A type that the other tool ignores, such as `docs`, requests a patch here, so both count as `patch`.
"""

import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from monotron.model.conventional_commits import decide

SAMPLES = 25
"""The number of messages that are printed of each kind of difference."""


def messages(repository: str) -> list[str]:
    """The messages of a repository that are not blank, newest first."""
    command = ["git", "-C", repository, "log", "-z", "--format=%B", "--no-mailmap"]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    parts = output.decode("utf-8", errors="replace").split("\0")
    return [message for part in parts if (message := part.strip())]


def their_bumps(folder: str, texts: list[str]) -> list[str]:
    """The bumps that the other tool determines."""
    script = Path(__file__).with_name("commit_analyzer.mjs")
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_text("\0".join(texts))
        command = ["node", str(script), file.name, str(Path(folder).resolve())]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [bump.replace("none", "patch") for bump in output.split()]


def main() -> None:
    """Print the number of equal bumps, and samples of differences."""
    folder, *repositories = sys.argv[1:]
    equal, different = 0, defaultdict[tuple[str, str], list[str]](list)
    for repository in repositories:
        texts = messages(repository)
        for text, theirs in zip(texts, their_bumps(folder, texts), strict=True):
            decision = decide(text)
            ours = (decision and decision.bump) or "none"
            if ours == theirs:
                equal += 1
            elif decision:
                different[ours, theirs].append(f"{decision.reason!r} of {text[:300]!r}")
    print(f"equal: {equal}")
    for (ours, theirs), lines in sorted(different.items()):
        print(f"\nhere {ours}, commit-analyzer {theirs}: {len(lines)}")
        for line in lines[:SAMPLES]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
