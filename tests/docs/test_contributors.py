"""What contributors and reporters use: dev container, pre-commit, forms, support policy."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import jsonschema_rs
import pytest
import yaml

from docs.command_tables import COMMANDS
from docs.test_drift import ROOT, page, table
from plugins.github.test_files import PYTHONS
from support.schemas import vendored_schemas

FORM = ".github/ISSUE_TEMPLATE/problem.yml"
FORMS = ".github/ISSUE_TEMPLATE/config.yml"
CONTAINER = json.loads(page(".devcontainer/devcontainer.json"))
HOOKS = yaml.safe_load(page(".pre-commit-config.yaml"))["repos"][0]["hooks"]
TARGETS = re.findall(r"^([a-z-]+|\.venv/\.installed\S*):", page("Makefile"), re.MULTILINE)


def oldest_python() -> str:
    requires: str = tomllib.loads(page("pyproject.toml"))["project"]["requires-python"]
    return requires.removeprefix(">=")


class TestDevContainer:
    def test_it_has_the_oldest_python_and_the_node_of_ci(self) -> None:
        assert f"/python:{oldest_python()}-" in CONTAINER["image"]
        steps: list[dict[str, Any]] = yaml.safe_load(page(".github/workflows/ci.yml"))["jobs"][
            "test"
        ]["steps"]
        (node,) = (step["with"]["node-version"] for step in steps if "setup-node" in str(step))
        (feature,) = (each for name, each in CONTAINER["features"].items() if "/node:" in name)
        assert feature["version"] == node

    def test_it_installs_with_targets_of_make(self) -> None:
        command, *targets = CONTAINER["postCreateCommand"].split()
        assert command == "make"
        assert set(targets) <= set(TARGETS)
        assert ".venv/.installed-test" in targets


class TestPreCommit:
    def test_ruff_has_the_version_of_the_lock_file(self) -> None:
        (locked,) = re.findall(r"^(ruff==\S+)", page(".ci/requirements.txt"), re.MULTILINE)
        with_ruff = [hook for hook in HOOKS if hook["entry"].startswith("ruff ")]
        assert [hook["id"] for hook in with_ruff] == ["ruff-check", "ruff-format"]
        for hook in with_ruff:
            assert hook["additional_dependencies"] == [locked], "update .pre-commit-config.yaml"

    def test_the_other_hooks_are_targets_of_make(self) -> None:
        others = [hook["entry"] for hook in HOOKS if hook["language"] == "system"]
        assert others == ["make lint"]
        assert "lint" in TARGETS


class TestForms:
    @pytest.mark.parametrize(
        ("schema", "path"),
        [("github-issue-forms.json", FORM), ("github-issue-config.json", FORMS)],
    )
    def test_they_match_their_schema(self, schema: str, path: str) -> None:
        schemas = vendored_schemas()
        validator = jsonschema_rs.validator_for(json.loads((schemas / schema).read_text()))
        assert [error.message for error in validator.iter_errors(yaml.safe_load(page(path)))] == []

    def test_their_links_and_commands_exist(self) -> None:
        text = page(FORM) + page(FORMS)
        links = re.findall(r"github\.com/monotron/monotron/blob/main/(\S+)", text)
        assert len(links) >= 2
        for link in links:
            assert (ROOT / link).exists(), link
        commands = re.findall(r"`monotron ([a-z]+)", text)
        assert {"audit", "config"} <= set(commands) <= set(COMMANDS)


SUPPORTED = dict(table(page("docs/support.md")))


class TestSupport:
    def test_it_states_the_versions_of_python_that_are_tested(self) -> None:
        server, runner = (SUPPORTED[name] for name in SUPPORTED if name.startswith("Python"))
        assert server == f"{oldest_python()} and newer"
        assert runner == f"{PYTHONS[0]} and newer"
        jobs = yaml.safe_load(page(".github/workflows/ci.yml"))["jobs"]
        first, *_, last = jobs["test"]["strategy"]["matrix"]["python"]
        assert f"The tests run with Python {first} to {last}." in page("docs/support.md")

    def test_it_states_the_requirements_of_the_stores(self) -> None:
        mongodb = page("docs/operations.md").partition("**Requirements:** MongoDB ")[2]
        (needed,) = re.findall(r"MongoDB (.*) and newer as", SUPPORTED["stores"])
        assert mongodb.startswith(needed)
        (sqlite,) = re.findall(r"SQLite (\S+) and newer", SUPPORTED["stores"])
        assert f"SQLite must be {sqlite} or newer" in page("docs/operations.md")
