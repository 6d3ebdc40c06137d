"""The names that `monotron trust` allows: those of the repository, unless others are passed."""

import json
import subprocess

import pytest

from support.keyless import IDS
from support.terminal import Terminal

OPTIONS = {
    "github": (*IDS["github"], "--branch=main"),
    "gitlab": (*IDS["gitlab"], "--branch=main", "--issuer=gitlab.com"),
}


def trust(operator: Terminal, kind: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ("trust", kind, "acme/tools/shop" if kind == "gitlab" else "acme/shop")
    return operator.run(*command, *OPTIONS[kind], *arguments)


def names_of(operator: Terminal, kind: str, *arguments: str) -> list[str]:
    process = trust(operator, kind, "--output=json", *arguments)
    assert process.returncode == 0, process.stderr
    names: list[str] = json.loads(process.stdout)["names"]
    return names


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("github", ["gh:acme:shop", "gh:acme:shop:*"]),
        ("gitlab", ["gl:acme:tools:shop", "gl:acme:tools:shop:*"]),
    ],
)
class TestNames:
    def test_the_default_is_the_name_that_the_plugins_use_and_its_parts(
        self, operator: Terminal, kind: str, own: list[str]
    ) -> None:
        assert names_of(operator, kind) == own

    def test_the_names_that_are_passed_replace_the_default(
        self, operator: Terminal, kind: str, own: list[str]
    ) -> None:
        for passed in (["shop"], ["shop*", own[0]], ["*"]):
            assert names_of(operator, kind, *(f"--name={name}" for name in passed)) == passed

    def test_all_names_are_allowed_only_explicitly(
        self, operator: Terminal, kind: str, own: list[str]
    ) -> None:
        assert names_of(operator, kind, "--all-names") == ["*"]
        process = trust(operator, kind, "--all-names", f"--name={own[0]}")
        assert (process.returncode, process.stdout) == (2, "")
        assert "--name and --all-names cannot be combined" in process.stderr

    def test_an_invalid_pattern_is_refused_with_the_reason(
        self, operator: Terminal, kind: str, own: list[str]
    ) -> None:
        for pattern in (f"{own[0]}*x", "", "a" * 257):
            process = trust(operator, kind, f"--name={pattern}")
            assert (process.returncode, process.stdout) == (1, "")
            assert "Invalid name pattern" in process.stderr


def test_a_trust_policy_without_a_repository_allows_all_names(operator: Terminal) -> None:
    claims = ("--claim=repository_id=777", "--claim=ref=refs/heads/main")
    process = operator.run("trust", "add", "github", *claims, "--output=json")
    assert json.loads(process.stdout)["names"] == ["*"]
