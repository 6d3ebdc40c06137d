"""The image, built with Buildah and run with Podman without rights and without a network.

Its base image cannot be pulled everywhere, so the tests create it with debootstrap: Debian's Python
stands for that of the image, with an older version. Packages are downloaded before the build.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monotron.auth.key_format import PATTERN
from support.containerfile import CONTAINERFILE, ROOT, containerfile
from support.member import until

IMAGE = "localhost/monotron"
SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,python3-pip,python3-venv"
START_SECONDS = 30
MAX_ADDED_BYTES = 80_000_000
"""The maximum size of the layers of the image without its base image."""

LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000")

LOAD = """
import itertools, os, urllib.request
for number in itertools.count(1):
    request = urllib.request.Request(
        f"http://127.0.0.1:3030/v1/series/load/T{number}?format=text", method="PUT",
        headers={"Authorization": "Bearer " + os.environ["MONOTRON_API_KEY"]},
    )
    with urllib.request.urlopen(request) as response:
        print(f"T{number}", response.read().decode().strip(), flush=True)
"""
"""Assigns values, and prints each one that was answered, until the server stops."""

pytestmark = pytest.mark.timeout(600)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The result of a command that succeeds."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


class Engine:
    """Podman and Buildah with a storage of their own."""

    def __init__(self, folder: Path) -> None:
        self._storage = (f"--root={folder}/storage", f"--runroot={folder}/run")

    def podman(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `podman`. Timers of health checks would need systemd."""
        command = ("podman", *self._storage, "--runtime=runc", *arguments)
        return run(*command, DISABLE_HC_SYSTEMD="true")

    def buildah(self, *arguments: str | Path) -> None:
        run("buildah", *self._storage, *arguments)

    def running(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `podman`. Its output is a pipe."""
        command = ("podman", *self._storage, "--runtime=runc", *arguments)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def size(self, image: str) -> int:
        return int(self.podman("inspect", "--format={{.Size}}", image).stdout)


class Container:
    """A container of the image, with the volume `data`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rights = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
        options = (*rights, *LIMITS, "--network=none", "--volume=data:/data")
        self.id = engine.podman("run", "--detach", *options, IMAGE).stdout.strip()
        until(lambda: "listening on" in self.output(), START_SECONDS, "the container")

    def output(self) -> str:
        return self._engine.podman("logs", self.id).stdout

    def log(self) -> str:
        return self._engine.podman("logs", self.id).stderr

    def execute(self, *command: str, key: str = "") -> str:
        """The output of a command in the container, with this API key."""
        variable = f"--env=MONOTRON_API_KEY={key}"
        return self._engine.podman("exec", variable, self.id, *command).stdout

    def load(self, key: str) -> subprocess.Popen[str]:
        """Start to assign values in the container."""
        variable = f"--env=MONOTRON_API_KEY={key}"
        return self._engine.running("exec", variable, self.id, "python3", "-c", LOAD)

    def check_health(self) -> None:
        self._engine.podman("healthcheck", "run", self.id)

    def stop(self) -> int:
        """Send the stop signal of the image, and return the exit code."""
        self._engine.podman("stop", "--time=25", self.id)
        state = self._engine.podman("inspect", "--format={{.State.ExitCode}}", self.id)
        return int(state.stdout)

    def remove(self) -> None:
        self._engine.podman("rm", "--force", "--time=0", self.id)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("image")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    """Podman with the image, and with the image that stands for its base image."""
    engine = Engine(folder)
    root = folder / "base"
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root)
    python = run("chroot", root, "python3", "-c", "import sys; print(*sys.version_info[:2])")
    run("tar", "--directory", root, "--create", "--file", folder / "base.tar", ".")
    (base,) = set(containerfile().bases)
    engine.podman("import", "--quiet", folder / "base.tar", base)
    (folder / "base.tar").unlink()
    wheels = download(folder / "wheels", ".".join(python.stdout.split()))
    config = folder / "pip.conf"
    config.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    engine.buildah(
        *("build", "--quiet", "--isolation=chroot", "--pull-never", "--format=docker", LIMITS[0]),
        *(f"--volume={wheels}:/wheels:ro", f"--volume={config}:/etc/pip.conf:ro"),
        *("--build-arg=VERSION=1.2.3", "--tag", IMAGE, "--file", CONTAINERFILE, ROOT),
    )
    yield engine
    engine.podman("rm", "--all", "--force", "--time=0")
    engine.podman("volume", "rm", "--all")
    engine.podman("rmi", "--all", "--force")


