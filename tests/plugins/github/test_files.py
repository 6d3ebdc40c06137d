"""The files of the action: schemas, security, and agreement with code and documentation."""

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
"""The versions that the action supports. CI provides the oldest of them."""


def interpreter(version: str) -> Path | None:
    """The Python of this version on the PATH or in pyenv, or None."""
    for candidate in (
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"),
    ):
        command = [candidate or "", "-c", "import sys; print(sys.executable)"]
        with contextlib.suppress(OSError):
            process = subprocess.run(command, capture_output=True, check=False)
            if process.returncode == 0:  # a shim of pyenv fails if its version is not active
                return Path(process.stdout.decode().strip())
    return None


class TestInputs:
    def test_inputs_and_defaults_agree_with_the_code(self) -> None:
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

    def test_outputs_agree_with_the_code(self) -> None:
        outputs = action()["outputs"]
        assert list(outputs) == list(GRAMMAR)
        for name, declared in outputs.items():
            assert declared["value"] == f"${{{{ steps.monotron.outputs.{name} }}}}"

    def test_descriptions_list_all_modes_and_bumps(self) -> None:
        described = {name: each["description"] for name, each in action()["inputs"].items()}
        assert all(f"`{mode}`" in described["mode"] for mode in MODES)
        assert all(f"`{bump}`" in described["bump"] for bump in BUMPS)

    @pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
    def test_the_command_contains_no_text_of_the_workflow(self, path: Path) -> None:
        (step,) = action(path)["runs"]["steps"]
        assert "${{" not in step["run"]
        assert step["env"]["MONOTRON_INPUTS"] == "${{ toJSON(inputs) }}"
        assert set(action(path)["inputs"]) <= set(NAMES)
        output = re.compile(rf"\$\{{\{{ steps\.{step['id']}\.outputs\.(\w+) \}}\}}")
        for declared in action(path)["outputs"].values():
            match = output.fullmatch(declared["value"])
            assert match
            assert match[1] in GRAMMAR

    @pytest.mark.parametrize("name", ["next", "peek"])
    def test_a_small_action_describes_its_inputs_like_the_main_one(self, name: str) -> None:
        inputs = action(ROOT / "actions" / name / "action.yml")["inputs"]
        for each in {"url", "api-key", "audience"} & set(inputs):
            assert inputs[each] == action()["inputs"][each]

    @pytest.mark.parametrize("name", ["next", "peek"])
    def test_the_documentation_lists_inputs_and_outputs_of_a_small_action(self, name: str) -> None:
        page = (ROOT / "docs" / "ci" / "github.md").read_text()
        match = re.search(rf"`actions/{name}` takes (.*?)has\s(.*?)\.", page, re.DOTALL)
        assert match
        parsed = action(ROOT / "actions" / name / "action.yml")
        assert re.findall(r"`([a-z-]+)`", match[1]) == list(parsed["inputs"])
        assert re.findall(r"`([a-z]+)`", match[2]) == list(parsed["outputs"])


class TestLinters:
    @pytest.mark.parametrize(
        ("schema", "files"),
        [("vendor.github-actions", ACTIONS), ("vendor.github-workflows", WORKFLOWS)],
        ids=["actions", "workflows"],
    )
    def test_files_match_their_schema(self, schema: str, files: list[Path]) -> None:
        assert files
        command = [BIN / "check-jsonschema", "--builtin-schema", schema, *files]
        process = subprocess.run(command, capture_output=True, check=False)
        assert process.returncode == 0, process.stdout.decode()

    def test_zizmor_reports_no_findings(self) -> None:
        command = [BIN / "zizmor", "--offline", "--persona=pedantic", "--format=json", *ACTIONS]
        process = subprocess.run([*command, *WORKFLOWS], capture_output=True, check=False)
        assert (process.returncode, json.loads(process.stdout)) == (0, []), process.stderr.decode()

    def test_zizmor_reports_a_template_in_a_command(self, tmp_path: Path) -> None:
        text = (ROOT / "action.yml").read_text()
        bad = tmp_path / "action.yml"
        bad.write_text(text.replace('run: python3 "', 'run: echo ${{ inputs.name }} "'))
        command = [BIN / "zizmor", "--offline", "--persona=pedantic", "--format=json", bad]
        process = subprocess.run(command, capture_output=True, check=False)
        assert "template-injection" in process.stdout.decode()

    def test_workflows_pin_actions_by_hash_and_have_no_default_permissions(self) -> None:
        for path in WORKFLOWS:
            parsed = yaml.safe_load(path.read_text())
            assert parsed["permissions"] == {}, path
            for uses in re.findall(r"uses: ([^\s#]+)", path.read_text()):
                assert uses.startswith("./") or re.search(r"@[0-9a-f]{40}$", uses), uses


