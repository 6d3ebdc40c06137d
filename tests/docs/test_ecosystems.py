"""docs/ecosystems.md: its snippets run with the variables of a real version.

npm, dpkg-deb and `monotron` are real. Programs that this project does not need are replaced by one
that prints its arguments.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.page_blocks import blocks
from docs.test_drift import code, page, table
from monotron_ci import outputs
from support.server import Server

PAGE = "docs/ecosystems.md"
PRINTED = ("python", "mvn", "dotnet", "dch", "dpkg-buildpackage", "rpmbuild", "xcodebuild")
PRINT = '#!/bin/sh\necho "$(basename "$0") $* SCM=${SETUPTOOLS_SCM_PRETEND_VERSION-}"\n'
NPM = '#!/bin/sh\nif [ "$1" = publish ]; then echo "npm $*"; else PATH=${PATH#*:} npm "$@"; fi\n'


class Project:
    """A folder in which the snippets run, with the variables of its version."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self._server = server
        self._programs = folder / "programs"
        self._programs.mkdir()
        for name in PRINTED:
            self._provide(self._programs / name, PRINT)
        self._provide(self._programs / "npm", NPM)
        self._provide(folder / "gradlew", '#!/bin/sh\necho "gradlew $* $BUILD_NUMBER"\n')
        (folder / "package.json").write_text('{"name": "shop", "version": "0.0.0"}')

    @staticmethod
    def _provide(path: Path, script: str) -> None:
        path.write_text(script)
        path.chmod(0o755)

    def assign(self, query: str, token: str = "token") -> None:
        """Assign a version, and write its variables to version.env."""
        with self._server.client() as client:
            path = f"/v1/versions/{self.folder.name}/{token}?{query}&format=dotenv"
            response = client.request("PUT", path)
        assert response.status == 200, response
        (self.folder / "version.env").write_bytes(response.body)

    def run(self, script: str, code: int = 0) -> list[str]:
        """Run a snippet with the variables. Returns the lines that it prints."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MONOTRON", "SETUPTOOLS"))}
        path = [str(self._programs), str(Path(sys.executable).parent), env["PATH"]]
        begin = "set -eu; if [ -e version.env ]; then set -a; . ./version.env; set +a; fi\n"
        env |= {
            "PATH": os.pathsep.join(path),
            "MONOTRON_URL": self._server.url,
            "RUN": self.folder.name,
        }
        process = subprocess.run(
            ["sh", "-c", begin + script],
            cwd=self.folder,
            env={**env, "no_proxy": "127.0.0.1", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return process.stdout.splitlines() if code == 0 else process.stderr.splitlines()

    def snippet(self, containing: str, code: int = 0) -> list[str]:
        (script,) = blocks(PAGE, "sh", containing)
        return self.run(script, code)

    def npm(self, version: str) -> str:
        """Run npm, and check the version in package.json. Returns the command that publishes."""
        *_, publish = self.snippet("npm publish")
        assert json.loads((self.folder / "package.json").read_text())["version"] == version
        return publish


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Project:
    return Project(tmp_path, server)


FINAL = "bump=minor&initial=1.2.57"


def test_each_program_gets_the_spelling_of_a_final_version(project: Project) -> None:
    project.assign(FINAL)
    check(project, "1.3.0", "1.3.0", "1.3.0")
    assert project.npm("1.3.0") == "npm publish --tag latest"
    (archive,) = project.snippet("xcodebuild")
    assert archive.endswith("MARKETING_VERSION=1.3.0 CURRENT_PROJECT_VERSION=1 SCM=")
    assert project.snippet("gradlew") == ["gradlew bundleRelease 1043"]


def test_each_program_gets_the_spelling_of_a_pre_release(project: Project) -> None:
    (script,) = blocks(PAGE, "sh", "--output dotenv")
    project.run(script.replace(" shop ", f" {project.folder.name} token --initial-version 1.2.57 "))
    check(project, "1.3.0-rc.1", "1.3.0rc1", "1.3.0~rc.1")
    assert project.npm("1.3.0-rc.1") == "npm publish --tag rc"


def check(project: Project, version: str, pep440: str, deb: str) -> None:
    assert project.snippet("python -m build") == [f"python -m build SCM={pep440}"]
    assert project.snippet("mvn")[0].startswith(f"mvn --batch-mode -Drevision={version} deploy")
    assert f"-p:Version={version} " in project.snippet("dotnet pack")[0]
    assert project.snippet("dch ")[0].startswith(f"dch --newversion {deb}-1 --distribution")
    assert f"--define app_version {deb} shop.spec" in project.snippet("rpmbuild")[0]
    project.snippet("dpkg-deb")
    (package,) = project.folder.glob("shop_*.deb")
    field = ["dpkg-deb", "--field", str(package), "Version"]
    assert subprocess.check_output(field, text=True).strip() == deb


def test_a_hotfix_does_not_get_the_dist_tag_latest(project: Project) -> None:
    project.assign("version=1.8.3", "first")
    project.assign("version=1.9.0", "second")
    project.assign("line=1.8")
    assert project.npm("1.8.4") == "npm publish --tag release-1.8"


def test_a_version_without_a_spelling_stops_the_job(project: Project) -> None:
    project.assign(f"{FINAL}&prerelease=nightly")
    assert project.snippet("python -m build", 2)[0].endswith("PyPI has no such version")
    assert project.snippet("mvn", 2)[0].endswith("Maven has no such version")


def test_the_page_names_existing_variables_and_outputs() -> None:
    variables = {f"MONOTRON_{name}" for name in outputs.DOTENV}
    assert set(re.findall(r"MONOTRON_[A-Z0-9_]+", page(PAGE))) <= variables
    for _, _, cell, *_ in table(page(PAGE)):
        for output in cell.split(", "):
            assert code(output) in outputs.GRAMMAR


def test_the_settings_of_projects_are_valid() -> None:
    """They take the version from outside."""
    (toml,) = blocks(PAGE, "toml")
    assert tomllib.loads(toml)["project"]["dynamic"] == ["version"]
    (xml,) = blocks(PAGE, "xml")
    project = ElementTree.fromstring(f"<project>{xml}</project>")
    assert project.findtext("version") == "${revision}"
    assert project.findtext("properties/revision") == "0-SNAPSHOT"


def test_every_shell_block_is_executed() -> None:
    programs = [*PRINTED, "npm publish", "dpkg-deb", "gradlew", "--output dotenv"]
    for block in blocks(PAGE, "sh"):
        assert any(program in block for program in programs)
