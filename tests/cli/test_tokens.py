"""The argument TOKEN: revisions become hashes, and what cannot be meant is refused."""

from __future__ import annotations

import pytest

from support.server import Client
from support.terminal import Terminal


class TestRevisions:
    @pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "short", "HEAD~1", "1234567"])
    @pytest.mark.parametrize(
        "command", [("version",), ("next",)], ids=lambda command: str(command[0])
    )
    def test_a_revision_becomes_the_hash_of_its_commit(
        self,
        command: tuple[str, ...],
        revision: str,
        repository: Terminal,
        client: Client,
        name: str,
    ) -> None:
        repository.commit("second")
        repository.git("branch", "-M", "main")
        repository.git("tag", "v1", "HEAD~1")
        repository.git("tag", "-m", "annotated", "1234567")
        commit = repository.git("rev-parse", f"{revision.replace('short', 'HEAD')}^{{commit}}")
        token = commit[:10] if revision == "short" else revision
        process = repository.run(*command, name, token)
        assert process.returncode == 0
        assert process.stderr == f"note: {token} is the commit {commit}\n"
        path = {"version": "versions", "next": "series"}[command[0]]
        assert client.request("GET", f"/v1/{path}/{name}/{commit}").json()["token"] == commit

    def test_reading_commands_resolve_revisions(self, repository: Terminal, name: str) -> None:
        repository.prints("version", name)
        repository.prints("next", name)
        for arguments, printed in (
            (("version", name, "HEAD", "--bump=none"), "0.0.1\n"),
            (("peek", name, "HEAD"), "1\n"),
        ):
            process = repository.run(*arguments)
            assert (process.returncode, process.stdout) == (0, printed)
            assert process.stderr.startswith("note: HEAD is the commit ")

    def test_other_tokens_are_unchanged(
        self, repository: Terminal, client: Client, name: str
    ) -> None:
        commit = repository.git("rev-parse", "HEAD")
        repository.git("tag", "123456")
        for token in (commit, "123456", "nightly-7", "--output=pwned", "e" * 40):
            repository.prints("next", name, "--", token)
            assert client.request("GET", f"/v1/series/{name}").json()["token"] == token
        assert not list(repository.folder.glob("pwned*"))


class TestRefusals:
    @pytest.mark.parametrize("token", ["main", "HEAD", "nightly-7", "e" * 40])
    def test_a_repository_that_git_does_not_trust_is_an_error(
        self, token: str, repository: Terminal, name: str
    ) -> None:
        """Otherwise `main` would be a token, and a new name would ignore the tags."""
        other = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
        errors = repository.fails(2, "version", name, token, **other)
        assert "error: git rev-parse failed: fatal: detected dubious ownership in" in errors
        assert 'git config --global --add safe.directory "$PWD"\n' in errors

    def test_a_repository_without_commits_needs_a_token(self, terminal: Terminal) -> None:
        terminal.git("init", "--quiet")
        assert terminal.fails(2, "version", "shop") == (
            "error: no commit given, and this repository has no commits\n"
            "hint: pass one: monotron version shop COMMIT\n"
        )

    @pytest.mark.parametrize("command", ["version", "next", "peek"])
    def test_an_empty_token_is_refused(self, command: str, repository: Terminal) -> None:
        assert repository.fails(2, command, "shop", "") == (
            "error: the token is empty\n"
            "hint: use the commit hash. Check that the variable with it is set.\n"
        )

    @pytest.mark.parametrize("command", ["version", "next", "peek"])
    def test_head_outside_of_a_repository_is_refused(
        self, command: str, terminal: Terminal
    ) -> None:
        assert terminal.fails(2, command, "shop", "HEAD") == (
            "error: HEAD is a different commit in every build\nhint: use the commit hash\n"
        )

    def test_a_variable_that_was_not_expanded_is_refused(self, repository: Terminal) -> None:
        errors = repository.fails(2, "version", "shop", "%GIT_COMMIT%")
        assert errors.startswith("error: the token '%GIT_COMMIT%' is a variable that was not exp")


class TestUrls:
    def test_a_url_that_ends_in_v1_works(self, terminal: Terminal, name: str) -> None:
        for number, end in enumerate(("/v1", "/v1/"), 1):
            url = f"--url={terminal.url}{end}"
            assert terminal.prints("next", name, f"t{number}", url) == f"{number}\n"
