"""docs/kubernetes.md: its values are accepted, and its commands name objects that exist."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate.utils import latest_version

from monotron import __version__
from support.chart import METADATA, ROOT, Object, find, objects_of, parsed, pod_templates, workload

GUIDE = (ROOT / "docs" / "kubernetes.md").read_text()
BLOCKS = re.findall(r"```yaml\n(# ([^\n]*)\n.*?)```", GUIDE, re.DOTALL)
COMPLETE = [parsed(text) for text, title in BLOCKS if title == "values.yaml"]
CONTINUED = [parsed(text) for text, title in BLOCKS if title == "values.yaml, continued"]


def values(store: str) -> dict[str, Any]:
    """The values of the guide for a store, with all that continue them."""
    (complete,) = (each for each in COMPLETE if each["store"].get("type", "sqlite") == store)
    merged = {name: value for each in (complete, *CONTINUED) for name, value in each.items()}
    return merged if store == "sqlite" else {**merged, "backup": {"enabled": False}}


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return objects_of(values("sqlite"))


def test_every_block_of_values_is_read() -> None:
    assert len(COMPLETE) + len(CONTINUED) + 1 == len(BLOCKS) == GUIDE.count("```yaml\n")
    names = [name for each in CONTINUED for name in each]
    assert len(set(names)) == len(names)
    assert not set(names) & {name for each in COMPLETE for name in each}


@pytest.mark.parametrize(("store", "kind"), [("sqlite", "StatefulSet"), ("mongodb", "Deployment")])
def test_the_values_are_accepted(store: str, kind: str) -> None:
    rendered = objects_of(values(store))
    assert workload(rendered)["kind"] == kind
    for each in COMPLETE:
        assert objects_of(each)


@pytest.mark.parametrize("store", ["sqlite", "mongodb"])
def test_the_guide_creates_each_secret_that_a_pod_reads(store: str) -> None:
    created = {
        (name, key)
        for name, arguments in re.findall(
            r"create secret generic (\S+)((?:[ \\\n]+--from-\S+)+)", GUIDE
        )
        for key in re.findall(r"--from-(?:literal|file)=([\w-]+)=", arguments)
    }
    read = {
        (reference["name"], reference["key"])
        for _, pod in pod_templates(objects_of(values(store)))
        for variable in pod["spec"]["containers"][0]["env"]
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert read
    assert read <= created


def test_the_commands_name_objects_that_exist(objects: list[Object]) -> None:
    commands = " ".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))
    named = re.findall(r"\b(statefulset|service|cronjob)/([\w-]+)", commands)
    assert {kind for kind, _ in named} == {"statefulset", "service", "cronjob"}
    existing = {(each["kind"].lower(), each["metadata"]["name"]) for each in objects}
    assert set(named) <= existing


def test_the_claims_are_those_of_the_release(objects: list[Object]) -> None:
    server = workload(objects)
    (template,) = server["spec"]["volumeClaimTemplates"]
    claims = {
        f"{template['metadata']['name']}-{server['metadata']['name']}-0",
        find(objects, "PersistentVolumeClaim")["metadata"]["name"],
    }
    (pod,) = (parsed(text) for text, title in BLOCKS if title == "maintenance.yaml")
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    assert claims == {
        volumes[name]["persistentVolumeClaim"]["claimName"] for name in ("data", "backups")
    }
    assert claims == set(re.findall(r"`((?:data|monotron)-\S*)`", GUIDE)) & claims


def test_the_pod_of_a_restore_is_like_those_of_the_chart() -> None:
    (pod,) = (parsed(text) for text, title in BLOCKS if title == "maintenance.yaml")
    kubernetes_validate.validate(pod, latest_version(), strict=True)
    server = workload(objects_of({}))["spec"]["template"]["spec"]
    for name in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert pod["spec"][name] == server[name]
    (container,), (of_server,) = pod["spec"]["containers"], server["containers"]
    for name in ("securityContext", "image"):
        assert container[name] == of_server[name]
    paths = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    for mount in of_server["volumeMounts"]:
        assert paths[mount["name"]] == mount["mountPath"]
    assert f"sqlite:///{paths['data']}/monotron.db" in GUIDE


def test_the_guide_names_the_version_of_the_chart() -> None:
    assert re.findall(r"--version (\S+)", GUIDE) == [METADATA["version"]]
    assert set(re.findall(r"(?<!\.)\b0\.\d+\.\d+\b(?!\.)", GUIDE)) == {
        METADATA["version"],
        __version__,
    }
