"""The Containerfile of the image, read with a parser of Dockerfiles."""

from __future__ import annotations

import json
import shlex
from io import BytesIO
from pathlib import Path
from typing import Any

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"


class Containerfile:
    """The instructions of the last stage, and the base images of all."""

    def __init__(self, text: str) -> None:
        parser = DockerfileParser(fileobj=BytesIO(text.encode()), env_replace=False)
        structure: list[dict[str, Any]] = parser.structure
        self.bases: list[str] = parser.parent_images
        self.labels: dict[str, str] = parser.labels
        last = max(i for i, each in enumerate(structure) if each["instruction"] == "FROM")
        self._stage = [each for each in structure[last:] if each["instruction"] != "COMMENT"]

    def values(self, instruction: str) -> list[str]:
        """The values of all instructions of this kind."""
        return [each["value"] for each in self._stage if each["instruction"] == instruction]

    def value(self, instruction: str) -> str:
        """The value of the only instruction of this kind."""
        (value,) = self.values(instruction)
        return value

    def command(self, instruction: str) -> list[str]:
        """The command of an instruction, which must be in the exec form: no shell runs it."""
        value = self.value(instruction)
        command: list[str] = json.loads(value[value.index("[") :])
        return command

    @property
    def environment(self) -> dict[str, str]:
        """The variables of all ENV instructions."""
        return dict(
            each.split("=", 1) for value in self.values("ENV") for each in shlex.split(value)
        )


def containerfile() -> Containerfile:
    """That of the image."""
    return Containerfile(CONTAINERFILE.read_text())
