"""Write the tables of two pages, and the download of docs/ci: `make docs`.

The tables list inputs and outputs of action.yml, and inputs of the GitLab component.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from monotron import __version__

ROOT = Path(__file__).parents[2]

_TABLE = re.compile(r"(?s)(<!-- table: ([\w -]+) -->\n).*?(<!-- /table -->)")
_DEFAULT = re.compile(r" \[default: (.*)\]\.$")

ONLY_COMPONENT = ("job-name", "stage", "image", "audience")
"""Inputs that have no variable, because the template sets keywords of the job instead."""


def variable(name: str) -> str:
    """The variable of an input of the component."""
    return f"MONOTRON_{name.upper().replace('-', '_')}"


def action_members(member: str) -> Mapping[str, Any]:
    members: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())[member]
    return members


def component_inputs() -> Mapping[str, Any]:
    header = (ROOT / "gitlab" / "component.in.yml").read_text().partition("\n---\n")[0]
    inputs: Mapping[str, Any] = yaml.safe_load(header)["spec"]["inputs"]
    return inputs


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _action_inputs() -> str:
    inputs = action_members("inputs").items()
    rows = ((_code(name), _code(each.get("default")), each["description"]) for name, each in inputs)
    return _rows(("input", "default", "description"), rows)


def _action_outputs() -> str:
    outputs = action_members("outputs").items()
    return _rows(
        ("output", "description"), ((_code(n), each["description"]) for n, each in outputs)
    )


def _gitlab_inputs() -> str:
    rows = []
    for name, each in component_inputs().items():
        if name not in ONLY_COMPONENT:
            match = _DEFAULT.search(each["description"])
            default = match[1] if match else _code(each["default"])
            text = _DEFAULT.sub(".", each["description"])
            rows.append((_code(name), _code(variable(name)), default, text))
    return _rows(("input", "variable", "default", "description"), rows)


def _component_only() -> str:
    inputs = component_inputs()
    rows = (
        (_code(n), _code(inputs[n]["default"]), inputs[n]["description"]) for n in ONLY_COMPONENT
    )
    return _rows(("input", "default", "description"), rows)


def _script() -> str:
    digest = hashlib.sha256((ROOT / "docs" / "ci" / "monotron.sh").read_bytes()).hexdigest()
    url = f"https://raw.githubusercontent.com/monotron/monotron/v{__version__}/docs/ci/monotron.sh"
    return f"```sh\ncurl --fail -sSLO {url}\necho '{digest}  monotron.sh' | sha256sum -c\n```\n"


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


TABLES: Mapping[str, Callable[[], str]] = {
    "action inputs": _action_inputs,
    "action outputs": _action_outputs,
    "gitlab inputs": _gitlab_inputs,
    "component inputs": _component_only,
    "script": _script,
}

PAGES = (
    ROOT / "docs" / "ci" / "github.md",
    ROOT / "gitlab" / "README.md",
    ROOT / "docs" / "ci" / "README.md",
)


def updated(page: str) -> str:
    """The page with current tables."""
    return _TABLE.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}{match[3]}", page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
