"""Every query of the dashboard and of the rules returns data of real scrapes."""

from __future__ import annotations

import math
import re
import time
from itertools import combinations

import pytest

from monitoring.conftest import Observed
from monitoring.rules import Alert, alerts, dashboard, panels, selectors
from monitoring.scenes import HEALTHY
from monotron.metrics.registry import SECONDS
from monotron.metrics.traffic import quantile
from support.prometheus import Prometheus

VARIABLES = {"$job": "monotron", "$instance": ".*", "$__rate_interval": "1m"}
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for panel in panels()
    for target in panel["targets"]
]
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.fixture
def prometheus(observed: Observed) -> Prometheus:
    return observed.prometheus


class TestDashboard:
    @pytest.mark.parametrize("query", QUERIES)
    def test_a_query_returns_numbers(self, prometheus: Prometheus, query: str) -> None:
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        assert "$" not in query
        found = prometheus.query(query)
        assert [value for _, value in found if not math.isnan(value)]

    @pytest.mark.parametrize("query", QUERIES)
    def test_a_query_is_limited_to_the_selected_servers(self, query: str) -> None:
        found = selectors(query)
        assert found
        for selector in found:
            assert 'job="$job"' in selector
            assert 'instance=~"$instance"' in selector

    def test_every_legend_uses_labels_of_its_query(self, prometheus: Prometheus) -> None:
        for panel in panels():
            for target in panel["targets"]:
                labels = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                grouped = re.search(r"\bby \(([^)]*)\)", target["expr"])
                names = set(grouped[1].split(", ")) - {"le"} if grouped else set()
                assert set(labels) == names, panel["title"]

    def test_every_metric_is_shown(self, prometheus: Prometheus) -> None:
        shown = {
            re.sub(r"\{.*|_(bucket|sum|count)\b.*", "", selector)
            for panel in panels()
            for target in panel["targets"]
            for selector in selectors(target["expr"])
        }
        exported = {
            re.sub("_(bucket|sum|count)$", "", name)
            for name in prometheus.get("label/__name__/values")
            if name.startswith("monotron_")
        }
        assert shown - {"up"} == exported

    def test_panels_have_unique_ids_and_do_not_overlap(self) -> None:
        all_panels = dashboard()["panels"]
        ids = [panel["id"] for panel in all_panels]
        assert len(ids) == len(set(ids))
        places = [panel["gridPos"] for panel in all_panels]
        assert all(place["x"] + place["w"] <= 24 for place in places)
        for one, other in combinations(places, 2):
            assert (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )

    def test_the_data_source_is_a_variable(self) -> None:
        """Grafana asks for it when the dashboard is imported."""
        variables = {each["name"]: each for each in dashboard()["templating"]["list"]}
        assert list(variables) == ["datasource", "job", "instance"]
        assert variables["datasource"]["query"] == "prometheus"
        users = [*panels(), variables["job"], variables["instance"]]
        users += [target for panel in panels() for target in panel["targets"]]
        assert all(each["datasource"] == DATA_SOURCE for each in users)

    @pytest.mark.parametrize("variable", ["job", "instance"])
    def test_the_values_of_a_variable_are_those_of_servers(
        self, prometheus: Prometheus, variable: str
    ) -> None:
        (query,) = (
            each["query"]["query"]
            for each in dashboard()["templating"]["list"]
            if each["name"] == variable
        )
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()  # type: ignore[union-attr]
        selector = selector.replace("$job", "monotron")
        assert prometheus.get(f"label/{label}/values", **{"match[]": selector})


class TestRules:
    @pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
    def test_every_selector_of_a_rule_matches(self, prometheus: Prometheus, alert: Alert) -> None:
        found = selectors(alert.expression)
        assert found
        for selector in found:
            assert prometheus.get("series", **{"match[]": selector}), selector


def test_quantiles_of_the_status_page_are_those_of_prometheus(prometheus: Prometheus) -> None:
    buckets = f'sum by (le) (monotron_http_request_duration_seconds_bucket{{scene="{HEALTHY}"}})'
    now = time.time()
    found = prometheus.query(buckets, now)
    counts = {float(labels["le"]): int(value) for labels, value in found}
    bounds = [*SECONDS, math.inf]
    for share in (0.5, 0.99):
        ((_, expected),) = prometheus.query(f"histogram_quantile({share}, {buckets})", now)
        estimate = quantile(share, [counts[bound] for bound in bounds]).estimate
        assert estimate == pytest.approx(expected)
