"""Every alert fires for its cause at a real server, alone, and none at a healthy one."""

from __future__ import annotations

import pytest

from monitoring.conftest import Observed
from monitoring.rules import alerts
from monitoring.scenes import HEALTHY

NAMES = [alert.name for alert in alerts()]


@pytest.mark.parametrize("name", NAMES)
def test_exactly_the_expected_alert_fires(observed: Observed, name: str) -> None:
    assert observed.fired(name) == {name}


def test_no_alert_fires_at_a_healthy_server(observed: Observed) -> None:
    assert observed.prometheus.is_scraped(HEALTHY)
    assert observed.fired(HEALTHY) == set()


def test_every_alert_has_a_cause(observed: Observed) -> None:
    assert {scene.name for scene in observed.scenes} == {*NAMES, HEALTHY}
