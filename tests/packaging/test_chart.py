"""The objects of the Helm chart: valid in Kubernetes, and consistent with one another."""

from __future__ import annotations

from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
from kubernetes_validate.utils import latest_version

from docs.chart_values import ALERTS, COPY_OF_ALERTS
from monotron import __version__
from support.chart import (
    FOLDER,
    METADATA,
    SETS,
    Values,
    chart,
    find,
    lint,
    objects_of,
    oldest_kubernetes,
    parsed,
    pod_templates,
    selected,
    workload,
)

CUSTOM = {"HTTPRoute", "PrometheusRule", "ServiceMonitor"}
"""Kinds that no package has schemas of."""

COMMON_LABELS = {
    "app.kubernetes.io/name": "monotron",
    "app.kubernetes.io/instance": "monotron",
    "app.kubernetes.io/part-of": "monotron",
    "app.kubernetes.io/version": __version__,
    "app.kubernetes.io/managed-by": "Helm",
    "helm.sh/chart": f"monotron-{METADATA['version']}",
}

EVERYTHING = "MongoDB with everything"

each_set = pytest.mark.parametrize("values", SETS.values(), ids=SETS)


class TestObjects:
    @each_set
    @pytest.mark.parametrize("kubernetes", [oldest_kubernetes(), latest_version()])
    def test_kubernetes_accepts_each_object(self, values: Values, kubernetes: str) -> None:
        objects = [each for each in objects_of(values) if each["kind"] not in CUSTOM]
        for each in objects:
            kubernetes_validate.validate(each, kubernetes, strict=True)

    def test_an_unknown_member_would_be_noticed(self) -> None:
        object_ = workload(objects_of(SETS["default"]))
        object_["spec"]["template"]["spec"]["enableServiceLink"] = False
        with pytest.raises(kubernetes_validate.ValidationError, match="enableServiceLink"):
            kubernetes_validate.validate(object_, latest_version(), strict=True)

    @each_set
    def test_helm_lint_finds_nothing(self, values: Values) -> None:
        assert lint(values) == []

    @each_set
    def test_all_objects_and_pods_have_the_common_labels(self, values: Values) -> None:
        objects = objects_of(values)
        for each in [*objects, *(pod for _, pod in pod_templates(objects))]:
            labels = each["metadata"]["labels"]
            assert COMMON_LABELS.items() <= labels.items(), each
            assert labels["app.kubernetes.io/component"]
        assert {each["metadata"]["namespace"] for each in objects} == {"ci"}

    def test_each_set_has_the_objects_that_it_enables(self) -> None:
        kinds = {name: sorted(each["kind"] for each in objects_of(SETS[name])) for name in SETS}
        always = ["Pod", "Service"]
        assert kinds["minimal"] == sorted([*always, "StatefulSet"])
        assert kinds["default"] == sorted([*always, "Service", "ServiceAccount", "StatefulSet"])
        jobs = ["CronJob", "CronJob", "PersistentVolumeClaim"]
        more = ["ConfigMap", "PrometheusRule", "Secret"]
        assert kinds["SQLite with everything"] == sorted(kinds["default"] + jobs + more)
        everything = ["Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "CronJob"]
        expected = [*always, "Service", "ServiceAccount", *everything, *more, *CUSTOM]
        assert kinds[EVERYTHING] == sorted([*expected[:-3], *(CUSTOM - {"PrometheusRule"})])

    def test_names_of_a_release_with_the_longest_name_are_short_enough(self) -> None:
        objects = objects_of(SETS["SQLite with everything"], name="a" * 53)
        for each in objects:
            limit = 52 if each["kind"] in {"CronJob", "StatefulSet"} else 63
            assert len(each["metadata"]["name"]) <= limit
        assert len({(each["kind"], each["metadata"]["name"]) for each in objects}) == len(objects)

    def test_a_release_contains_the_name_of_the_chart_once(self) -> None:
        assert workload(objects_of({}, name="team"))["metadata"]["name"] == "team-monotron"
        assert workload(objects_of({}, name="monotron-2"))["metadata"]["name"] == "monotron-2"


class TestSelectors:
    @each_set
    def test_services_and_policies_select_the_servers_and_no_other_pod(
        self, values: Values
    ) -> None:
        objects = objects_of(values)
        selectors = [
            each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
            for each in objects
            if each["kind"] in {"Service", "StatefulSet", "Deployment", "PodDisruptionBudget"}
        ]
        selectors += [
            each["spec"]["podSelector"]["matchLabels"]
            for each in objects
            if each["kind"] == "NetworkPolicy"
        ]
        spread = workload(objects)["spec"]["template"]["spec"].get("topologySpreadConstraints", ())
        selectors += [each["labelSelector"]["matchLabels"] for each in spread]
        assert len(selectors) >= 2
        for selector in selectors:
            components = [
                component
                for component, pod in pod_templates(objects)
                if selected(selector, pod["metadata"]["labels"])
            ]
            assert components == ["server"]

    def test_two_releases_do_not_select_the_pods_of_each_other(self) -> None:
        service = find(objects_of({}, name="one-monotron"), "Service", "one-monotron")
        for _, pod in pod_templates(objects_of({}, name="two-monotron")):
            assert not selected(service["spec"]["selector"], pod["metadata"]["labels"])

    @each_set
    def test_labels_of_selectors_and_claims_never_change(self, values: Values) -> None:
        spec = workload(objects_of(values))["spec"]
        fixed = [spec["selector"]["matchLabels"]]
        fixed += [each["metadata"]["labels"] for each in spec.get("volumeClaimTemplates", ())]
        for labels in fixed:
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & labels.keys()

    def test_the_test_pod_may_reach_the_servers(self) -> None:
        objects = objects_of(SETS[EVERYTHING])
        (test,) = (pod for component, pod in pod_templates(objects) if component == "test")
        requests, _ = find(objects, "NetworkPolicy")["spec"]["ingress"]
        peers = [each["podSelector"]["matchLabels"] for each in requests["from"][1:]]
        assert [selected(peer, test["metadata"]["labels"]) for peer in peers] == [True]


class TestPorts:
    @each_set
    def test_each_port_that_is_named_exists(self, values: Values) -> None:
        objects = objects_of(values)
        (container,) = workload(objects)["spec"]["template"]["spec"]["containers"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")]
        named = {probe["port"] for probe in [*probes, container["readinessProbe"]["httpGet"]]}
        for each in objects:
            if each["kind"] == "Service":
                named |= {port["targetPort"] for port in each["spec"]["ports"]}
            if each["kind"] == "NetworkPolicy":
                rules = each["spec"]["ingress"]
                named |= {port["port"] for rule in rules for port in rule["ports"]}
        assert named == set(ports)
        variables = {each["name"]: each.get("value") for each in container["env"]}
        assert variables["MONOTRON_LISTEN"].endswith(f":{ports['http']}")
        if "metrics" in ports:
            assert variables["MONOTRON_METRICS_LISTEN"].endswith(f":{ports['metrics']}")

    def test_ingress_and_route_lead_to_the_service(self) -> None:
        objects = objects_of(SETS[EVERYTHING])
        service = find(objects, "Service", "monotron")
        (port,) = service["spec"]["ports"]
        ingress = find(objects, "Ingress")["spec"]
        for rule in ingress["rules"]:
            ((path),) = rule["http"]["paths"]
            assert path["backend"]["service"] == {"name": "monotron", "port": {"name": "http"}}
        assert [rule["host"] for rule in ingress["rules"]] == ingress["tls"][0]["hosts"]
        route = find(objects, "HTTPRoute")
        assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
        assert route["spec"].keys() == {"parentRefs", "hostnames", "rules"}
        system, everything = route["spec"]["rules"]
        assert system["matches"] == [{"path": {"type": "PathPrefix", "value": "/v1/system/"}}]
        assert system["timeouts"] == {"request": "1h", "backendRequest": "1h"}
        assert everything["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
        for rule in (system, everything):
            assert rule["backendRefs"] == [{"name": "monotron", "port": port["port"]}]

    def test_metrics_are_not_a_port_of_the_public_service(self) -> None:
        objects = objects_of(SETS[EVERYTHING])
        public = find(objects, "Service", "monotron")["spec"]
        assert public["type"] == "LoadBalancer"
        assert [port["name"] for port in public["ports"]] == ["http"]


class TestMonitoring:
    def test_the_rules_are_those_of_the_alerts_file(self) -> None:
        assert COPY_OF_ALERTS.read_bytes() == ALERTS.read_bytes(), "run `make docs`"
        rule = find(objects_of(SETS[EVERYTHING]), "PrometheusRule")
        assert rule["apiVersion"] == "monitoring.coreos.com/v1"
        assert rule["spec"] == parsed(ALERTS)

    def test_prometheus_scrapes_the_metrics_service_as_the_job_of_the_alerts(self) -> None:
        objects = objects_of(SETS[EVERYTHING])
        monitor = find(objects, "ServiceMonitor")
        assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        assert monitor["spec"].keys() == {"selector", "endpoints"}
        services = [
            each
            for each in objects
            if each["kind"] == "Service"
            and selected(monitor["spec"]["selector"]["matchLabels"], each["metadata"]["labels"])
        ]
        (service,) = services
        (endpoint,) = monitor["spec"]["endpoints"]
        assert [endpoint["port"]] == [port["name"] for port in service["spec"]["ports"]]
        (relabeling,) = endpoint["relabelings"]
        assert f'job="{relabeling["replacement"]}"' in ALERTS.read_text()
        assert relabeling["targetLabel"] == "job"
        # A scrape can take 2 s for each of two calls of the store.
        assert int(endpoint["scrapeTimeout"].removesuffix("s")) >= 5


class TestChart:
    def test_the_chart_is_for_this_version_of_the_program(self) -> None:
        assert METADATA["appVersion"] == __version__
        (container,) = workload(objects_of({}))["spec"]["template"]["spec"]["containers"]
        (image,) = parsed(METADATA["annotations"]["artifacthub.io/images"])
        assert image["image"] == container["image"] == f"ghcr.io/monotron/monotron:{__version__}"

    def test_the_annotations_for_artifact_hub_have_the_form_that_it_requires(self) -> None:
        annotations = METADATA["annotations"]
        assert all(isinstance(each, str) for each in annotations.values())
        assert annotations["artifacthub.io/license"] == "MIT"
        for link in parsed(annotations["artifacthub.io/links"]):
            assert link.keys() == {"name", "url"}
            assert link["url"].startswith(METADATA["home"])

    def test_the_archive_has_the_same_objects(self, tmp_path: Path) -> None:
        archive = helm_python.package(FOLDER, destination=tmp_path)
        values = dict(SETS[EVERYTHING])
        with helm_python.Chart.load(archive) as packaged:
            assert packaged.render(values) == chart().render(values)
            assert {each["name"] for each in packaged.files} == {
                ".helmignore",
                "README.md",
                "files/alerts.yaml",
            }

    def test_a_digest_takes_precedence_over_the_tag(self) -> None:
        digest = f"sha256:{'0' * 64}"
        values = {"image": {"digest": digest, "tag": "0.0.1"}}
        (container,) = workload(objects_of(values))["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"ghcr.io/monotron/monotron@{digest}"
