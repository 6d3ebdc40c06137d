"""The Compose files: valid, with files that exist, and with settings that the programs accept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import pytest
import yaml

from monotron import __version__
from monotron.config import SETTINGS, Settings
from monotron.server import DRAIN_SECONDS
from support.containerfile import ROOT, containerfile
from support.member import free_port
from support.nginx import Nginx
from support.prometheus import promtool
from support.server import ROOT as ROOT_KEY
from support.server import ROOT_ENV, Client
from support.server_thread import ServerThread

DEPLOY = ROOT / "deploy"
FILES = sorted(DEPLOY.glob("compose*.yaml"))
SQLITE, MONGODB, MONITORING = (
    DEPLOY / name for name in ("compose.yaml", "compose.mongodb.yaml", "compose.monitoring.yaml")
)
TOGETHER = [(SQLITE,), (MONGODB,), (SQLITE, MONITORING), (MONGODB, MONITORING)]
"""The files that are used together."""

OWN_IMAGE = f"ghcr.io/monotron/monotron:{__version__}"
Document = dict[str, Any]


class Service(NamedTuple):
    file: str
    name: str
    body: Document

    @property
    def is_server(self) -> bool:
        return bool(self.body["image"].startswith("ghcr.io/monotron/"))


def services() -> Iterator[Service]:
    for file in FILES:
        for name, body in yaml.safe_load(file.read_text())["services"].items():
            yield Service(file.name, name, body)


ALL = list(services())
SERVERS = [each for each in ALL if each.is_server]


def merged(files: tuple[Any, ...], section: str) -> Document:
    """A section of files that are used together."""
    document: Document = {}
    for file in files:
        document |= yaml.safe_load(file.read_text()).get(section) or {}
    return document


def mounts(service: Service) -> list[tuple[str, str]]:
    """The sources and targets of volumes."""
    each = service.body.get("volumes", ())
    named = (volume.split(":") for volume in each if ":" in volume)
    return [(source, target) for source, target, *_ in named]


def test_all_files_are_tested() -> None:
    assert {file for files in TOGETHER for file in files} == set(FILES)
    assert len(SERVERS) == 3


def test_the_files_are_valid_by_the_schema_of_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, *FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("files", TOGETHER, ids=lambda files: "+".join(f.stem for f in files))
def test_what_a_service_refers_to_exists(files: tuple[Any, ...]) -> None:
    names = merged(files, "services").keys()
    networks = {"default", *merged(files, "networks")}
    volumes = merged(files, "volumes").keys()
    used = set()
    for service in ALL:
        if service.file not in {file.name for file in files}:
            continue
        assert set(service.body.get("depends_on", ())) <= names
        assert set(service.body.get("networks", ())) <= networks
        for source, _ in mounts(service):
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), source
            else:
                used.add(source)
    assert used == volumes


@pytest.mark.parametrize("service", ALL, ids=lambda each: f"{each.file}-{each.name}")
def test_a_service_has_no_rights_and_is_published_on_this_machine_only(service: Service) -> None:
    assert service.body["cap_drop"] == ["ALL"]
    assert service.body["security_opt"] == ["no-new-privileges:true"]
    for port in service.body.get("ports", ()):
        assert port.startswith("127.0.0.1:")
    name, _, tag = service.body["image"].partition(":")
    assert tag not in ("", "latest")
    assert "/" in name, "Podman asks for the registry of a short name"
    if service.name != "initiate":
        assert service.body["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVERS, ids=lambda each: each.name)
class TestServers:
    def test_it_is_this_version_or_built_from_this_clone(self, service: Service) -> None:
        assert service.body["image"] == OWN_IMAGE
        build = service.body["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()

    def test_its_variables_are_valid_settings(self, service: Service) -> None:
        environment = {**containerfile().environment, **service.body["environment"]}
        own = {name for name in service.body["environment"] if name.startswith("MONOTRON_")}
        assert own <= {setting.variable for setting in SETTINGS}
        settings = Settings.load({}, environment)
        assert settings.init_root_key
        assert settings.warnings == ()

    def test_it_cannot_write_to_its_image(self, service: Service) -> None:
        assert service.body["read_only"] is True
        temporary = [service.body.get("tmpfs"), *service.body.get("volumes", ())]
        assert "/tmp" in temporary, "a backup, an export and --processes need it"

    def test_its_health_check_is_that_of_the_image(self, service: Service) -> None:
        assert service.body["healthcheck"]["test"] == [
            "CMD",
            *containerfile().command("HEALTHCHECK"),
        ]
        options = containerfile().value("HEALTHCHECK")
        for name in ("interval", "timeout", "start_period", "retries"):
            value = service.body["healthcheck"][name]
            assert f"--{name.replace('_', '-')}={value} " in options

    def test_it_has_time_to_drain(self, service: Service) -> None:
        assert int(service.body["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS


def test_data_of_the_sqlite_server_are_in_a_volume() -> None:
    (service,) = [each for each in SERVERS if each.file == SQLITE.name]
    assert mounts(service) == [("data", containerfile().value("VOLUME"))]


class TestMongoDB:
    document: Document = yaml.safe_load(MONGODB.read_text())
    services: Document = document["services"]

    def test_the_members_are_those_that_are_initiated_and_that_the_servers_use(self) -> None:
        script = (DEPLOY / "mongodb" / "initiate.js").read_text()
        members = json.loads(re.search(r"const members = (\[.*\]);", script)[1])  # type: ignore[index]
        hosts = [member.removesuffix(":27017") for member in members]
        assert hosts == [name for name in self.services if name.startswith("mongo")][:3]
        (name,) = re.findall(r'_id: "(\w+)"', script)
        for host in hosts:
            command = self.services[host]["command"]
            assert command[command.index("--replSet") + 1] == name
            assert self.services[host]["volumes"] == [f"{host}:/data/db"]
        for server in ("monotron1", "monotron2"):
            store = self.services[server]["environment"]["MONOTRON_STORE"]
            assert store == f"mongodb://{','.join(hosts)}/monotron?replicaSet={name}"

    def test_only_the_servers_reach_the_database(self) -> None:
        assert self.document["networks"]["store"]["internal"] is True
        reaching = {name for name, each in self.services.items() if "store" in each["networks"]}
        assert reaching == self.services.keys() - {"proxy"}

    def test_only_the_proxy_is_trusted(self) -> None:
        (subnet,) = self.document["networks"]["default"]["ipam"]["config"]
        addresses = {
            name: ip_address(self.services[name]["networks"]["default"]["ipv4_address"])
            for name in ("proxy", "monotron1", "monotron2")
        }
        assert len(set(addresses.values())) == 3
        for name, address in addresses.items():
            assert address in ip_network(subnet["subnet"])
            trusted = self.services[name].get("environment", {}).get("MONOTRON_TRUSTED_PROXIES")
            assert trusted == (None if name == "proxy" else str(addresses["proxy"]))

    def test_the_configuration_of_nginx_is_that_of_the_documentation(self) -> None:
        page = (ROOT / "docs" / "operations.md").read_text()
        (expected,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
        expected = re.sub(
            r"listen 443 ssl;.*?\.key;\n", "listen 8080;\n", expected, flags=re.DOTALL
        )
        for number in (1, 2):
            expected = expected.replace(f"10.0.0.1{number}:", f"monotron{number}:")
        comment, _, text = (DEPLOY / "nginx" / "monotron.conf").read_text().partition("\n")
        assert comment.startswith("# ")
        assert text == expected

    def test_nginx_passes_requests_to_the_servers(self) -> None:
        text = (DEPLOY / "nginx" / "monotron.conf").read_text()
        settings = {"trusted_proxies": "127.0.0.1"}
        with (
            ServerThread("sqlite://", env=ROOT_ENV, **settings) as one,
            ServerThread("sqlite://", env=ROOT_ENV, **settings) as other,
        ):
            for number, server in enumerate((one, other), 1):
                text = text.replace(f"monotron{number}:3030", f"127.0.0.1:{server.port}")
            port = free_port()
            target = self.services["proxy"]["ports"][0].rpartition(":")[2]
            assert text.count(f"listen {target};") == 1
            with (
                Nginx(text.replace(f"listen {target};", f"listen 127.0.0.1:{port};")) as nginx,
                Client(f"http://127.0.0.1:{port}", authorization=ROOT_KEY) as client,
            ):
                for number in range(40):  # each series has its server
                    assert client.request("PUT", f"/v1/series/k{number}/T").status == 200
                used = {name for each in nginx.requests() for name in each.servers}
        assert used == {f"127.0.0.1:{server.port}" for server in (one, other)}


class TestMonitoring:
    services: Document = yaml.safe_load(MONITORING.read_text())["services"]

    def test_the_configuration_of_prometheus_is_valid(self) -> None:
        promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yaml"))

    @pytest.mark.parametrize("file", [SQLITE, MONGODB], ids=lambda file: file.stem)
    def test_prometheus_scrapes_all_servers(self, file: Any) -> None:
        config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
        (job,) = config["scrape_configs"]
        (target,) = job["dns_sd_configs"]
        (name,) = target["names"]
        assert job["job_name"] == "monotron", "the alerts need it"
        for service in SERVERS:
            if service.file == file.name:
                networks = service.body.get("networks", {})
                assert name in (service.name, *networks.get("default", {}).get("aliases", ()))
                listen = service.body["environment"]["MONOTRON_METRICS_LISTEN"]
                assert listen == f"0.0.0.0:{target['port']}"
                assert all(
                    str(target["port"]) not in port for port in service.body.get("ports", ())
                )

    def test_rules_and_configuration_are_in_one_folder(self) -> None:
        service = Service(MONITORING.name, "prometheus", self.services["prometheus"])
        targets = dict(mounts(service))
        assert targets["./prometheus/alerts.yaml"] == "/etc/prometheus/alerts.yaml"
        configuration = targets["./prometheus/prometheus.yaml"]
        assert f"--config.file={configuration}" in service.body["command"]
        assert f"--storage.tsdb.path={targets['prometheus']}" in service.body["command"]

    def test_grafana_finds_the_data_source_and_the_dashboard(self) -> None:
        service = Service(MONITORING.name, "grafana", self.services["grafana"])
        targets = dict(mounts(service))
        provisioning = "/etc/grafana/provisioning"
        for name in ("datasources", "dashboards"):
            assert targets[f"./grafana/{name}.yaml"].startswith(f"{provisioning}/{name}/")
        (source,) = yaml.safe_load((DEPLOY / "grafana/datasources.yaml").read_text())["datasources"]
        port = self.services["prometheus"]["ports"][0].rpartition(":")[2]
        assert source["url"] == f"http://prometheus:{port}"
        assert source["isDefault"] is True
        (provider,) = yaml.safe_load((DEPLOY / "grafana/dashboards.yaml").read_text())["providers"]
        folder = provider["options"]["path"]
        assert targets["./grafana/monotron.json"].startswith(f"{folder}/")
