"""The image: its Containerfile, and its commands as processes of this machine.

`make faults PARTS=image` builds and runs the image itself (tests/faults/root/test_image.py).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from monotron.auth.key_format import PATTERN
from monotron.config import SETTINGS
from support.containerfile import ROOT, containerfile
from support.credentials import bearer
from support.http import Client
from support.member import free_port, until
from support.server import READY
from support.stoppable import Stoppable

IMAGE = containerfile()
SECONDS = 30
"""The time limit of each command."""


class Container(Stoppable):
    """The entry point of the image with its environment, on another port and another folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        programs = Path(sys.executable).parent
        self._environment = {
            name: value.replace("/opt/monotron/bin", str(programs))
            .replace("/data", str(folder))
            .replace("0.0.0.0:3030", f"127.0.0.1:{self.port}")
            for name, value in IMAGE.environment.items()
        }
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            self._process = subprocess.Popen(
                [*IMAGE.command("ENTRYPOINT"), *IMAGE.command("CMD")],
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            until(self._is_ready, SECONDS, "the server of the image")
        except BaseException:
            self.kill()
            raise

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.output() + self.log()
        return READY.search(self.output()) is not None

    def output(self) -> str:
        return (self._folder / "out").read_text()

    def log(self) -> str:
        return (self._folder / "err").read_text()

    def is_healthy(self) -> bool:
        """Whether the command of the health check succeeds."""
        environment = self._environment | {"MONOTRON_URL": f"http://127.0.0.1:{self.port}"}
        command = IMAGE.command("HEALTHCHECK")
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        return done.returncode == 0

    def client(self, secret: str) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", authorization=bearer(secret))

    def stop(self) -> int:
        """Send the stop signal of the image, and return the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.Signals[IMAGE.value("STOPSIGNAL")])
        return self._process.wait(SECONDS)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    with Container(tmp_path) as container:
        yield container


def test_the_entry_point_serves_and_prints_the_root_key_once(
    container: Container, tmp_path: Path
) -> None:
    (secret,) = re.findall(PATTERN, container.output())
    assert secret not in container.log()
    assert container.is_healthy()
    with container.client(secret) as root:
        assert root.request("PUT", "/v1/versions/shop/T").json()["version"] == "0.0.1"
    assert container.stop() == 0
    assert not container.is_healthy()
    with Container(tmp_path) as again:
        assert re.findall(PATTERN, again.output()) == []
        with again.client(secret) as root:
            assert root.request("GET", "/v1/versions/shop").json()["version"] == "0.0.1"


def test_variables_are_known_settings() -> None:
    known = {setting.variable for setting in SETTINGS}
    names = {name for name in IMAGE.environment if name.startswith("MONOTRON_")}
    assert names <= known


def test_the_server_has_no_rights_of_root() -> None:
    user, group = IMAGE.value("USER").split(":")
    assert int(user) > 0, "Kubernetes checks runAsNonRoot only for a number"
    assert int(group) > 0
    (create,) = [each for each in IMAGE.values("RUN") if "/data" in each]
    assert create == f"install -d -o {user} -g {group} /data"


def test_data_is_in_the_volume() -> None:
    assert IMAGE.value("VOLUME") == IMAGE.value("WORKDIR") == "/data"
    assert IMAGE.environment["MONOTRON_STORE"].startswith("sqlite:////data/")


def test_the_server_listens_on_the_exposed_port() -> None:
    assert IMAGE.environment["MONOTRON_LISTEN"] == f"0.0.0.0:{IMAGE.value('EXPOSE')}"


def test_output_is_not_buffered_and_no_bytecode_is_written() -> None:
    for name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        assert IMAGE.environment[name] == "1"


def test_stages_have_one_base_image_with_a_supported_python() -> None:
    (base,) = set(IMAGE.bases)
    tag = re.fullmatch(r"docker\.io/library/python:(\d+)\.(\d+)-slim", base)
    assert tag, base
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    minimum = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    assert (int(tag[1]), int(tag[2])) >= minimum


def test_the_last_stage_installs_nothing() -> None:
    assert len(IMAGE.bases) > 1
    assert not [each for each in IMAGE.values("RUN") if re.search(r"\b(pip|apt|curl)\b", each)]
    assert IMAGE.value("COPY") == "--from=build /opt/monotron /opt/monotron"


def test_labels_name_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "org.opencontainers.image."
    assert IMAGE.labels[f"{prefix}licenses"] == project["license"]
    assert IMAGE.labels[f"{prefix}source"] == project["urls"]["Homepage"]
    assert IMAGE.labels[f"{prefix}version"] == "$VERSION"
    assert IMAGE.labels[f"{prefix}revision"] == "$REVISION"
    page = IMAGE.labels[f"{prefix}documentation"].partition("/blob/main/")[2]
    assert (ROOT / page).is_file()


def test_the_build_context_has_what_the_wheel_is_built_from() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if not line.startswith("#")]
    assert patterns[0] == "*"
    allowed = {line.removeprefix("!/") for line in patterns if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    targets = project["tool"]["hatch"]["build"]["targets"]
    needed = {package.split("/")[0] for package in targets["wheel"]["packages"]}
    assert allowed == needed | {"LICENSE", "README.md", "pyproject.toml"}
    assert [name for name in allowed if not os.path.lexists(ROOT / name)] == []