def download(folder: Path, python: str) -> Path:
    """A folder with the packages that the build of the image installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = (*project["project"]["dependencies"], *project["build-system"]["requires"])
    options = ("--quiet", "--only-binary=:all:", f"--python-version={python}", "--dest", folder)
    run(sys.executable, "-m", "pip", "download", *options, *packages)
    return folder


def acknowledged(load: subprocess.Popen[str], first: list[str]) -> dict[str, str]:
    """The values that were answered until the server stopped, by token. *first*: lines read."""
    output, errors = load.communicate(timeout=60)
    assert "urlopen" in errors, "it ends with an error of a request"
    return dict(line.split() for line in [*first, *output.splitlines()])


def test_the_image_runs_without_rights_and_keeps_its_data(
    engine: Engine, report: Callable[[str], None]
) -> None:
    began = time.monotonic()
    container = Container(engine)
    started = time.monotonic() - began
    (secret,) = re.findall(PATTERN, container.output())
    assert secret not in container.log()
    container.check_health()
    status = dict(
        line.split(":", 1)
        for line in container.execute("cat", "/proc/1/status").splitlines()
        if ":" in line
    )
    user, group = containerfile().value("USER").split(":")
    assert (set(status["Uid"].split()), set(status["Gid"].split())) == ({user}, {group})
    assert {status[f"Cap{each}"].strip("\t0") for each in ("Inh", "Prm", "Eff", "Bnd")} == {""}
    write = "import pathlib, sys; sys.exit(not pathlib.Path('/opt/x').touch())"
    with pytest.raises(AssertionError, match="Read-only file system"):
        container.execute("python3", "-c", write)
    assert json.loads(container.execute("monotron", "whoami", "--output=json", key=secret))
    assert container.execute("monotron", "version", "shop", "T", key=secret) == "0.0.1\n"

    load = container.load(secret)
    first = [load.stdout.readline() for _ in range(20)] if load.stdout else []
    began = time.monotonic()
    assert container.stop() == 0
    stopped = time.monotonic() - began
    values = acknowledged(load, first)
    container.remove()

    again = Container(engine)
    assert re.findall(PATTERN, again.output()) == []
    again.check_health()
    assert again.execute("monotron", "version", "shop", "T", key=secret) == "0.0.1\n"
    show = ("monotron", "series", "show", "load", f"--limit={2 * len(values)}", "--output=json")
    ledger = json.loads(again.execute(*show, key=secret))
    assert len(values) <= len(ledger) <= len(values) + 1
    stored = {each["token"]: str(each["value"]) for each in ledger}
    assert {token: stored[token] for token in values} == values
    assert again.stop() == 0
    (base,) = set(containerfile().bases)
    added = engine.size(IMAGE) - engine.size(base)
    assert added < MAX_ADDED_BYTES
    report(
        f"{engine.size(IMAGE) / 1e6:.0f} MB, of which {added / 1e6:.0f} MB without the base image; "
        f"ready after {started:.1f} s; stopped in {stopped:.1f} s after {len(values)} values"
    )


def test_the_metadata_of_the_image_are_those_of_the_containerfile(engine: Engine) -> None:
    (image,) = json.loads(engine.podman("image", "inspect", IMAGE).stdout)
    config = image["Config"]
    source = containerfile()
    assert config["User"] == source.value("USER")
    assert config["Entrypoint"] == source.command("ENTRYPOINT")
    assert config["Cmd"] == source.command("CMD")
    assert config["StopSignal"] == source.value("STOPSIGNAL")
    assert config["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert list(config["Volumes"]) == [source.value("VOLUME")]
    assert image["Healthcheck"]["Test"] == ["CMD", *source.command("HEALTHCHECK")]


def test_the_image_has_no_compiler_and_no_installer_of_its_own(engine: Engine) -> None:
    find = "ls /opt/monotron/bin; command -v gcc cc make || true"
    options = (*LIMITS, "--rm", "--network=none", "--entrypoint=sh")
    found = engine.podman("run", *options, IMAGE, "-c", find).stdout.split()
    assert "monotron" in found
    assert not [each for each in found if re.search(r"pip|gcc|cc$|make", each)]
