"""The pods of the Helm chart: few rights, and references to objects that exist."""

from __future__ import annotations

import base64

import pytest

from monotron.server import DRAIN_SECONDS
from support.chart import (
    PASSWORD,
    ROOT_SECRET,
    SETS,
    Object,
    Values,
    objects_of,
    pod_templates,
    rendered,
    texts,
    workload,
)
from support.containerfile import containerfile

each_set = pytest.mark.parametrize("values", SETS.values(), ids=SETS)

OUTSIDE = {
    "ConfigMap": {"company-ca", "db-ca"},
    "Secret": {"monotron-maintenance", "monotron-root", "database", "registry"},
    "PersistentVolumeClaim": {"backups"},
    "ServiceAccount": {"default"},
}
"""Names in the sets of values, of objects that are not part of the chart."""

SECRETS = (ROOT_SECRET, PASSWORD)


def pods(values: Values) -> list[Object]:
    return [pod["spec"] for _, pod in pod_templates(objects_of(values))]


class TestRights:
    @each_set
    def test_a_pod_has_the_user_of_the_image_and_no_token(self, values: Values) -> None:
        user, group = map(int, containerfile().value("USER").split(":"))
        for pod in pods(values):
            assert pod["automountServiceAccountToken"] is False
            assert pod["enableServiceLinks"] is False
            context = pod["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] == user
            assert context["runAsGroup"] == context["fsGroup"] == group
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()

    @each_set
    def test_a_container_has_no_capability_and_writes_to_volumes_only(self, values: Values) -> None:
        for pod in pods(values):
            (container,) = pod["containers"]
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]

    def test_memory_is_limited_by_default(self) -> None:
        for pod in pods(SETS["SQLite with everything"]):
            assert pod["containers"][0]["resources"]["limits"]["memory"]

    def test_the_security_context_can_be_left_to_the_cluster(self) -> None:
        own = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"))
        for pod in pods({"podSecurityContext": own}):
            assert not own.keys() & pod["securityContext"].keys()
            assert pod["securityContext"]["runAsNonRoot"] is True


class TestReferences:
    @each_set
    def test_each_object_that_a_pod_names_exists(self, values: Values) -> None:
        objects = objects_of(values)
        names = {
            kind: outside | {o["metadata"]["name"] for o in objects if o["kind"] == kind}
            for kind, outside in OUTSIDE.items()
        }
        for pod in pods(values):
            assert pod["serviceAccountName"] in names["ServiceAccount"]
            for each in pod.get("imagePullSecrets", ()):
                assert each["name"] in names["Secret"]
            for variable in pod["containers"][0]["env"]:
                if "valueFrom" in variable:
                    assert variable["valueFrom"]["secretKeyRef"]["name"] in names["Secret"]
            for volume in pod["volumes"]:
                if "configMap" in volume:
                    assert volume["configMap"]["name"] in names["ConfigMap"]
                if claim := volume.get("persistentVolumeClaim"):
                    assert claim["claimName"] in names["PersistentVolumeClaim"]

    @each_set
    def test_each_key_of_a_secret_of_the_chart_exists(self, values: Values) -> None:
        objects = objects_of(values)
        secrets = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "Secret"}
        used = {
            (reference["name"], reference["key"])
            for pod in pods(values)
            for variable in pod["containers"][0]["env"]
            if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
        }
        for name, data in secrets.items():
            assert {key for secret, key in used if secret == name} == data.keys()

    @each_set
    def test_each_mount_has_a_volume_and_each_volume_a_mount(self, values: Values) -> None:
        claims = workload(objects_of(values))["spec"].get("volumeClaimTemplates", ())
        for pod in pods(values):
            volumes = {each["name"] for each in pod["volumes"]}
            if pod["containers"][0]["args"] == ["serve"]:
                volumes |= {claim["metadata"]["name"] for claim in claims}
            mounts = [each["name"] for each in pod["containers"][0]["volumeMounts"]]
            assert set(mounts) == volumes
            assert len(mounts) == len(volumes)


class TestSecrets:
    @pytest.mark.parametrize("name", ["SQLite with everything", "MongoDB with everything"])
    def test_only_the_secret_contains_a_secret(self, name: str) -> None:
        objects, notes = rendered(SETS[name])
        outside = [each for each in objects if each["kind"] != "Secret"]
        public = " ".join([notes, *texts(outside)])
        for secret in SECRETS:
            assert secret not in public
            assert base64.b64encode(secret.encode()).decode() not in public
        (inside,) = (each for each in objects if each["kind"] == "Secret")
        decoded = [base64.b64decode(each).decode() for each in inside["data"].values()]
        assert any(secret in each for each in decoded for secret in SECRETS)

    def test_a_pod_restarts_if_settings_or_secrets_change(self) -> None:
        def annotations(**changes: object) -> dict[str, str]:
            values = {**SETS["SQLite with everything"], **changes}
            template = workload(objects_of(values))["spec"]["template"]
            return dict(template["metadata"]["annotations"])

        before = annotations()
        after = annotations(rootKey={"secret": "x" * 20})
        assert {name for name in before if before[name] != after[name]} == {"checksum/secret"}
        after = annotations(config={"log_level": "debug"})
        assert {name for name in before if before[name] != after[name]} == {"checksum/config"}

    @pytest.mark.parametrize(
        ("values", "variable"),
        [
            ({}, "true"),
            ({"rootKey": {"existingSecret": "monotron-root"}}, None),
            ({"rootKey": {"secret": ROOT_SECRET}}, None),
            ({"initRootKey": False}, "false"),
            ({"initRootKey": True, "rootKey": {"secret": ROOT_SECRET}}, "true"),
        ],
    )
    def test_a_root_key_is_created_unless_the_chart_knows_one(
        self, values: Values, variable: str | None
    ) -> None:
        (container,) = workload(objects_of(values))["spec"]["template"]["spec"]["containers"]
        variables = {each["name"]: each.get("value") for each in container["env"]}
        assert variables.get("MONOTRON_INIT_ROOT_KEY") == variable


class TestLifetime:
    def test_a_server_has_the_time_that_it_needs_to_finish_its_requests(self) -> None:
        pod = workload(objects_of({}))["spec"]["template"]["spec"]
        variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        drain = float(variables["MONOTRON_DRAIN_DELAY"])
        assert drain == 5
        assert pod["terminationGracePeriodSeconds"] >= drain + DRAIN_SECONDS + 5

    def test_a_server_of_mongodb_is_replaced_before_it_is_stopped(self) -> None:
        spec = workload(objects_of(SETS["MongoDB with everything"]))["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert spec["replicas"] == 3

    def test_the_volumes_with_data_outlive_the_release(self) -> None:
        objects = objects_of(SETS["SQLite with everything"])
        # Kubernetes never deletes the claims of a StatefulSet by default.
        assert "persistentVolumeClaimRetentionPolicy" not in workload(objects)["spec"]
        (claim,) = (each for each in objects if each["kind"] == "PersistentVolumeClaim")
        assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}

    def test_the_readiness_probe_outlasts_an_election(self) -> None:
        (container,) = workload(objects_of({}))["spec"]["template"]["spec"]["containers"]
        probe = container["readinessProbe"]
        assert probe["httpGet"]["path"] == "/readyz"
        assert probe["periodSeconds"] * (probe["failureThreshold"] - 1) >= 15
        # /readyz answers within the 2 s of its own probe of the store.
        assert probe["timeoutSeconds"] > 2
        for name in ("livenessProbe", "startupProbe"):
            assert container[name]["httpGet"]["path"] == "/livez"
