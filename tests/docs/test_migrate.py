"""The pages of docs/migrate/, whose commands run in repositories as other tools leave them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

import pytest

from docs.test_drift import page, section
from support.server import Client, Server
from support.terminal import Terminal


def scripts(name: str, heading: str = "## The command") -> list[str]:
    """The shell blocks below a heading of a page."""
    return re.findall(r"^```sh\n(.*?)^```", section(page(name), heading), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


class Project(Terminal):
    """A repository in which the commands of a page run, with names of its own for `shop` etc."""

    suffix = ""

    def sh(self, script: str, **env: str) -> str:
        """The output of a script of a page, which must succeed."""
        script = re.sub(r"(?<=adopt )\S+|(?<![\w-])shop(?![\w-])", self._renamed, script)
        if not re.search(r"\$\(|^if ", script, re.MULTILINE):
            return "".join(self._command(line, env) for line in script.splitlines())
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        identity = {
            f"GIT_{role}_{part}": "a@example.com"
            for role in ("AUTHOR", "COMMITTER")
            for part in ("NAME", "EMAIL")
        }
        process = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment(PATH=path, **identity, **env),
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, f"{script}\n{process.stdout}{process.stderr}"
        return process.stdout

    def _command(self, line: str, env: Mapping[str, str]) -> str:
        """The output of one command, without the start of a process if it is `monotron`."""
        program, *arguments = shlex.split(Template(line).safe_substitute(env))
        if program == "git":
            return self.git(*arguments)
        assert program == "monotron"
        process = self.run(*arguments)
        assert process.returncode == 0, f"{line}\n{process.stderr}"
        return process.stdout

    def _renamed(self, match: re.Match[str]) -> str:
        return f"{match[0]}-{self.suffix}"

    def tag(self, *tags: str, branch: str = "main", message: str = "fix:") -> str:
        """Create a commit on a branch, with these tags, and return its hash."""
        self.git("checkout", "--quiet", branch)
        commit = self.commit(f"{message} {branch} {tags}")  # another hash than those of this second
        for tag in tags:
            self.git("tag", tag)
        self.git("checkout", "--quiet", "main")
        return commit

    def branch(self, name: str, start: str) -> None:
        self.git("branch", name, start)

    def version(self, *options: str, branch: str = "main", message: str = "fix: b") -> str:
        """The version of a new commit."""
        self.git("checkout", "--quiet", branch)
        self.commit(message)
        version = self.run("version", f"shop-{self.suffix}", *options)
        assert version.returncode == 0, version.stderr
        self.git("checkout", "--quiet", "main")
        return version.stdout.strip()


@pytest.fixture
def project(shared_server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    folder, origin = tmp_path / "clone", tmp_path / "origin.git"
    folder.mkdir()
    project = Project(folder, shared_server.url)
    project.suffix = request.node.name
    project.git("init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    project.git("init", "--quiet", "--initial-branch=main")
    project.git("remote", "add", "origin", str(origin))
    project.commit("chore: begin")
    return project


@pytest.fixture
def client(shared_server: Server) -> Iterator[Client]:
    with shared_server.client() as client:
        yield client


def is_never_assigned_again(client: Client, name: str, version: str) -> None:
    """Check that no other commit gets the version."""
    path = f"/v1/versions/{name}/another-commit?version={version}"
    response = client.request("PUT", path)
    assert response.status == 409
    assert response.json()["code"] in ("already_released", "value_would_fall")


class TestGitTags:
    PAGE = "docs/migrate/git-tags.md"

    def test_versions_continue_and_commits_keep_theirs(
        self, project: Project, client: Client
    ) -> None:
        first = project.tag("v1.0.0")
        both = project.tag("v1.1.0", "v1.2.0")
        project.git("tag", "--annotate", "--message=x", "v1.2.1", project.tag())
        newest = project.tag("v1.2.57")
        project.branch("1.2.x", "v1.2.1")
        hotfix = project.tag("v1.2.2", branch="1.2.x")
        project.branch("rc", "main")
        project.tag("v1.3.0-rc.1", "v1.3.0-rc", branch="rc")
        candidate = project.tag("v1.3.0-rc.2", branch="rc")
        unrelated = project.git("commit-tree", "HEAD^{tree}", "-m", "unrelated")
        project.git("tag", "v2019.10.5", unrelated)
        name = f"shop-{project.suffix}"
        adopt, others = scripts(self.PAGE)
        dry = project.run("adopt", name, "--tags", "--dry-run")
        assert dry.stdout == "1.2.57\n"
        assert (
            "versions to record: 1.0.0, 1.1.0, 1.2.0, 1.2.1, 1.2.2, 1.2.57, 1.3.0-rc.2\n"
            in dry.stderr
        )
        assert client.request("GET", f"/v1/versions/{name}").status == 404
        assert project.sh(adopt) == project.sh(adopt) == "1.2.57\n"
        releases, preview = scripts(self.PAGE, "## Check")[0].splitlines()
        listed = [line.split("\t")[:2] for line in project.sh(releases).splitlines()]
        assert listed[1:] == [
            ["1.3.0-rc.2", candidate],
            ["1.2.57 (latest)", newest],
            ["1.2.2", hotfix],
            ["1.2.1", project.git("rev-parse", "v1.2.1^{commit}")],
            ["1.2.0", both],
            ["1.1.0", "-"],
            ["1.0.0", first],
        ]
        project.commit("fix: c")
        assert project.sh(preview) == "1.2.58\n"
        for option in ("--on-conflict=reuse", "--bump=auto"):
            assert project.prints("version", name, first, option) == "1.0.0\n"
        for version in ("1.0.0", "1.1.0", "1.2.0", "1.2.1", "1.2.2", "1.2.57"):
            is_never_assigned_again(client, name, version)
        for prefix in ("web-v", "@acme/web@"):
            project.git("tag", f"{prefix}3.1.0")
        assert project.sh(others) == "3.1.0\n3.1.0\n"
        (switch,) = scripts(self.PAGE, "## Switch the pipeline")
        project.sh(switch)
        assert "v1.2.58" in project.git("tag", "--points-at", "HEAD").split()
        assert project.version("--prerelease=rc", "--bump=patch", branch="rc") == "1.3.0-rc.3"
        assert project.version("--line=1.2", branch="1.2.x") == "1.2.59"

    def test_a_line_of_which_a_higher_version_was_assigned_is_not_changed(
        self, project: Project
    ) -> None:
        project.tag("v1.0.0")
        name = f"shop-{project.suffix}"
        assert project.run("adopt", name, "--version=1.0.3").stdout == "1.0.3\n"
        result = project.run("adopt", name, "--tags")
        assert result.stdout == "1.0.3\n"
        assert f"1 version not recorded: '{name}' is past them\n" in result.stderr

    def test_a_version_cannot_be_combined_with_tags(self, project: Project) -> None:
        errors = project.fails(2, "adopt", "shop", "--tags", "--version=1.0.0")
        assert "--version and --tags cannot be combined" in errors


class TestSemanticRelease:
    """Tags and notes in the form of its lib/git.js, version 24."""

    PAGE = "docs/migrate/semantic-release.md"

    def release(self, project: Project, version: str, branch: str, channel: str) -> None:
        tag = f"v{version}"
        project.tag(tag, branch=branch)
        note = ("add", "-f", "-m", f'{{"channels":[{channel}]}}', tag)
        project.git("notes", "--ref", f"semantic-release-{tag}", *note)

    @pytest.fixture
    def released(self, project: Project) -> Project:
        self.release(project, "1.0.0", "main", "null")
        project.git("notes", "--ref", "semantic-release", "add", "-m", '{"channels":[null]}')
        project.branch("1.0.x", "main")
        self.release(project, "1.1.0", "main", "null")
        self.release(project, "1.0.1", "1.0.x", '"1.0.x"')
        self.release(project, "1.1.1", "main", "null")
        for branch in ("beta", "next"):
            project.branch(branch, "main")
        for number in (1, 2):
            self.release(project, f"1.2.0-beta.{number}", "beta", '"beta"')
        self.release(project, "2.0.0", "next", '"next"')
        return project

    def test_each_branch_continues(self, released: Project, client: Client) -> None:
        (adopt,) = scripts(self.PAGE)
        assert released.sh(adopt) == "1.1.1\n"
        listed, preview = scripts(self.PAGE, "## Check")[0].splitlines()
        assert "2.0.0" not in released.sh(listed)
        released.commit("fix: d")
        assert released.sh(preview) == "1.1.2\n"
        (switch,) = scripts(self.PAGE, "## Switch the pipeline")
        assert released.sh(switch) == "publish 1.1.2\n"
        released.commit("docs: e")
        assert released.sh(switch) == ""
        assert released.version("--line=1.0", branch="1.0.x") == "1.0.2"
        beta = ("--bump=auto", "--prerelease=beta")
        assert released.version(*beta, branch="beta", message="feat: e") == "1.2.0-beta.3"
        name = f"shop-{released.suffix}"
        for version in ("1.0.0", "1.0.1", "1.1.0", "1.1.1"):
            is_never_assigned_again(client, name, version)

    def test_the_version_of_next_can_be_recorded(self, released: Project) -> None:
        (adopt,) = scripts(self.PAGE)
        released.sh(adopt)
        (command,) = re.findall(r"`(monotron version shop v2.*?)`", page(self.PAGE))
        assert released.sh(command) == "2.0.0\n"
        assert released.version("--line=1") == "1.1.2"
        assert released.version(branch="next") == "2.0.1"


class TestGitVersion:
    PAGE = "docs/migrate/gitversion.md"

    def test_tags_without_a_prefix_are_adopted(self, project: Project, client: Client) -> None:
        adopt, without_tag = scripts(self.PAGE)
        project.tag("1.4.1")
        project.tag("1.4.2", "1.5.0-beta.2+7", "1.5.0-beta0003")
        assert project.sh(adopt) == "1.4.2\n"
        is_never_assigned_again(client, f"shop-{project.suffix}", "1.4.1")
        assert project.sh(without_tag) == "1.4.5\n"
        _, preview = scripts(self.PAGE, "## Check")[0].splitlines()
        project.commit("fix: f")
        assert project.sh(preview) == "1.4.6\n"
        assert project.version("--prerelease=beta", "--bump=minor") == "1.5.0-beta.3"
        (switch,) = scripts(self.PAGE, "## Switch the pipeline")
        assert project.sh(switch) == "publish 1.4.6\n"

    def test_tags_of_both_forms_are_adopted(self, project: Project, client: Client) -> None:
        project.tag("v1.3.9")
        project.tag("1.4.0")
        name = f"shop-{project.suffix}"
        assert project.run("adopt", name, "--tags").stdout == "1.3.9\n"
        assert project.sh(scripts(self.PAGE)[0]) == "1.4.0\n"
        is_never_assigned_again(client, name, "1.3.9")


def test_the_numbers_of_ci_systems_continue(project: Project) -> None:
    name = "docs/migrate/ci-counter.md"
    commands = scripts(name)
    assert len(commands) == 4
    for number, command in enumerate(commands, 1005):
        (variable,) = re.findall(r"\$(\w+)", command)
        project.sh(command, **{variable: str(number)})
        (check,) = scripts(name, "## Check")
        assert project.sh(check) == f"{number}\n"
    (switch,) = scripts(name, "## Switch the pipeline")
    assert project.sh(f'{switch}echo "$NUMBER"', RUN="7d4c379588") == "1009\n"
    assert project.sh(f'{switch}echo "$NUMBER"', RUN="7d4c379588") == "1009\n"
