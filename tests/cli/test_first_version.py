"""The first version of a name: a repository with version tags does not start from 0.0.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.server import Client
from support.terminal import Terminal


class TestFirstVersion:
    @pytest.mark.parametrize(
        "options", [(), ("--bump=auto",), ("--dry-run",)], ids=["patch", "auto", "dry-run"]
    )
    def test_a_repository_with_version_tags_is_refused(
        self, options: tuple[str, ...], repository: Terminal, client: Client, name: str
    ) -> None:
        repository.git("tag", "v1.2.57")
        unrelated = repository.git("commit-tree", "HEAD^{tree}", "-m", "unrelated")
        repository.git("tag", "v2019.10.5", unrelated)
        assert repository.fails(1, "version", name, *options) == (
            f"error: '{name}' has no versions, but the repository has the tag v1.2.57\n"
            f"hint: continue from it: monotron adopt {name} --version 1.2.57, or pass "
            "--initial-version 1.2.57; --from-scratch ignores the tags\n"
        )
        assert client.request("GET", f"/v1/versions/{name}").status == 404

    @pytest.mark.parametrize(
        ("option", "version"),
        [
            ("--initial-version=1.2.57", "1.2.58"),
            ("--from-scratch", "0.0.1"),
            ("--version=3.0.0", "3.0.0"),
            ("--tag-prefix=api/v", "0.0.1"),
        ],
    )
    def test_an_explicit_start_needs_no_tags(
        self, option: str, version: str, repository: Terminal, name: str
    ) -> None:
        repository.git("tag", "v1.2.57")
        assert repository.prints("version", name, option) == f"{version}\n"

    def test_the_tags_of_the_remote_count(self, repository: Terminal, name: str) -> None:
        repository.git("tag", "v1.2.57")
        repository.git(
            "clone", "--quiet", "--depth=1", "--no-tags", f"file://{repository.folder}", "clone"
        )
        clone = repository.in_folder("clone")
        assert "has the tag v1.2.57\n" in clone.fails(1, "version", name)

    def test_a_remote_that_cannot_be_read_leads_to_a_warning(
        self, repository: Terminal, tmp_path: Path, name: str
    ) -> None:
        repository.git("remote", "add", "origin", str(tmp_path / "missing"))
        result = repository.run("version", name)
        assert (result.returncode, result.stdout) == (0, "0.0.1\n")
        assert "warning: The tags of the repository cannot be read (" in result.stderr
        assert f"monotron adopt {name} --version 1.4.2" in result.stderr

    def test_any_token_needs_no_repository(self, terminal: Terminal, name: str) -> None:
        assert terminal.prints("version", name, "run-42") == "0.0.1\n"

    def test_two_starts_are_contradictory(self, repository: Terminal, name: str) -> None:
        options = ("--from-scratch", "--initial-version=1.2.57")
        assert "--from-scratch cannot be combined with --initial-version" in repository.fails(
            2, "version", name, *options
        )