class TestPythons:
    def test_the_action_imports_only_these_modules_of_the_standard_library(self) -> None:
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
            "contextlib",
            "email",
            "http",
            "json",
            "os",
            "random",
            "re",
            "subprocess",
            "sys",
            "tempfile",
            "time",
            "typing",
            "urllib",
        }

    def test_the_action_starts_with_few_modules(self) -> None:
        program = (
            "import sys, urllib.request, json; before = set(sys.modules); "
            "sys.path.insert(0, 'actions'); import monotron_ci.main; "
            "print(*sorted(set(sys.modules) - before))"
        )
        process = subprocess.run(
            [sys.executable, "-S", "-c", program], cwd=ROOT, capture_output=True, check=True
        )
        modules = process.stdout.decode().split()
        assert "monotron_ci.client" in modules
        late = {"monotron_ci.oidc_token", "monotron_ci.tags", "base64", "random"}
        assert not late & set(modules)
        other = [name for name in modules if "typing" not in name and "monotron_ci" not in name]
        assert set(other) <= {"__future__"}

    @pytest.mark.parametrize("version", PYTHONS)
    def test_the_action_runs_on_every_supported_python(
        self, version: str, server: Server, tmp_path: Path
    ) -> None:
        python = interpreter(version)
        if python is None:
            assert version != PYTHONS[0] or "CI" not in os.environ, "CI must provide it"
            pytest.skip(f"Python {version} is not installed")
        inputs = {"url": server.url, "bump": "minor", "name": f"python-{version}"}
        process = subprocess.run(
            [python, ROOT / "actions"],
            env={
                **os.environ,
                "MONOTRON_ACTION": "version",
                "MONOTRON_INPUTS": json.dumps(inputs),
                "GITHUB_SHA": "c0ffee",
                "GITHUB_OUTPUT": str(tmp_path / "output"),
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            check=False,
        )
        assert (process.returncode, process.stderr) == (0, b"")
        assert process.stdout.decode().splitlines()[-1] == "Monotron: 0.1.0"
        assert "version=0.1.0\n" in (tmp_path / "output").read_text()


class TestWorkflows:
    def test_ci_and_the_self_test_use_the_oldest_supported_python(self) -> None:
        def jobs(name: str) -> str:
            parsed = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
            return json.dumps(parsed["jobs"])

        assert f"{PYTHONS[0]}\\n" in jobs("ci.yml")
        assert f'"python": "{PYTHONS[0]}"' in jobs("self-test.yml")

    @pytest.mark.parametrize(
        ("tag", "moved"), [("v0.10.0", True), ("v0.9.1", False), ("v1.0.0", True)]
    )
    def test_a_release_of_an_older_line_does_not_move_the_major_tag(
        self, tag: str, moved: bool, tmp_path: Path
    ) -> None:
        jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
        (_, step) = jobs["tag"]["steps"]
        tags = ("v0.2.0", "v0.9.0", "v0.9.1", "v0.10.0", "v0.11.0-rc.1", "v1.0.0")
        gh = tmp_path / "gh"
        gh.write_text(
            f'#!/bin/sh\nlast=$(for each; do echo "$each"; done | sed -n "s|.*matching-refs/||p")\n'
            f'[ -n "$last" ] || {{ echo "$@" >>{tmp_path}/calls; exit; }}\n'
            f'for each in {" ".join(tags)}; do echo "refs/tags/$each"; done | grep "refs/$last"\n'
        )
        gh.chmod(0o755)
        process = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=ROOT,
            env={
                "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_REF_NAME": tag,
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_SHA": "a" * 40,
            },
            capture_output=True,
            check=False,
        )
        assert (process.returncode, process.stderr) == (0, b"")
        calls = (tmp_path / "calls").read_text()
        assert (f"git/refs/tags/{tag[:2]} -f sha={'a' * 40} -F force=true" in calls) == moved
        minor = tag.rpartition(".")[0]
        assert f"git/refs/tags/{minor} -f sha={'a' * 40} -F force=true" in calls
        assert calls.count("\n") == 1 + moved


class TestVersion:
    def test_the_service_and_the_action_have_the_same_version(self) -> None:
        assert monotron_ci.__version__ == monotron.__version__

    def test_the_wheel_contains_the_code_of_the_action(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        assert packages == ["backend/monotron", "actions/monotron_ci"]
