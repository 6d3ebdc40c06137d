"""The metrics of a server, parsed, and the address of its own that serves them."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from support.http import Client
from support.server import Server


def metrics_url(server: Server) -> str:
    """The URL of the setting `metrics_listen`, as the server announces it."""
    announced = re.search(r"^  Metrics +(http\S+)/metrics$", server.output(), re.MULTILINE)
    assert announced, server.output()
    return announced[1]


def read_metrics(client: Client) -> dict[str, float]:
    """The values of all metrics: `monotron_values_assigned_total{result="new"}`."""
    response = client.request("GET", "/metrics")
    assert response.status == 200, response
    return parse_metrics(response.text)


def parse_metrics(text: str) -> dict[str, float]:
    """The values of all metrics in the Prometheus text format."""
    return {
        _name(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _name(name: str, labels: dict[str, str]) -> str:
    if not labels:
        return name
    return name + "{" + ",".join(f'{key}="{labels[key]}"' for key in sorted(labels)) + "}"
