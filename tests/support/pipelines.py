"""GitLab pipelines: run whole in gitlab-ci-local, or only the script of the one job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
GITLAB = ROOT / "gitlab"
SCRIPT = GITLAB / "job.sh"
TEMPLATE = GITLAB / "monotron.gitlab-ci.yml"
COMPONENT = GITLAB / "templates" / "version" / "template.yml"
RUNNER = ROOT / ".venv" / "npm" / "node_modules" / ".bin" / "gitlab-ci-local"
SHELLCHECK = ROOT / ".venv" / "bin" / "shellcheck"
CHECK_JSONSCHEMA = ROOT / ".venv" / "bin" / "check-jsonschema"

JOB = "monotron-version"
SECONDS = 60
"""A run that takes longer hangs."""

_OURS = re.compile(
    r"(CI|GITLAB|MONOTRON|GIT|GCL|SEMREL|CURL)(_|$)|(https?|all)_proxy$", re.IGNORECASE
)
_OUTPUT = re.compile(r"^(?P<job>\S+) +> ?(?P<line>.*)$")


def environment(more: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of the tests, without what a pipeline would take notice of, and *more*."""
    inherited = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    return {**inherited, "HOME": str(home), **more}


def job() -> dict[str, Any]:
    """The job of the include template."""
    document = yaml.safe_load(TEMPLATE.read_text())
    return document[JOB]


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the component, and its job."""
    spec, document = yaml.safe_load_all(COMPONENT.read_text())
    (made,) = document.values()
    return spec["spec"]["inputs"], made


def script() -> str:
    """Return the script of the job, which both YAML files contain."""
    return SCRIPT.read_text()


class Repository:
    """A git repository of its own, named acme/shop on gitlab.com."""

    def __init__(self, path: Path, files: Mapping[str, str]) -> None:
        """Make it with a first commit of *files* and of what gitlab/ holds."""
        self.path = path
        shutil.copytree(GITLAB, path)
        for name, text in files.items():
            (path / name).write_text(text)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", "https://gitlab.com/acme/shop.git")
        self.commit("feat: begin")

    def git(self, *args: str) -> str:
        """What `git` prints."""
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", *args]
        done = subprocess.run(
            command,
            cwd=self.path,
            env=environment({"GIT_CONFIG_NOSYSTEM": "1"}, self.path.parent),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit whatever is there; the commit's hash."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True)
class Run:
    """How a pipeline, or a script, ended."""

    code: int
    output: str
    """What it printed, stderr among it."""

    @property
    def passed(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    def lines(self, job: str) -> list[str]:
        """What the script of a job wrote to its stdout."""
        found = (_OUTPUT.match(line) for line in self.output.splitlines())
        return [match["line"] for match in found if match and match["job"] == job]

    def seen(self, job: str) -> dict[str, str]:
        """The NAME=VALUE lines among them."""
        return dict(line.split("=", 1) for line in self.lines(job) if "=" in line)


def run_pipeline(
    repository: Repository,
    variables: Mapping[str, str],
    *,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run the repository's pipeline with *variables*, as those of a project are.

    gitlab-ci-local makes no pipeline of a merge request by itself: CI_PIPELINE_SOURCE among
    *variables* (`push` by default) and CI_MERGE_REQUEST_… say so.
    """
    made_up = {
        "CI_PIPELINE_SOURCE": "push",
        "CI_PIPELINE_ID": "1000",
        "CI_COMMIT_MESSAGE": repository.git("log", "-1", "--format=%B"),
    }
    variables = {**made_up, **variables}
    assert RUNNER.exists(), "gitlab-ci-local is missing: make .venv/.installed-runners"
    command = [str(RUNNER), "--shell-isolation", "--force-shell-executor", "--no-color"]
    command += ["--concurrency", "2", "--home", str(repository.path.parent / "home")]
    command += ["--state-dir", ".gcl"]
    command += ["--ignore-predefined-vars", ",".join(n for n in variables if n.startswith("CI_"))]
    for name, value in variables.items():
        command += ["--variable", f"{name}={value}"]
    return _run([*command, *args], repository.path, environment(env or {}, repository.path.parent))


def run_script(
    variables: Mapping[str, str], directory: Path, shell: Sequence[str] = ("sh", "-e")
) -> Run:
    """Run the job's script alone, in *directory*, with these variables and no others of a CI."""
    directory.mkdir(exist_ok=True)
    env = environment({"no_proxy": "127.0.0.1", **variables}, directory)
    return _run([*shell, "-c", script()], directory, env)


def dotenv(directory: Path) -> dict[str, str] | None:
    """The report that a script left in the directory, or None."""
    path = directory / "monotron.env"
    if not path.exists():
        return None
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def _run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Run:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    return Run(done.returncode, done.stdout)
