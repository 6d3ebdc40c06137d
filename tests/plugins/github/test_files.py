"""The action's files: their schemas, their security, and that they, the page and the code agree."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import monotron
import monotron_ci
from docs.test_drift import code, section, table
from monotron_ci.inputs import BUMPS, MODES, NAMES, Inputs
from monotron_ci.outputs import GRAMMAR
from support.server import Server

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
ACTIONS = [ROOT / "action.yml", *sorted(ROOT.glob("actions/*/action.yml"))]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
MODULES = sorted(ROOT.glob("actions/**/*.py"))


def action(path: Path = ROOT / "action.yml") -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(path.read_text())
    return parsed


PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
"""The versions that the action must run on; CI has the oldest of them."""


def interpreter(version: str) -> Path | None:
    """The Python of this version on the PATH or of pyenv, if there is one."""
    for found in (
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"),
    ):
        command = [found or "", "-c", "import sys; print(sys.executable)"]
        with contextlib.suppress(OSError):
            said = subprocess.run(command, capture_output=True, check=False)
            if said.returncode == 0:  # a shim of pyenv may lead nowhere
                return Path(said.stdout.decode().strip())
    return None


class TestInputs:
    def test_the_file_takes_what_the_code_reads_with_the_same_defaults(self) -> None:
        inputs = action()["inputs"]
        assert tuple(inputs) == NAMES
        for name, declared in inputs.items():
            default = Inputs._field_defaults.get(name.replace("-", "_"))
            written = declared.get("default", "")
            if name in ("url", "github-token"):
                continue
            if isinstance(default, tuple):
                default = ",".join(default)
            assert str(written) == str(default or "").lower() or written == str(default).lower()

    def test_the_outputs_are_those_that_the_code_writes(self) -> None:
        outputs = action()["outputs"]
        assert list(outputs) == list(GRAMMAR)
        for name, declared in outputs.items():
            assert declared["value"] == f"${{{{ steps.monotron.outputs.{name} }}}}"

    def test_the_readme_lists_inputs_with_their_defaults(self) -> None:
        rows = table(section((ROOT / "README.md").read_text(), "### Inputs"))
        inputs = action()["inputs"]
        assert [code(row[0]) for row in rows] == list(inputs)
        for row in rows:
            default = inputs[code(row[0])].get("default")
            told = re.fullmatch(r"`(.*)`", row[1])
            assert (told[1] if told else None) == default, row
            assert row[2] == inputs[code(row[0])]["description"]

    def test_the_readme_lists_the_outputs(self) -> None:
        rows = table(section((ROOT / "README.md").read_text(), "### Outputs"))
        outputs = action()["outputs"]
        assert [code(row[0]) for row in rows] == list(outputs)
        assert [row[1] for row in rows] == [each["description"] for each in outputs.values()]

    def test_the_values_that_are_listed_are_those_that_are_taken(self) -> None:
        described = {name: each["description"] for name, each in action()["inputs"].items()}
        assert all(f"`{mode}`" in described["mode"] for mode in MODES)
        assert all(f"`{bump}`" in described["bump"] for bump in BUMPS)

    @pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
    def test_no_text_of_a_workflow_gets_into_the_command(self, path: Path) -> None:
        (step,) = action(path)["runs"]["steps"]
        assert "${{" not in step["run"]
        assert step["env"]["MONOTRON_INPUTS"] == "${{ toJSON(inputs) }}"
        given = set(action(path)["inputs"])
        assert given <= set(NAMES)
        own = {value["value"] for value in action(path)["outputs"].values()}
        names = {
            re.fullmatch(rf"\$\{{\{{ steps\.{step['id']}\.outputs\.(\w+) \}}\}}", value)
            for value in own
        }
        assert all(match and match[1] in GRAMMAR for match in names)

    @pytest.mark.parametrize("name", ["next", "peek"])
    def test_an_action_within_is_short_and_the_page_lists_what_it_takes_and_has(
        self, name: str
    ) -> None:
        path = ROOT / "actions" / name / "action.yml"
        assert len(path.read_text().splitlines()) <= 12
        page = (ROOT / "docs" / "ci" / "github.md").read_text()
        told = re.search(rf"`actions/{name}` takes (.*?)has (.*?)\.", page, re.DOTALL)
        assert told
        parsed = action(path)
        assert re.findall(r"`([a-z-]+)`", told[1]) == list(parsed["inputs"])
        assert re.findall(r"`([a-z]+)`", told[2]) == list(parsed["outputs"])


class TestLinters:
    @pytest.mark.parametrize(
        ("schema", "files"),
        [("vendor.github-actions", ACTIONS), ("vendor.github-workflows", WORKFLOWS)],
        ids=["actions", "workflows"],
    )
    def test_the_schemas_hold(self, schema: str, files: list[Path]) -> None:
        assert files
        command = [BIN / "check-jsonschema", "--builtin-schema", schema, *files]
        checked = subprocess.run(command, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout.decode()

    def test_zizmor_finds_nothing_at_its_most_pedantic(self) -> None:
        command = [BIN / "zizmor", "--offline", "--persona=pedantic", "--format=json", *ACTIONS]
        found = subprocess.run([*command, *WORKFLOWS], capture_output=True, check=False)
        assert (found.returncode, json.loads(found.stdout)) == (0, []), found.stderr.decode()

    def test_zizmor_would_find_a_template_in_a_command(self, tmp_path: Path) -> None:
        text = (ROOT / "action.yml").read_text()
        bad = tmp_path / "action.yml"
        bad.write_text(text.replace('run: python3 "', 'run: echo ${{ inputs.name }} "'))
        command = [BIN / "zizmor", "--offline", "--persona=pedantic", "--format=json", bad]
        found = subprocess.run(command, capture_output=True, check=False)
        assert "template-injection" in found.stdout.decode()

    def test_workflows_pin_every_action_by_its_hash_and_ask_for_little(self) -> None:
        for path in WORKFLOWS:
            parsed = yaml.safe_load(path.read_text())
            assert parsed["permissions"] == {}, path
            for uses in re.findall(r"uses: ([^\s#]+)", path.read_text()):
                assert uses.startswith("./") or re.search(r"@[0-9a-f]{40}$", uses), uses


class TestPythons:
    def test_only_the_standard_library_is_imported_and_little_of_it(self) -> None:
        imported = set()
        for path in MODULES:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    imported.add(str(node.module).split(".")[0])
        assert imported - {"monotron_ci"} == {
            "__future__",
            "base64",
            "collections",
            "email",
            "http",
            "json",
            "os",
            "random",
            "re",
            "sys",
            "time",
            "typing",
            "urllib",
        }

    def test_what_a_usual_run_imports_beyond_urllib_and_json_is_known(self) -> None:
        program = (
            "import sys, urllib.request, json; there = set(sys.modules); "
            "sys.path.insert(0, 'actions'); import monotron_ci.main; "
            "print(*sorted(set(sys.modules) - there))"
        )
        done = subprocess.run(
            [sys.executable, "-S", "-c", program], cwd=ROOT, capture_output=True, check=True
        )
        ours = {"client", "deciding", "event", "failure", "inputs", "messages", "outputs"}
        ours |= {"credential", "sending", "summary", "action"}
        more = {name for name in done.stdout.decode().split() if "typing" not in name}
        assert more - {"__future__"} == {"monotron_ci", *(f"monotron_ci.{name}" for name in ours)}

    @pytest.mark.parametrize("version", PYTHONS)
    def test_the_action_runs_on_every_python_from_3_9(self, version: str, tmp_path: Path) -> None:
        python = interpreter(version)
        if python is None:
            assert version != PYTHONS[0] or "CI" not in os.environ, "CI has to bring it"
            pytest.skip(f"there is no Python {version} here")
        with Server("sqlite://") as server:
            done = subprocess.run(
                [python, ROOT / "actions"],
                env={
                    **os.environ,
                    "MONOTRON_ACTION": "version",
                    "MONOTRON_INPUTS": json.dumps({"url": server.url, "bump": "minor"}),
                    "GITHUB_REPOSITORY": "acme/shop",
                    "GITHUB_SHA": "c0ffee",
                    "GITHUB_OUTPUT": str(tmp_path / "output"),
                    "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                capture_output=True,
                check=False,
            )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode().splitlines()[-1] == "Monotron: 0.1.0"
        assert "version=0.1.0\n" in (tmp_path / "output").read_text()


class TestWorkflows:
    def test_ci_brings_the_oldest_python_and_the_self_test_runs_on_it(self) -> None:
        def pythons(name: str) -> str:
            parsed = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
            return json.dumps(parsed["jobs"])

        assert f"{PYTHONS[0]}\\n" in pythons("ci.yml")
        assert f'"python": "{PYTHONS[0]}"' in pythons("self-test.yml")

    @pytest.mark.parametrize(
        ("tag", "moved"), [("v0.10.0", True), ("v0.9.1", False), ("v1.0.0", True)]
    )
    def test_a_release_of_an_older_line_does_not_move_the_major_tag(
        self, tag: str, moved: bool, tmp_path: Path
    ) -> None:
        jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
        (step,) = jobs["tag"]["steps"]
        tags = ("v0.2.0", "v0.9.0", "v0.9.1", "v0.10.0", "v0.11.0-rc.1", "v1.0.0")
        gh = tmp_path / "gh"
        gh.write_text(
            f'#!/bin/sh\nlast=$(for each; do echo "$each"; done | sed -n "s|.*matching-refs/||p")\n'
            f'[ -n "$last" ] || {{ echo "$@" >>{tmp_path}/asked; exit; }}\n'
            f'for each in {" ".join(tags)}; do echo "refs/tags/$each"; done | grep "refs/$last"\n'
        )
        gh.chmod(0o755)
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            env={
                "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_REF_NAME": tag,
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_SHA": "a" * 40,
            },
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        asked = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
        assert (f"git/refs/tags/{tag[:2]} -f sha={'a' * 40} -F force=true" in asked) == moved
        assert (asked == "") == (not moved)


class TestVersion:
    def test_service_and_plugins_have_one_version(self) -> None:
        assert monotron_ci.__version__ == monotron.__version__

    def test_the_plugins_are_in_the_wheel(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        assert packages == ["backend/monotron", "actions/monotron_ci"]
