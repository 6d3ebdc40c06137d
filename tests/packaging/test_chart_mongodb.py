"""The server of the Helm chart with MongoDB, executed with the program of this repository."""

from __future__ import annotations

from pathlib import Path

from support.chart import PASSWORD, SETS, rendered, server_pod
from support.container import Container, RunningServer, addresses, secrets_of, write_config


def test_the_server_reads_its_url_from_the_secret_and_passes_its_probes(
    database_url: str, tmp_path: Path
) -> None:
    objects, _ = rendered(SETS["MongoDB with everything"])
    secrets = secrets_of(objects)
    assert PASSWORD in secrets["monotron", "store-url"]
    secrets["monotron", "store-url"] = database_url
    ports = addresses()
    container = Container(server_pod(objects), tmp_path, secrets, ports.replaced)
    write_config(objects, tmp_path / "config")
    with RunningServer(container, tmp_path) as server:
        container.check_probes(ports)
        assert server.terminate(server_pod(objects)["spec"]["terminationGracePeriodSeconds"]) == 0
