"""The Helm chart: rendered by Helm's engine with several sets of values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "helm" / "monotron"
METADATA: dict[str, Any] = yaml.safe_load((FOLDER / "Chart.yaml").read_text())

LINT_INFO = 1
"""The severity of information in a report of `helm lint`."""

RELEASE = "monotron"
NAMESPACE = "ci"

Values = Mapping[str, Any]
Object = dict[str, Any]

ROOT_SECRET = "correct-horse-battery-staple"
PASSWORD = "database-password"

MAINTENANCE = {
    "url": "https://monotron.example.com",
    "maintenance": {"existingSecret": "monotron-maintenance"},
    "audit": {"enabled": True},
}
CONFIG = {
    "audience": "https://monotron.example.com",
    "issuers": ["github", {"url": "https://gitlab.example.com", "kind": "gitlab"}],
    "trusted_proxies": ["10.0.0.0/8"],
    "series_per_account": 2_000_000,  # which toYaml would write as 2e+06
    "trusts": [
        {
            "account": 1,
            "issuer": "github",
            "claims": {
                "repository_id": "123",
                "repository_owner_id": "42",
                "ref": "refs/heads/main",
            },
            "scopes": ["read,write:series"],
            "names": ["gh:acme:shop"],
        }
    ],
}

SETS: dict[str, Values] = {
    "default": {},
    "minimal": {
        "metrics": {"enabled": False},
        "serviceAccount": {"create": False},
        "initRootKey": False,
        "resources": {},
        "listenHost": "[::]",
    },
    "SQLite with everything": {
        **MAINTENANCE,
        "rootKey": {"secret": ROOT_SECRET},
        "config": CONFIG,
        "store": {"sqlite": {"storageClass": "fast", "accessMode": "ReadWriteOncePod"}},
        "maintenance": {"existingSecret": "monotron-maintenance", "caConfigMap": "company-ca"},
        "backup": {"enabled": True, "storageClass": "cheap"},
        "tmpSize": "10Gi",
        "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
        "metrics": {"prometheusRule": {"enabled": True}},
        "drainDelaySeconds": 0.1,
    },
    "MongoDB with everything": {
        **MAINTENANCE,
        "replicas": 3,
        "store": {
            "type": "mongodb",
            "mongodb": {"url": f"mongodb://monotron:{PASSWORD}@db.example.com/monotron"},
        },
        "config": {**CONFIG, "processes": 2},
        "drainDelaySeconds": 0.1,
        "service": {"type": "LoadBalancer", "port": 80, "annotations": {"example.com/a": "b"}},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "2m"},
            "hosts": ["monotron.example.com", "versions.example.com"],
            "tlsSecret": "monotron-tls",
        },
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
            "hostnames": ["monotron.example.com"],
        },
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        },
        "networkPolicy": {
            "enabled": True,
            "from": [{"namespaceSelector": {"matchLabels": {"name": "ingress-nginx"}}}],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 443}]}],
        },
        "topologySpread": {"whenUnsatisfiable": "DoNotSchedule"},
        "podAnnotations": {"example.com/note": "a"},
        "podLabels": {"team": "ci"},
        "priorityClassName": "high",
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "ci", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
        "extraVolumes": [{"name": "db-ca", "configMap": {"name": "db-ca"}}],
        "extraVolumeMounts": [{"name": "db-ca", "mountPath": "/etc/db-ca", "readOnly": True}],
    },
    "existing Secrets": {
        **MAINTENANCE,
        "replicas": 2,
        "store": {
            "type": "mongodb",
            "mongodb": {"existingSecret": "database", "existingSecretKey": "uri"},
        },
        "rootKey": {"existingSecret": "monotron-root"},
        "serviceAccount": {"annotations": {"example.com/role": "monotron"}},
    },
    "existing claim": {
        **MAINTENANCE,
        "rootKey": {"existingSecret": "monotron-root"},
        "backup": {"enabled": True, "existingClaim": "backups"},
    },
}


@cache
def chart() -> helm_python.Chart:
    """The chart."""
    return helm_python.Chart.load(FOLDER)


def rendered(values: Values, name: str = RELEASE) -> tuple[list[Object], str]:
    """The objects of a release, and the notes. Raises HelmError for invalid values."""
    return deepcopy(_rendered(json.dumps(values), name))


@cache
def _rendered(values: str, name: str) -> tuple[list[Object], str]:
    files = chart().render(json.loads(values), name=name, namespace=NAMESPACE)
    notes = files.pop("monotron/templates/NOTES.txt")
    parsed_files = (yaml.load_all(text, UniqueLoader) for text in files.values())
    return [each for parsed_file in parsed_files for each in parsed_file if each], notes


class UniqueLoader(yaml.CSafeLoader):
    """Rejects repeated keys, of which the last one would apply."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(set(keys)) == len(keys), (keys, node.start_mark)
        return super().construct_mapping(node, deep)


def lint(values: Values) -> list[str]:
    """What `helm lint --strict` finds, without information such as a missing icon."""
    report = helm_python.lint(FOLDER, dict(values), strict=True)
    found = [each["error"] for each in report["messages"] if each["severity"] > LINT_INFO]
    return [*found, *report["errors"]]


def parsed(source: Path | str) -> Any:
    """The content of a YAML file or text."""
    return yaml.safe_load(source if isinstance(source, str) else source.read_text())


def objects_of(values: Values, name: str = RELEASE) -> list[Object]:
    """The objects of a release."""
    return rendered(values, name)[0]


def find(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The only object of this kind, or the one with this name."""
    (found,) = (
        each
        for each in objects
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    )
    return found


def workload(objects: list[Object]) -> Object:
    """The StatefulSet or Deployment."""
    (found,) = (each for each in objects if each["kind"] in {"StatefulSet", "Deployment"})
    return found


def pod_templates(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """All pods with their component: `server`, `audit`, `backup`, `test`."""
    for each in objects:
        template = {
            "StatefulSet": lambda each: each["spec"]["template"],
            "Deployment": lambda each: each["spec"]["template"],
            "CronJob": lambda each: each["spec"]["jobTemplate"]["spec"]["template"],
            "Pod": lambda each: each,
        }.get(each["kind"])
        if template:
            pod = template(each)
            yield pod["metadata"]["labels"]["app.kubernetes.io/component"], pod


def server_pod(objects: list[Object]) -> Object:
    """The pod of a server."""
    (pod,) = (pod for component, pod in pod_templates(objects) if component == "server")
    return pod


def selected(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector with these `matchLabels` matches."""
    return bool(selector) and selector.items() <= labels.items()


def texts(value: Any) -> Iterator[str]:
    """All texts in a value, also names of members."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def oldest_kubernetes() -> str:
    """The oldest version that the chart accepts, such as `1.27`."""
    match = re.match(r">=(\d+\.\d+)\.", METADATA["kubeVersion"])
    assert match
    return match[1]
