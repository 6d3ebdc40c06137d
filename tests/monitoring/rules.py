"""The alert rules and the dashboard of `deploy/`, and their queries."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/alerts.yaml"
DASHBOARD = DEPLOY / "grafana/monotron.json"

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)(ms|[smhd])")
_FOR = re.compile(r"(?<=^        for: )\d+[smhd]$", re.MULTILINE)
_RANGE = re.compile(r"(?<=\[)\d+[smhd](?=\])")
_SELECTOR = re.compile(r"\b(?:monotron_\w+|up)\b(?:\{[^}]*\})?")


@dataclass(frozen=True)
class Alert:
    """A rule."""

    name: str
    expression: str
    severity: str
    annotations: dict[str, str]


def alerts() -> list[Alert]:
    """All rules of the file."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"]["severity"], rule["annotations"])
        for group in groups
        for rule in group["rules"]
    ]


def seconds(duration: str) -> float:
    """The length of a duration such as `5m`."""
    match = _DURATION.fullmatch(duration)
    assert match, duration
    return int(match[1]) * _UNITS[match[2]]


def accelerated(rules: str, factor: int, longest_for: float) -> str:
    """Rules that fire sooner: ranges and `for` are divided by *factor*, and nothing else changes.

    `for` is at most *longest_for* seconds.
    """

    def shorter(duration: str, longest: float = float("inf")) -> str:
        return f"{round(1000 * min(seconds(duration) / factor, longest))}ms"

    rules = _FOR.sub(lambda match: shorter(match[0], longest_for), rules)
    return _RANGE.sub(lambda match: shorter(match[0]), rules)


def selectors(expression: str) -> list[str]:
    """The selectors of time series in an expression, without ranges."""
    return _SELECTOR.findall(expression)


def dashboard() -> dict[str, Any]:
    """The dashboard of Grafana."""
    return dict(json.loads(DASHBOARD.read_text()))


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard with queries."""
    return [each for each in dashboard()["panels"] if each["type"] != "row"]
