"""The options of `monotron version` and `next` that select another version or number."""

from __future__ import annotations

import re

import pytest

from support.server import Client
from support.terminal import Terminal
from support.versions import withdraw


class TestOptions:
    def test_an_exact_version_is_assigned(self, terminal: Terminal, name: str) -> None:
        assert terminal.prints("version", name, "a", "--version=2.5.0") == "2.5.0\n"
        assert terminal.prints("version", name, "b") == "2.5.1\n"

    def test_a_version_comes_from_the_date(self, terminal: Terminal, name: str) -> None:
        printed = terminal.prints("version", name, "a", "--bump=calendar", "--calendar=YYYY")
        assert re.fullmatch(r"\d{4}\.1\.0\n", printed)

    def test_types_of_commits_select_the_bump(self, repository: Terminal, name: str) -> None:
        repository.prints("version", name, "--bump=major")
        for message, options, printed in (
            ("docs: a", ("--skip-types=docs, ci",), "\n"),
            ("perf: a", ("--minor-types=perf",), "1.1.0\n"),
            ("[ABC-123] feat: a", ("--commits=strict",), "1.1.1\n"),
        ):
            repository.commit(message)
            process = repository.run("version", name, "--bump=auto", *options)
            assert (process.returncode, process.stdout) == (0, printed)

    def test_a_withdrawn_version_is_an_error_that_names_the_option(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        terminal.prints("version", name, "a", "--bump=major")
        assert withdraw(client, name, "1.0.0").status == 200
        shown = terminal.run("version", name, "a", "--bump=none")
        assert (shown.stdout, shown.stderr) == (
            "1.0.0\n",
            "warning: version 1.0.0 was withdrawn\n",
        )
        errors = terminal.fails(1, "version", name, "a")
        assert errors.startswith("error: version_withdrawn (409): ")
        assert "hint: to assign this commit a new version, pass --on-withdrawn new\n" in errors
        for _ in range(2):
            assert terminal.prints("version", name, "a", "--on-withdrawn=new") == "0.0.1\n"

    def test_a_new_series_starts_after_the_initial_value(
        self, terminal: Terminal, name: str
    ) -> None:
        assert terminal.prints("next", name, "a", "--initial-value=1005") == "1006\n"
        assert terminal.prints("next", name, "b", "--initial-value=7") == "1007\n"


class TestContradictions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--version=2.5.0", "--bump=patch"), "--version cannot be combined with --bump patch"),
            (("--version=2.5.0", "--line=1"), "--version cannot be combined with --line"),
            (("--bump=calendar", "--line=1"), "--bump calendar cannot be combined with --line"),
            (("--bump=none", "--prerelease=rc"), "--bump none cannot be combined with --prere"),
            (("--calendar=YYYY",), "--calendar requires --bump calendar"),
            (("--messages=-", "--bump=minor"), "--messages requires --bump auto"),
            (("--messages=-", "--bump=auto", "--since=v1"), "--messages cannot be combined with"),
            (("--skip-types=docs", "--bump=minor"), "--skip-types requires --bump auto"),
        ],
        ids=str,
    )
    def test_contradicting_options_exit_with_2(
        self, options: tuple[str, ...], message: str, terminal: Terminal
    ) -> None:
        assert f"error: {message}" in terminal.fails(2, "version", "a", "b", *options)

    @pytest.mark.parametrize("paths", ["", " ", "/api/**", ":api", "!api", "../api"])
    def test_paths_that_match_no_file_are_refused(
        self, paths: str, repository: Terminal, name: str
    ) -> None:
        """Otherwise a variable that is not set would prevent all releases."""
        errors = repository.fails(2, "version", name, "--bump=auto", f"--paths={paths}")
        assert errors.startswith("error: `--paths` ")
        assert "hint: pass a folder or a pattern, such as api/**" in errors


class TestBranches:
    def test_the_label_comes_from_the_current_branch(self, repository: Terminal, name: str) -> None:
        options = ("--prerelease=branch", "--default-branch=main")
        repository.git("checkout", "--quiet", "-b", "feature/Login")
        assert repository.prints("version", name, *options) == "0.0.1-feature-login.1\n"
        repository.git("branch", "-M", "main")
        assert repository.prints("version", name, *options) == "0.0.1\n"

    def test_the_line_comes_from_the_current_branch(self, repository: Terminal, name: str) -> None:
        for version in ("1.2.0", "3.0.0"):
            repository.prints("version", name, version, f"--version={version}")
        repository.git("checkout", "--quiet", "-b", "release/1.2")
        options = ("--line=branch", "--prerelease=branch", "--default-branch=main")
        assert repository.prints("version", name, *options) == "1.2.1\n"

    def test_the_default_branch_is_that_of_origin(self, repository: Terminal, name: str) -> None:
        repository.git("checkout", "--quiet", "-b", "trunk/2")
        arguments = ("version", name, "--prerelease=branch")
        assert repository.fails(2, *arguments) == (
            "error: cannot determine whether 'trunk/2' is the default branch\n"
            "hint: pass it: --default-branch main\n"
        )
        head = "refs/remotes/origin/HEAD"
        repository.git("symbolic-ref", head, "refs/remotes/origin/trunk/2")
        assert repository.prints(*arguments) == "0.0.1\n"

    def test_a_detached_head_is_an_error(self, repository: Terminal, name: str) -> None:
        repository.git("checkout", "--quiet", "--detach")
        errors = repository.fails(2, "version", name, "--line=branch")
        assert errors.startswith("error: no branch is checked out\nhint: check out a branch, or ")
