"""The values of the Helm chart: documented, and checked with readable messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest

from docs import chart_values
from monotron.config import SETTINGS
from support.chart import (
    CONFIG,
    FOLDER,
    MAINTENANCE,
    SETS,
    Values,
    find,
    objects_of,
    parsed,
    workload,
)

MONGODB = {"type": "mongodb", "mongodb": {"url": "mongodb://db.example.com/monotron"}}

REJECTED: dict[str, tuple[Values, str]] = {
    "two servers with SQLite": (
        {"replicas": 2},
        "replicas is 2, but one server owns an SQLite file. Set replicas to 1, or store.type to "
        "mongodb.",
    ),
    "no URL of MongoDB": (
        {"store": {"type": "mongodb"}},
        "store.type is mongodb, but its URL is missing.",
    ),
    "two URLs of MongoDB": (
        {"store": {"type": "mongodb", "mongodb": {"url": "mongodb://a/b", "existingSecret": "c"}}},
        "store.mongodb.url and store.mongodb.existingSecret are both set.",
    ),
    "a backup of MongoDB": (
        {"store": MONGODB, **MAINTENANCE, "backup": {"enabled": True}},
        "backup.enabled is for SQLite only.",
    ),
    "two root keys": (
        {"rootKey": {"secret": "x" * 20, "existingSecret": "a"}},
        "rootKey.secret and rootKey.existingSecret are both set.",
    ),
    "a short root secret": (
        {"rootKey": {"secret": "short-secret"}},
        "rootKey.secret has fewer than 20 characters.",
    ),
    "a short grace period": (
        {"terminationGracePeriodSeconds": 29},
        "terminationGracePeriodSeconds is too short.",
    ),
    "an audit without url": (
        {**MAINTENANCE, "url": ""},
        "audit.enabled needs url. Set it to the https URL",
    ),
    "a backup without an API key": (
        {"url": "https://monotron.example.com", "backup": {"enabled": True}},
        "backup.enabled needs maintenance.existingSecret.",
    ),
    "a ServiceMonitor without metrics": (
        {"metrics": {"enabled": False, "serviceMonitor": {"enabled": True}}},
        "metrics.serviceMonitor.enabled needs metrics.enabled.",
    ),
    "an Ingress without a host": ({"ingress": {"enabled": True}}, "ingress.enabled needs a host."),
    "an HTTPRoute without a Gateway": (
        {"httpRoute": {"enabled": True}},
        "httpRoute.enabled needs a Gateway.",
    ),
    "an unknown value": ({"replicaCount": 1}, "additional properties 'replicaCount' not allowed"),
    "an unknown nested value": (
        {"image": {"tags": "1"}},
        "at '/image': additional properties 'tags' not allowed",
    ),
    "a text instead of a number": ({"replicas": "1"}, "at '/replicas': got string, want integer"),
    "a number instead of a text": (
        {"image": {"tag": 1.0}},
        "at '/image/tag': got number, want string",
    ),
    "no server": ({"replicas": 0}, "at '/replicas': minimum: got 0, want 1"),
    "an unknown store": (
        {"store": {"type": "postgresql"}},
        "at '/store/type': value must be one of 'sqlite', 'mongodb'",
    ),
    "an http URL": ({"url": "http://monotron.example.com"}, "at '/url': "),
    "a setting of the chart": (
        {"config": {"listen": ":80"}},
        "at '/config': additional properties 'listen' not allowed",
    ),
    "a secret in the config": (
        {"config": {"root_api_secret": "x" * 20}},
        "at '/config': additional properties 'root_api_secret' not allowed",
    ),
    "a long drain delay": ({"drainDelaySeconds": 6}, "at '/drainDelaySeconds': maximum: got 6"),
    "an incomplete schedule": ({"audit": {"schedule": "0 3 * *"}}, "at '/audit/schedule': "),
    "a label of selectors": (
        {"podLabels": {"app.kubernetes.io/name": "a"}},
        "podLabels contains app.kubernetes.io/name, which the chart sets.",
    ),
    "the port of the API for metrics": ({"metrics": {"port": 3030}}, "metrics.port is 3030"),
}

WITHOUT_DEFAULT = ("config", "global")
"""Values that are mappings without members by default, but have a schema."""


@pytest.mark.parametrize(("values", "message"), REJECTED.values(), ids=REJECTED)
def test_invalid_values_are_rejected_with_a_readable_message(values: Values, message: str) -> None:
    with pytest.raises(helm_python.HelmError) as error:
        objects_of(values)
    assert message in str(error.value)
    assert "short-secret" not in str(error.value)


def test_a_parent_chart_can_pass_global_values() -> None:
    assert objects_of({"global": {"imageRegistry": "registry.example.com"}}) == objects_of({})


class TestSchema:
    schema: dict[str, Any] = json.loads((FOLDER / "values.schema.json").read_text())

    def test_the_schema_lists_the_values_that_have_a_default(self) -> None:
        defaults = parsed(FOLDER / "values.yaml")
        assert dict(self._unequal(self.schema, defaults, "")) == {}

    def _unequal(self, schema: Any, value: Any, path: str) -> Iterator[tuple[str, set[str]]]:
        """Mappings whose members differ from the schema."""
        if "properties" not in schema or path in WITHOUT_DEFAULT:
            return
        assert schema["additionalProperties"] is False, path
        names = {name for name in schema["properties"] if name not in WITHOUT_DEFAULT}
        if different := names ^ (value.keys() - set(WITHOUT_DEFAULT)):
            yield path, different
        for name, nested in schema["properties"].items():
            yield from self._unequal(nested, value.get(name), f"{path}.{name}".lstrip("."))

    def test_the_config_accepts_each_setting_that_the_chart_does_not_set(self) -> None:
        set_by_chart = {
            variable["name"]
            for values in SETS.values()
            for variable in workload(objects_of(values))["spec"]["template"]["spec"]["containers"][
                0
            ]["env"]
        }
        settings = {each.name for each in SETTINGS if each.variable not in set_by_chart}
        assert self.schema["properties"]["config"]["properties"].keys() == settings | {"trusts"}

    def test_the_config_file_has_the_settings_unchanged(self) -> None:
        config = {**CONFIG, "attribute_bytes_per_account": 123_456_789, "processes": 2}
        data = find(objects_of({"config": config}), "ConfigMap")["data"]
        assert parsed(data["monotron.yml"]) == config


class TestDocumentation:
    def test_the_table_of_values_is_up_to_date(self) -> None:
        text = chart_values.PAGE.read_text()
        assert chart_values.updated(text) == text, "run `make docs`"

    def test_each_value_is_described(self) -> None:
        described = [name for name, _ in chart_values.described_values()]
        assert len(set(described)) == len(described)
        for path in leaves(parsed(FOLDER / "values.yaml")):
            parents = [path[: match.start()] for match in re.finditer(r"\.", path)]
            covering = [name for name in described if name in [*parents, path]]
            assert len(covering) == 1, path

    def test_each_value_that_is_described_exists(self) -> None:
        for name, description in chart_values.described_values():
            chart_values.default_of(name)
            assert description.endswith("."), name


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The names of values that are not mappings."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}".lstrip("."))
    else:
        yield path
