"""The wheel and the sdist, and a program that is installed from the wheel alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from docs.test_readme import blocks, run
from support.server import Server

ROOT = Path(__file__).parents[2]


def succeed(*command: str | Path, cwd: Path | None = None) -> str:
    """The output of a command that succeeds."""
    process = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def module(name: str) -> tuple[str, str, str]:
    """The start of a command that runs a module of the test environment."""
    return (sys.executable, "-m", name)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist. The wheel is built from the files of the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    succeed(*module("build"), "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (wheel,) = dist.glob("*.whl")
    return wheel


def test_the_test_environment_contains_the_build_backend() -> None:
    """The wheel is built in it, so that no test needs a network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    test_packages = project["project"]["optional-dependencies"]["test"]
    assert set(project["build-system"]["requires"]) <= set(test_packages)


@pytest.fixture
def metadata(wheel: Path) -> str:
    """The metadata of the wheel, with the README."""
    with ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return archive.read(name).decode()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment in which only the wheel was installed."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin" / "python3"
    pip = (*module("pip"), "--disable-pip-version-check", "--python", python)
    succeed(*pip, "install", "--no-compile", wheel, cwd=folder)
    return folder / "bin"


@pytest.fixture(scope="module")
def server(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The installed server, in an empty folder."""
    folder = tmp_path_factory.mktemp("data")
    with Server("sqlite:///monotron.db", cwd=folder, python=installed / "python3") as server:
        yield server


class TestFiles:
    def test_both_files_can_be_uploaded(self, dist: Path) -> None:
        succeed(*module("twine"), "check", "--strict", *dist.iterdir())

    def test_the_wheel_has_no_file_that_does_not_belong_there(self, wheel: Path) -> None:
        succeed(
            sys.executable, Path(sys.executable).with_name("check-wheel-contents"), wheel, cwd=ROOT
        )

    def test_the_wheel_is_typed_and_has_a_license(self, wheel: Path) -> None:
        with ZipFile(wheel) as archive:
            names = archive.namelist()
            (metadata,) = [
                archive.read(name).decode() for name in names if name.endswith("METADATA")
            ]
        assert {"monotron/py.typed", "monotron_ci/py.typed"} <= set(names)
        assert "License-Expression: MIT\n" in metadata
        assert "License-File: LICENSE\n" in metadata

    def test_links_of_the_readme_are_absolute_and_name_the_version(
        self, wheel: Path, metadata: str
    ) -> None:
        links = re.findall(r"\]\(([^)#]+)", metadata)
        version = wheel.name.split("-")[1]
        own = [link for link in links if "github" in link and "/monotron/monotron/" in link]
        assert len(own) > 20
        for link in links:
            assert link.startswith("https://"), link
        for link in own:
            assert f"/v{version}/" in link, link

    def test_the_sdist_has_what_its_wheel_needs(self, dist: Path) -> None:
        (sdist,) = dist.glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        assert {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"} <= names
        assert not [name for name in names if name.startswith("tests/")]


class TestInstalled:
    def test_the_requests_of_the_readme_print_its_output(
        self, server: Server, tmp_path: Path
    ) -> None:
        scripts = [(text, output) for text, output in blocks("README.md") if "curl" in text]
        assert len(scripts) >= 2
        for script, output in scripts:
            printed = run(script.replace("127.0.0.1:3030", f"127.0.0.1:{server.port}"), tmp_path)
            assert printed == output, script

    def test_a_page_and_its_stylesheet_are_served(self, server: Server) -> None:
        with server.client() as client:
            page = client.request("GET", "/names/shop", headers={"Accept": "text/html"})
            assert page.status == 200
            (stylesheet,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page.text)
            assert client.request("GET", stylesheet).status == 200

    @pytest.mark.parametrize("path", ["/api", "/openapi.json", "/errors/token_taken"])
    def test_other_files_of_the_package_are_served(self, path: str, server: Server) -> None:
        with server.client() as client:
            assert client.request("GET", path).status == 200

    def test_its_bill_of_materials_lists_the_version_and_every_dependency(
        self, installed: Path, wheel: Path, metadata: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "bom.json"
        # The schema is that of another project, and takes seconds to load.
        succeed(ROOT / ".ci" / "make-sbom", installed / "python3", file, "--no-validate")
        document = json.loads(file.read_text())
        component = document["metadata"]["component"]
        assert component["purl"] == f"pkg:pypi/monotron@{wheel.name.split('-')[1]}"
        names = {each["name"].lower().replace("_", "-") for each in document["components"]}
        required = set(re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE))
        assert len(required) > 5
        assert {name.lower() for name in required} <= names
        assert {"cryptography", "dnspython"} <= names
        assert not {"pip", "setuptools", "pytest"} & names

    def test_the_command_assigns_a_version(
        self, installed: Path, server: Server, tmp_path: Path
    ) -> None:
        command = (installed / "monotron", "version", "web", "7d4c379588", f"--url={server.url}")
        assert succeed(*command, cwd=tmp_path) == "0.0.1\n"
        assert succeed(installed / "monotron", "ping", f"--url={server.url}", cwd=tmp_path)
