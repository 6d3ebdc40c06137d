"""The containers of the Helm chart with SQLite, executed with the program of this repository."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_readme import run
from support.chart import ROOT_SECRET, SETS, find, pod_templates, rendered, server_pod
from support.container import Container, RunningServer, addresses, secrets_of, write_config
from support.credentials import bearer, new_key
from support.http import Client, basic

PUBLIC_URL = "https://monotron.example.com"


class Deployed:
    """A server that was started as a set of values states, and its objects."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self.objects, self.notes = rendered(SETS[name])
        self.ports = addresses()
        secrets = secrets_of(self.objects)
        self.container = Container(server_pod(self.objects), folder, secrets, self.ports.replaced)
        write_config(self.objects, folder / "config")
        self.server = RunningServer(self.container, folder)

    def job(self, component: str, key: str, url: str, folder: Path) -> str:
        """The output of the container of a pod that sends requests to *url* with this API key."""
        (pod,) = (pod for name, pod in pod_templates(self.objects) if name == component)
        secrets = {("monotron-maintenance", "api-key"): key}
        return Container(pod, folder, secrets, {url: self.server.url}).run()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    deployed = Deployed("SQLite with everything", tmp_path_factory.mktemp("everything"))
    with deployed.server:
        yield deployed


@pytest.fixture(scope="module")
def key(everything: Deployed) -> str:
    """An API key for audits and backups, as docs/kubernetes.md creates it."""
    with everything.server.client(basic("root", ROOT_SECRET)) as root:
        return new_key(root, 1, "read:system", "write:system")


def test_the_server_with_default_values_passes_its_probes_and_drains(tmp_path: Path) -> None:
    # Probes need no credentials, whether or not the server creates a root key.
    objects, _ = rendered({"drainDelaySeconds": 0.1})
    ports = addresses()
    container = Container(server_pod(objects), tmp_path, {}, ports.replaced)
    with RunningServer(container, tmp_path) as server:
        assert server.url == f"http://{ports.http}"
        container.check_probes(ports)
        with Client(f"http://{ports.metrics}") as client:
            assert b"monotron_store_up 1" in client.request("GET", "/metrics").body
        assert (tmp_path / "data" / "monotron.db").exists()
        grace = server_pod(objects)["spec"]["terminationGracePeriodSeconds"]
        assert server.terminate(grace) == 0


class TestEverything:
    def test_the_server_passes_its_probes_and_has_its_settings(self, everything: Deployed) -> None:
        everything.container.check_probes(everything.ports)
        assert "ignoring unknown" not in everything.server.log()
        with everything.server.client(basic("root", ROOT_SECRET)) as root:
            trusts = root.request("GET", "/v1/accounts/1/trusts").json()
        assert "gh:acme:shop" in str(trusts)

    def test_the_request_of_the_notes_returns_the_version_that_they_state(
        self, everything: Deployed, tmp_path: Path
    ) -> None:
        (request,) = re.findall(r"^ +(curl .*)$", everything.notes, re.MULTILINE)
        (version,) = re.findall(r"The answer is (\S+)\.\s", everything.notes)
        request = request.replace("127.0.0.1:3030", everything.ports.http)
        secret = f"root:{ROOT_SECRET}"
        assert run(f"MONOTRON_API_KEY={secret}\n{request}", tmp_path).strip() == version

    def test_the_test_of_the_release_reaches_the_service(
        self, everything: Deployed, tmp_path: Path
    ) -> None:
        service = find(everything.objects, "Service", "monotron")
        (port,) = service["spec"]["ports"]
        printed = everything.job("test", "", f"http://monotron:{port['port']}", tmp_path)
        assert printed == f"{everything.server.url} is ready.\n"

    def test_the_audit_succeeds_and_is_recorded(
        self, everything: Deployed, key: str, tmp_path: Path
    ) -> None:
        assert everything.job("audit", key, PUBLIC_URL, tmp_path).startswith("OK: ")
        with everything.server.client(bearer(key)) as client:
            assert client.request("GET", "/v1/system/info").json()["last_audit"]

    def test_the_backup_is_made_and_an_old_one_deleted(
        self, everything: Deployed, key: str, tmp_path: Path
    ) -> None:
        old = old_backup(tmp_path)
        printed = everything.job("backup", key, PUBLIC_URL, tmp_path)
        assert printed.startswith(f"Backed up to {old.parent}/monotron-")
        (name,) = (file.name for file in old.parent.iterdir())
        assert re.fullmatch(r"monotron-\d{4}-\d\d-\d\dT\d{6}Z\.db", name)
        assert name != old.name

    def test_a_failed_backup_fails_the_job_and_deletes_nothing(
        self, everything: Deployed, tmp_path: Path
    ) -> None:
        old = old_backup(tmp_path)
        with pytest.raises(AssertionError, match="401"):
            everything.job("backup", "mtk_k_wrong", PUBLIC_URL, tmp_path)
        assert list(old.parent.iterdir()) == [old]


def old_backup(folder: Path) -> Path:
    """A backup that is older than the retention, on the volume of backups."""
    backups = folder / "backups"
    backups.mkdir()
    old = backups / "monotron-2026-01-01T000000Z.db"
    old.touch()
    os.utime(old, (0, 0))
    return old
