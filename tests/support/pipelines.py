"""GitLab pipelines: complete ones in gitlab-ci-local, or only the script of the job."""

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
TIMEOUT_SECONDS = 60

_REMOVED = re.compile(
    r"(CI|GITLAB|MONOTRON|GIT|GCL|SEMREL|CURL)(_|$)|(https?|all)_proxy$", re.IGNORECASE
)
_OUTPUT = re.compile(r"^(?P<job>\S+) +> ?(?P<line>.*)$")


def environment(more: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of the tests, without variables that affect a pipeline, and *more*."""
    inherited = {name: value for name, value in os.environ.items() if not _REMOVED.match(name)}
    return {**inherited, "HOME": str(home), **more}


def job() -> dict[str, Any]:
    """The job of the include template."""
    document = yaml.safe_load(TEMPLATE.read_text())
    return document[JOB]


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the component, and its job."""
    spec, document = yaml.safe_load_all(COMPONENT.read_text())
    (component_job,) = document.values()
    return spec["spec"]["inputs"], component_job


def script() -> str:
    """Return the script of the job, which both YAML files contain."""
    return SCRIPT.read_text()


class Repository:
    """A new git repository, named acme/shop on gitlab.com."""

    def __init__(self, path: Path, files: Mapping[str, str]) -> None:
        """Create it with a first commit of *files* and of the files in gitlab/."""
        self.path = path
        shutil.copytree(GITLAB, path)
        for name, text in files.items():
            (path / name).write_text(text)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", "https://gitlab.com/acme/shop.git")
        self.commit("feat: begin")

    def git(self, *args: str) -> str:
        """Run git, and return its output."""
        # Otherwise, two repositories that are created in one second can have the same commit.
        identity = ("-c", f"user.name={self.path}", "-c", "user.email=a@example.com")
        command = ["git", *identity, *args]
        process = subprocess.run(
            command,
            cwd=self.path,
            env=environment({"GIT_CONFIG_NOSYSTEM": "1"}, self.path.parent),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        return process.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit all changes. Returns the hash of the commit."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        return self.git("rev-parse", "HEAD")


@dataclass(frozen=True)
class Run:
    """The result of a pipeline or a script."""

    code: int
    output: str
    """All output, including stderr."""

    @property
    def passed(self) -> bool:
        """Whether the exit code is 0."""
        return self.code == 0

    def lines(self, job: str) -> list[str]:
        """The lines that the script of a job wrote to stdout."""
        matches = (_OUTPUT.match(line) for line in self.output.splitlines())
        return [match["line"] for match in matches if match and match["job"] == job]

    def printed_variables(self, job: str) -> dict[str, str]:
        """The variables that a job printed as lines NAME=VALUE."""
        return dict(line.split("=", 1) for line in self.lines(job) if "=" in line)


def run_pipeline(
    repository: Repository,
    variables: Mapping[str, str],
    *,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    check_schema: bool = False,
) -> Run:
    """Run the pipeline of the repository. *variables* are the variables of a project.

    *check_schema*: compare the YAML with the schema of GitLab, which takes as long as the pipeline.

    To simulate a merge request pipeline, set CI_PIPELINE_SOURCE (default: `push`) and
    CI_MERGE_REQUEST_… in *variables*, because gitlab-ci-local does not set them.
    """
    predefined = {
        "CI_PIPELINE_SOURCE": "push",
        "CI_PIPELINE_ID": "1000",
        "CI_COMMIT_MESSAGE": repository.git("log", "-1", "--format=%B"),
    }
    variables = {**predefined, **variables}
    assert RUNNER.exists(), "gitlab-ci-local is missing. Run make .venv/.installed-runners."
    command = [str(RUNNER), "--shell-isolation", "--force-shell-executor", "--no-color"]
    command += ["--concurrency", "2", "--home", str(repository.path.parent / "home")]
    command += ["--state-dir", ".gcl"]
    command += [f"--json-schema-validation={str(check_schema).lower()}"]
    command += ["--ignore-predefined-vars", ",".join(n for n in variables if n.startswith("CI_"))]
    for name, value in variables.items():
        command += ["--variable", f"{name}={value}"]
    return _run([*command, *args], repository.path, environment(env or {}, repository.path.parent))


def run_script(
    variables: Mapping[str, str], directory: Path, shell: Sequence[str] = ("sh", "-e")
) -> Run:
    """Run only the script of the job, in *directory*, with these CI variables and no others."""
    directory.mkdir(exist_ok=True)
    env = environment({"no_proxy": "127.0.0.1", **variables}, directory)
    return _run([*shell, "-c", script()], directory, env)


def dotenv(directory: Path) -> dict[str, str] | None:
    """The variables in the dotenv file that a script wrote to the directory, or None."""
    path = directory / "monotron.env"
    if not path.exists():
        return None
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def _run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Run:
    process = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Run(process.returncode, process.stdout)
