"""The alert rules: valid, documented, and with the right durations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from monitoring.conftest import Observed
from monitoring.rules import RULES, Alert, accelerated, alerts
from support.prometheus import promtool

ROOT = Path(__file__).parents[2]
PAGE = "docs/operations.md"
URL = f"https://github.com/monotron/monotron/blob/main/{PAGE}#"
TIMES = sorted(Path(__file__).parent.glob("alert_*.yaml"))


def series_of(file: Path) -> set[str]:
    """The time series of a file for promtool, without those of targets."""
    tests = yaml.safe_load(file.read_text())["tests"]
    series = {each["series"] for test in tests for each in test["input_series"]}
    return {each for each in series if each.startswith("monotron_")}


def test_the_rules_are_valid() -> None:
    promtool("check", "rules", str(RULES))


@pytest.mark.parametrize("file", TIMES, ids=lambda file: file.stem)
def test_alerts_fire_after_their_duration(file: Path) -> None:
    promtool("test", "rules", str(file))


def test_all_durations_are_tested() -> None:
    text = "".join(file.read_text() for file in TIMES)
    assert {alert.name for alert in alerts()} == set(re.findall(r'alertname="(\w+)"', text))


@pytest.mark.parametrize("file", TIMES, ids=lambda file: file.stem)
def test_the_time_series_of_these_tests_are_those_of_servers(
    observed: Observed, file: Path
) -> None:
    for series in series_of(file):
        selector = re.sub(r'(instance|issuer)="[^"]*"', r'\1!=""', series)
        assert observed.prometheus.get("series", **{"match[]": selector}), series


def test_accelerated_rules_differ_in_durations_only() -> None:
    rules = RULES.read_text()
    faster = accelerated(rules, 60, 2)
    assert "for: 1000ms" in faster  # 1m
    assert "for: 2000ms" in faster  # 36h
    assert "[5000ms]" in faster  # 5m
    duration = r"(?:(?<=for: )|(?<=\[))\d+(?:ms|[smhd])\b"
    assert re.sub(duration, "D", faster) == re.sub(duration, "D", rules)
    assert len(re.findall(r"\d+ms\b", faster)) == len(re.findall(duration, rules))


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
class TestTexts:
    def test_an_alert_states_what_failed_and_what_to_do(self, alert: Alert) -> None:
        assert alert.severity in ("critical", "warning")
        assert set(alert.annotations) == {"summary", "description", "runbook_url"}
        assert len(alert.annotations["summary"].split()) <= 12
        assert len(alert.annotations["description"].split(". ")) >= 2

    def test_an_alert_has_a_section_with_its_severity(self, alert: Alert) -> None:
        assert alert.annotations["runbook_url"] == URL + alert.name.lower()
        heading = rf"^### {alert.name}\n\n(.*?)(?=^##)"
        section = re.search(heading, (ROOT / PAGE).read_text(), re.DOTALL | re.MULTILINE)
        assert section
        assert section[1].startswith(f"Severity: {alert.severity}. ")

    def test_the_description_of_an_alert_names_its_server(
        self, alert: Alert, observed: Observed
    ) -> None:
        description = observed.descriptions[alert.name]
        (address,) = (each.address for each in observed.scenes if each.name == alert.name)
        assert address in description
        assert "{{" not in description
        assert "<no value>" not in description


def test_every_section_belongs_to_an_alert() -> None:
    sections = re.findall(r"^### (Monotron\w+)$", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert sections == [alert.name for alert in alerts()]
