"""The workflows that audit and release, the pins, and the configuration of their updates."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = ROOT / ".github" / "workflows"
RENOVATE = ROOT / ".github" / "renovate.json"
MAKEFILE = (ROOT / "Makefile").read_text()
LOCK = (ROOT / ".ci" / "requirements.txt").read_text()
PERMISSIONS = {
    "origin": {"contents": "read"},
    "test": {"contents": "read"},
    "build": {"contents": "read"},
    "attest": {"id-token": "write", "attestations": "write"},
    "publish": {"id-token": "write"},
    "image": {"contents": "read", "packages": "write"},
    "publish-image": {
        "contents": "read",
        "packages": "write",
        "id-token": "write",
        "attestations": "write",
    },
    "chart": {
        "contents": "read",
        "packages": "write",
        "id-token": "write",
        "attestations": "write",
    },
    "release": {"contents": "write"},
    "tag": {"contents": "write"},
    "component": {"contents": "read"},
    "docs": {"contents": "write"},
}


def workflow(name: str) -> dict[Any, Any]:
    parsed: dict[Any, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    parsed["on"] = parsed.pop(True)  # YAML 1.1 reads the key `on` as a boolean
    return parsed


def needed_by(jobs: dict[str, Any], name: str) -> set[str]:
    """All jobs that must succeed before this one."""
    needs = jobs[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(needed_by(jobs, each) for each in direct))


class TestRelease:
    def test_a_release_starts_with_a_version_tag_only(self) -> None:
        assert workflow("release.yml")["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}

    def test_the_tests_and_the_check_of_main_precede_every_step_of_a_release(self) -> None:
        jobs = workflow("release.yml")["jobs"]
        assert jobs["test"]["uses"] == "./.github/workflows/ci.yml"
        assert "workflow_call" in workflow("ci.yml")["on"]
        for name in jobs.keys() - {"origin", "test"}:
            assert {"origin", "test"} <= needed_by(jobs, name), name
        assert not any("if" in job or "continue-on-error" in job for job in jobs.values())

    def test_everything_is_published_before_names_move_to_the_release(self) -> None:
        jobs = workflow("release.yml")["jobs"]
        published = {"attest", "publish", "image", "publish-image", "chart"}
        for name in ("release", "tag", "component", "docs"):
            assert published <= needed_by(jobs, name), name

    def test_jobs_that_publish_run_in_the_protected_environment(self) -> None:
        jobs = workflow("release.yml")["jobs"] | workflow("docs.yml")["jobs"]
        for name in jobs.keys() - {"origin", "test", "build", "docs"}:
            assert jobs[name]["environment"] == "release", name

    def test_every_script_and_file_of_a_release_exists(self) -> None:
        text = "".join((WORKFLOWS / name).read_text() for name in ("release.yml", "docs.yml"))
        scripts = set(re.findall(r"\.ci/[\w./-]+", text))
        assert len(scripts) > 8
        for script in scripts:
            path = ROOT / script
            assert path.suffix == ".py" or os.access(path, os.X_OK), script

    def test_each_job_of_a_release_has_the_smallest_permissions(self) -> None:
        jobs = workflow("release.yml")["jobs"]
        assert {name: job["permissions"] for name, job in jobs.items()} == PERMISSIONS

    @pytest.mark.parametrize("branch", ["main", "fix"])
    def test_only_a_commit_of_main_is_released(self, branch: str, tmp_path: Path) -> None:
        def git(*arguments: str) -> str:
            command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
            return subprocess.run(
                command, cwd=tmp_path, check=True, capture_output=True, text=True
            ).stdout.strip()

        git("init", "-q", "-b", "main")
        git("commit", "-q", "--allow-empty", "-m", "first")
        main = git("rev-parse", "HEAD")
        git("update-ref", "refs/remotes/origin/main", main)
        git("checkout", "-q", "-b", "fix")
        git("commit", "-q", "--allow-empty", "-m", "second")
        (_, step) = workflow("release.yml")["jobs"]["origin"]["steps"]
        process = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=tmp_path,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "GITHUB_SHA": git("rev-parse", branch),
                "GITHUB_REF_NAME": "v1.0.0",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == (branch != "main")
        assert ("is not on main" in process.stdout) == (branch != "main")


class TestAudit:
    def test_the_audit_runs_for_each_change_and_on_a_schedule(self) -> None:
        audit = workflow("audit.yml")
        assert set(audit["on"]) == {"push", "pull_request", "schedule"}
        assert audit["jobs"]["audit"]["steps"][-1]["run"] == "make audit"

    def test_the_audit_reads_the_lock_file_and_fails_for_unknown_packages(self) -> None:
        (target,) = re.findall(r"^audit:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
        command = target.splitlines()[-1]
        assert command.endswith("-r $(LOCK)")
        assert {"--strict", "--require-hashes", "--disable-pip"} <= set(command.split())

    def test_every_package_of_the_lock_file_has_a_version_and_a_hash(self) -> None:
        packages = re.findall(r"^\w.*\n(?: .*\n)*", LOCK, re.MULTILINE)
        assert len(packages) > 10
        for package in packages:
            assert re.match(r"[\w.-]+==[\w.]+ ", package), package
            assert "--hash=sha256:" in package, package

    def test_ci_installs_the_lock_file_with_hashes(self) -> None:
        assert "$(PIP) install --require-hashes -r $(LOCK)" in MAKEFILE


class TestUpdates:
    def test_the_configuration_of_renovate_matches_its_schema(self) -> None:
        linter = Path(sys.executable).parent / "check-jsonschema"
        command = [linter, "--builtin-schema", "vendor.renovate", RENOVATE]
        process = subprocess.run(command, capture_output=True, check=False)
        assert process.returncode == 0, process.stdout.decode()

    def test_renovate_updates_the_lock_file_and_the_pinned_programs(self) -> None:
        settings = json.loads(RENOVATE.read_text())
        (lock_file,) = settings["pip_requirements"]["managerFilePatterns"]
        assert re.search(lock_file.strip("/"), ".ci/requirements.txt")
        assert {"pep621", "github-actions"} <= set(settings["enabledManagers"])
        found = set()
        for manager in settings["customManagers"]:
            (pattern,) = manager["matchStrings"]
            (match,) = re.finditer(pattern.replace("(?<", "(?P<"), MAKEFILE)
            found.add((manager["datasourceTemplate"], match["depName"]))
        assert found == {("npm", "gitlab-ci-local"), ("pypi", "pip-audit")}
