"""Write the table of values, and the alert rules, of the Helm chart: `make docs`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "monotron"
PAGE = CHART / "README.md"
VALUES = CHART / "values.yaml"

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
COPY_OF_ALERTS = CHART / "files" / "alerts.yaml"
"""A copy, because a chart contains only files of its folder, and tools such as Flux omit links."""

_TABLE = re.compile(r"(?s)(<!-- table: values -->\n).*?(<!-- /table -->)")
_LINE = re.compile(r"^(?P<indent> *)(?:# (?P<comment>.*)|(?P<name>\w+):.*)$")


def described_values() -> Iterator[tuple[str, str]]:
    """The names of values, such as `image.tag`, and the comments directly above them."""
    path: list[str] = []
    comment = ""
    for line in VALUES.read_text().splitlines():
        match = _LINE.match(line)
        if match and match["name"]:
            path[len(match["indent"]) // 2 :] = [match["name"]]
            if comment:
                yield ".".join(path), comment
        comment = match["comment"] or "" if match else ""


def default_of(name: str) -> Any:
    """The default of a value."""
    value = yaml.safe_load(VALUES.read_text())
    for part in name.split("."):
        value = value[part]
    return value


def table() -> str:
    """The table of values."""
    rows = ["| value | default | description |", "| --- | --- | --- |"]
    for name, description in described_values():
        default = default_of(name)
        text = default if isinstance(default, str) and default else json.dumps(default)
        rows.append(f"| `{name}` | `{text}` | {description} |")
    return "".join(f"{row}\n" for row in rows)


def updated(page: str) -> str:
    """The page with the current table."""
    return _TABLE.sub(lambda match: f"{match[1]}{table()}{match[2]}", page)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    COPY_OF_ALERTS.write_bytes(ALERTS.read_bytes())
