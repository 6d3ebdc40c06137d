"""The commits that count for `bump: auto`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from plugins.gitlab.origin import BASIC, JOB_TOKEN, Origin, release
from plugins.gitlab.project import Project
from plugins.gitlab.tools import tools_without_git
from support.git_server import GitServer
from support.pipelines import run_script
from support.server import Client


class TestRange:
    def test_all_commits_since_the_newest_version_count(
        self, origin: Origin, client: Client, git_server: GitServer
    ) -> None:
        release(client, origin, "1.2.57")
        for message in ("feat!: a", "feat: b", "fix: c\n\nIt's é."):
            origin.commit(message)
        run = origin.run(CI_DEBUG_TRACE="true")
        assert "major: feat!: a (3 commits since 1.2.57)\n" in run.output
        assert "warning" not in run.output
        assert JOB_TOKEN not in run.output
        assert BASIC.split()[1] not in run.output
        assert not [each for each in git_server.requests if JOB_TOKEN in each.path]
        assert origin.version() == "2.0.0"

    def test_the_job_token_is_in_no_argument_of_git(self, origin: Origin, tmp_path: Path) -> None:
        git = tmp_path / "tools" / "git"
        git.parent.mkdir()
        git.write_text(
            f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\nexec {shutil.which("git")} "$@"\n'
        )
        git.chmod(0o755)
        path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
        assert "(all 1 commit)" in origin.run(PATH=path).output
        arguments = (tmp_path / "arguments").read_text()
        assert "fetch --quiet --no-tags --filter=tree:0 http://127.0.0.1:" in arguments
        assert JOB_TOKEN not in arguments
        assert BASIC.split()[1] not in arguments

    def test_a_shell_trace_does_not_show_the_job_token(self, origin: Origin, url: str) -> None:
        commit = origin.git("rev-parse", "HEAD")
        variables = {**origin.variables, "MONOTRON_URL": url, "MONOTRON_NAME": f"trace-{commit}"}
        directory = origin.project.directory
        run = run_script({**variables, "CI_COMMIT_SHA": commit}, directory, ("sh", "-ex"))
        assert run.passed, run.output
        assert "patch: fix: first (all 1 commit)" in run.output
        assert "extraHeader" not in run.output
        assert JOB_TOKEN not in run.output
        assert BASIC.split()[1] not in run.output

    def test_a_commit_with_a_version_keeps_it_and_reads_no_commits(
        self, origin: Origin, client: Client, git_server: GitServer
    ) -> None:
        release(client, origin, "1.2.57")
        report = origin.report(MONOTRON_ON_CONFLICT="reuse")
        assert (report["MONOTRON_VERSION"], report["MONOTRON_REUSED"]) == ("1.2.57", "true")
        assert git_server.requests == []

    def test_a_new_name_counts_the_complete_history(self, origin: Origin) -> None:
        origin.commit("feat: a")
        run = origin.run("HEAD")
        assert "minor: feat: a (all 2 commits)" in run.output

    def test_a_new_name_with_an_initial_version_counts_from_its_tag(self, origin: Origin) -> None:
        origin.commit("feat: a")
        origin.git("tag", "v1.4.2")
        origin.commit("fix: b")
        run = origin.run(MONOTRON_INITIAL_VERSION="1.4.2")
        assert "patch: fix: b (1 commit since 1.4.2)" in run.output
        assert origin.version() == "1.4.3"

    def test_the_complete_history_counts_if_the_tag_of_the_initial_version_is_missing(
        self, origin: Origin
    ) -> None:
        warning = (
            "warning: The tag v1.4.2 is not part of the repository. The complete history was read. "
            "MONOTRON_SINCE sets another start.\n"
        )
        run = origin.run(MONOTRON_INITIAL_VERSION="1.4.2", MONOTRON_DRY_RUN="true")
        assert warning in run.output
        assert "patch: fix: first (all 1 commit)" in run.output
        run = origin.run(MONOTRON_INITIAL_VERSION="0.0.0")
        assert "warning: " not in run.output

    def test_an_older_commit_gets_no_version(self, origin: Origin) -> None:
        origin.commit("feat: a")
        assert origin.version() == "0.1.0"
        run = origin.run("HEAD^")
        assert "no release: No commits follow the newest version. (0 commits since 0.1.0)" in (
            run.output
        )

    def test_a_line_counts_from_its_own_version(self, origin: Origin, client: Client) -> None:
        release(client, origin, "1.2.57")
        release(client, origin, "2.0.0", origin.commit("feat!: a"))
        origin.git("checkout", "--quiet", "HEAD^")
        origin.commit("fix: b")
        assert origin.version(MONOTRON_LINE="1.2") == "1.2.58"

    def test_a_version_with_metadata_is_a_base(self, origin: Origin) -> None:
        assert origin.version(MONOTRON_BUILD_METADATA="sha.7d4c379") == "0.0.1+sha.7d4c379"
        origin.commit("feat: a")
        assert origin.version() == "0.1.0"


class TestPaths:
    PATHS = "docs\r\n \n  api/**\r\n"

    def test_only_commits_that_change_the_paths_count(self, origin: Origin) -> None:
        assert origin.version() == "0.0.1"
        origin.commit("feat(web)!: a", "web/a")
        assert origin.version(MONOTRON_PATHS=self.PATHS) == ""
        origin.commit("fix(api): b", "api/deep/b")
        origin.commit("feat: c", "README")
        run = origin.run(MONOTRON_PATHS=self.PATHS)
        assert "patch: fix(api): b (1 commit since 0.0.1)" in run.output

    def merge(self, origin: Origin, message: str, branch: str, *, into: str) -> None:
        origin.git("checkout", "--quiet", into)
        origin.git("merge", "--quiet", "--no-ff", "-m", message, branch)

    def test_a_merge_of_an_older_branch_does_not_count(self, origin: Origin) -> None:
        """Compared with this branch, the merge changes the files that main changed meanwhile."""
        assert origin.version() == "0.0.1"
        origin.git("branch", "web")
        origin.commit("fix: b", "api/b")
        origin.git("checkout", "--quiet", "web")
        origin.commit("fix: a", "web/a")
        self.merge(origin, "feat: web", "web", into="main")
        run = origin.run(MONOTRON_PATHS="api")
        assert "patch: fix: b (1 commit since 0.0.1)" in run.output

    def test_a_merge_of_released_commits_does_not_count(self, origin: Origin) -> None:
        """Such as that of the main branch into a branch for another part."""
        origin.git("branch", "web")
        origin.commit("fix: b", "api/b")
        assert origin.version() == "0.0.1"
        origin.git("checkout", "--quiet", "web")
        origin.commit("fix: a", "web/a")
        self.merge(origin, "feat: update", "main", into="web")
        self.merge(origin, "feat: web", "web", into="main")
        assert origin.version(MONOTRON_PATHS="api") == ""
        run = origin.run(MONOTRON_PATHS="web")
        assert "minor: feat: web (2 commits since 0.0.1)" in run.output

    def test_a_merge_that_changes_files_itself_counts(self, origin: Origin) -> None:
        """Such as that of git subtree, whose commits have the files in another folder."""
        origin.git("branch", "lib")
        origin.commit("fix: b", "other/b")
        assert origin.version() == "0.0.1"
        origin.git("checkout", "--quiet", "lib")
        origin.commit("fix: a", "a")
        origin.git("checkout", "--quiet", "main")
        origin.git("merge", "--quiet", "--no-ff", "--no-commit", "lib")
        (origin.path / "lib").mkdir()
        origin.git("mv", "a", "lib/a")
        origin.git("commit", "--quiet", "-m", "feat: subtree")
        assert origin.version(MONOTRON_PATHS="other") == ""
        run = origin.run(MONOTRON_PATHS="lib")
        assert "minor: feat: subtree (1 commit since 0.0.1)" in run.output

    def test_without_git_the_commits_of_paths_are_unknown(
        self, origin: Origin, tmp_path: Path
    ) -> None:
        tools = tools_without_git(tmp_path)
        run = origin.run(MONOTRON_PATHS="api", CI_COMMIT_MESSAGE="fix: a", PATH=tools)
        assert run.code == 1
        assert "The commits that change MONOTRON_PATHS are unknown: this image has no git." in (
            run.output
        )

    @pytest.mark.parametrize("path", ["/api", ":(exclude)api", "!api", "../api"])
    def test_a_path_that_git_would_interpret_is_refused(self, path: str, origin: Origin) -> None:
        run = origin.run(MONOTRON_PATHS=path)
        assert run.code == 1
        assert (
            f"MONOTRON_PATHS must contain paths from the root of the repository, not '{path}'"
            in (run.output)
        )

    @pytest.mark.parametrize("option", ["SINCE", "PATHS"])
    def test_other_bumps_refuse_options_of_auto(self, option: str, project: Project) -> None:
        assert "MONOTRON_SINCE and MONOTRON_PATHS require MONOTRON_BUMP auto." in project.failure(
            **{f"MONOTRON_{option}": "v1"}
        )
