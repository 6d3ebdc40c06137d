"""The first version of a name: a repository with version tags does not start from 0.0.0."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from plugins.github.action_step import ActionStep
from plugins.github.project import Project
from plugins.github.test_commit_range import BASIC, TOKEN
from plugins.github.test_origin import OPEN, PULL
from support.git_server import GitServer
from support.github_api import GitHubApi
from support.server import Client

Output = pytest.CaptureFixture[str]

CONTINUED = """Continue from it, once in a terminal or with an input:

monotron adopt {name} --version 1.2.57

with:
  initial-version: 1.2.57

Or ignore the tags, and start from 0.0.0:

with:
  from-scratch: true"""


@pytest.fixture
def project(tmp_path: Path, step: ActionStep) -> Project:
    """A project whose last commit has the tag v1.2.57, and another one v2019.10.5."""
    project = Project(tmp_path, step)
    project.commit("fix: first")
    project.git("tag", "v1.2.56")
    project.commit("feat: coupons")
    project.git("tag", "--annotate", "v1.2.57", "-m", "1.2.57")
    project.git("tag", "v2019.10.5", project.git("commit-tree", "HEAD^{tree}", "-m", "other"))
    return project


def refused(project: Project, inputs: dict[str, str] | None = None, **environ: str) -> None:
    """Check that the step fails on HEAD."""
    head = project.git("rev-parse", "HEAD")
    inputs = {"bump": "minor", "from-scratch": "false", **(inputs or {})}
    assert project.step.run(inputs, GITHUB_SHA=head, **environ) == 1
    assert project.step.outputs == {}


def error(capsys: Output) -> str:
    """The text of the error annotation."""
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::error")]
    return line.partition("::error title=Monotron::")[2].replace("%0A", "\n")


class TestRefusal:
    def test_the_tag_of_the_clone_is_named_with_the_yaml_to_write(
        self, project: Project, client: Client, name: str, capsys: Output
    ) -> None:
        refused(project, GITHUB_WORKSPACE=project.clone())
        assert error(capsys) == (
            f"'{name}' has no versions, but the repository has the tag v1.2.57.\n\n"
            + CONTINUED.format(name=name)
        )
        assert client.request("GET", f"/v1/versions/{name}").status == 404

    @pytest.mark.parametrize(
        ("inputs", "version"),
        [
            ({"initial-version": "1.2.57"}, "1.3.0"),
            ({"from-scratch": "true"}, "0.1.0"),
            ({"version": "3.0.0", "bump": "patch"}, "3.0.0"),
            ({"tag-prefix": "api/v"}, "0.1.0"),
        ],
        ids=str,
    )
    def test_an_explicit_start_needs_no_tags(
        self, inputs: dict[str, str], version: str, project: Project
    ) -> None:
        workspace = project.clone()
        inputs = {"bump": "minor", "from-scratch": "false", **inputs}
        assert project.run(inputs, GITHUB_WORKSPACE=workspace) == version

    @pytest.mark.parametrize(
        "inputs", [{"bump": "auto"}, {"prerelease": "rc"}, {"bump": "calendar"}], ids=str
    )
    def test_every_bump_is_refused(
        self, inputs: dict[str, str], project: Project, capsys: Output
    ) -> None:
        refused(project, inputs, GITHUB_WORKSPACE=project.clone())
        assert "the repository has the tag v1.2.57." in error(capsys)

    def test_a_preview_is_refused(self, project: Project, capsys: Output) -> None:
        project.step.event = OPEN
        refused(project, GITHUB_WORKSPACE=project.clone(), **PULL)
        assert "the repository has the tag v" in error(capsys)

    def test_a_name_with_versions_needs_no_tags(
        self, project: Project, client: Client, name: str
    ) -> None:
        client.request("PUT", f"/v1/versions/{name}/a")
        with GitHubApi(project.origin) as api:
            urls = {"GITHUB_API_URL": api.url, "GITHUB_SERVER_URL": api.url}
            assert project.run({"bump": "minor", "from-scratch": "false"}, **urls) == "0.1.0"
            assert api.requests == []

    def test_a_counter_needs_no_tags(self, project: Project) -> None:
        head = project.git("rev-parse", "HEAD")
        environ = {"GITHUB_SHA": head, "GITHUB_WORKSPACE": project.clone()}
        assert project.step.run({"mode": "counter"}, **environ) == 0
        assert project.step.outputs["value"] == "1"


class TestSources:
    def test_a_shallow_clone_does_not_show_the_tags(
        self, project: Project, tmp_path: Path, capsys: Output
    ) -> None:
        shallow = project.clone("--depth=1", "--no-tags")
        with GitServer(tmp_path, BASIC) as server:
            urls = {"GITHUB_SERVER_URL": server.url}
            refused(project, {"github-token": TOKEN}, GITHUB_WORKSPACE=shallow, **urls)
        assert "the repository has the tag v2019.10.5." in error(capsys)
        assert subprocess.check_output(["git", "tag"], cwd=shallow) == b""

    def test_githubs_api_is_used_if_git_cannot_read_the_tags(
        self, project: Project, capsys: Output
    ) -> None:
        with GitHubApi(project.origin, token=TOKEN) as api:
            refused(project, {"github-token": TOKEN}, GITHUB_API_URL=api.url)
            (request,) = api.requests
        assert request.path == "/repos/acme/shop/git/matching-refs/tags/v"
        assert "the repository has the tag v2019.10.5." in error(capsys)

    @pytest.mark.parametrize("prefix", ["", "release-"])
    def test_only_tags_of_final_versions_with_the_prefix_count(
        self, prefix: str, project: Project, tmp_path: Path, capsys: Output
    ) -> None:
        for version in ("1.2", "1.2.3-rc.1", "01.2.3", "x1.2.3", "1.2.3\u0661"):
            project.git("tag", f"{prefix}{version}")
        inputs = {"bump": "minor", "from-scratch": "false", "tag-prefix": prefix}
        with GitHubApi(project.origin) as api, GitServer(tmp_path) as server:
            for urls in ({"GITHUB_API_URL": api.url}, {"GITHUB_SERVER_URL": server.url}):
                assert project.run({**inputs, "dry-run": "true"}, **urls) == ""
                assert project.step.outputs["version"] == "0.1.0"
            assert [request.path.rpartition("/")[2] for request in api.requests] == [prefix]
        assert "warning" not in capsys.readouterr().out
        project.git("tag", f"{prefix}3.1.4")
        refused(project, inputs, GITHUB_WORKSPACE=project.clone())
        assert f"the repository has the tag {prefix}3.1.4." in error(capsys)

    def test_tags_that_cannot_be_read_lead_to_a_warning(
        self, project: Project, capsys: Output
    ) -> None:
        with GitHubApi(project.origin, token="another") as api:
            inputs = {"bump": "minor", "from-scratch": "false", "github-token": TOKEN}
            assert project.run(inputs, GITHUB_API_URL=api.url) == "0.1.0"
        printed = capsys.readouterr().out
        assert "::warning title=Monotron::The tags of the repository cannot be read (" in printed
        assert "GitHub's API: " in printed
        assert f"monotron adopt {project.step.name} --version 1.4.2" in printed
