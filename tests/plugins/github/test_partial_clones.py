"""Partial clones: git would fetch missing objects into the clone of the user."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from monotron_ci.git import Clone, Fetched, Unavailable
from monotron_ci.http import RetryPolicy
from plugins.github.action_step import ActionStep
from plugins.github.project import Project
from support.git_server import GitServer

Output = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, step: ActionStep) -> Project:
    """A project whose API changed in the first and in the third commit."""
    project = Project(tmp_path, step)
    project.commit("fix(api): first", "api/a")
    project.commit("feat(web): second", "web/a")
    project.commit("feat(api): third", "api/deep/b")
    project.commit("fix(web): fourth", "web/a")
    return project


def partial_clone(server: GitServer, folder: Path, filter_: str) -> Path:
    command = ["git", "clone", "--quiet", "--bare", "--single-branch", f"--filter={filter_}"]
    subprocess.run([*command, f"{server.url}/acme/shop.git", str(folder)], check=True)
    return folder


def contents(folder: Path) -> Mapping[str, str]:
    """The digests of all files."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("filter_", ["tree:0", "blob:none"])
def test_a_partial_clone_is_not_changed(
    filter_: str, project: Project, tmp_path: Path, capsys: Output
) -> None:
    with GitServer(tmp_path) as server:
        clone = partial_clone(server, tmp_path / "clone", filter_)
        before = contents(clone)
        environ = {"GITHUB_WORKSPACE": str(clone), "GITHUB_SERVER_URL": server.url}
        inputs = {"paths": "api/**", "from-scratch": "true"}
        assert project.run(inputs, **environ) == "0.1.0"
        assert contents(clone) == before
    assert "minor: feat(api): third (all 2 commits)" in capsys.readouterr().out


def test_a_clone_without_trees_does_not_show_which_commits_change_paths(
    project: Project, tmp_path: Path
) -> None:
    head = project.git("rev-parse", "HEAD")
    with GitServer(tmp_path) as server:
        clone = partial_clone(server, tmp_path / "clone", "tree:0")
        with pytest.raises(Unavailable, match=r"git diff-tree failed: fatal: .*(promis|allowed)"):
            Clone(str(clone), RetryPolicy()).commits("", head, ["api/**"])


@pytest.mark.parametrize("filter_", ["tree:0", "blob:none"])
def test_a_start_that_a_partial_clone_lacks_is_not_fetched_into_it(
    filter_: str, project: Project, tmp_path: Path
) -> None:
    head = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "-b", "other", "HEAD^")
    other = project.commit("fix: other")
    project.git("checkout", "--quiet", "main")
    (tmp_path / "own").mkdir()
    with GitServer(tmp_path) as server:
        clone = partial_clone(server, tmp_path / "clone", filter_)
        before = contents(clone)
        policy = RetryPolicy()
        assert Clone(str(clone), policy).commits(other, head) is None
        assert contents(clone) == before
        fetched = Fetched(str(tmp_path / "own"), f"{server.url}/acme/shop.git", "", policy)
        commits = fetched.commits(other, head)
    assert [each.message.strip() for each in commits or ()] == ["fix(web): fourth"]
