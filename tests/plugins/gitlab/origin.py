"""A repository on GitLab, and the pipelines of its commits."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from plugins.gitlab.project import Project
from support.git_server import GitServer
from support.pipelines import Run, dotenv
from support.server import Client

JOB_TOKEN = "glcbt-0123456789abcdef"
BASIC = f"Basic {b64encode(f'gitlab-ci-token:{JOB_TOKEN}'.encode()).decode()}"
"""The header that the job token leads to."""


class Origin:
    """The repository acme/shop. Its jobs have no clone, unless one is made in their folder."""

    def __init__(self, folder: Path, project: Project, server: GitServer) -> None:
        """*folder* is the one that *server* serves."""
        self.path = folder / "acme" / "shop.git"
        self.path.mkdir(parents=True)
        self.project = project
        address = server.url.removeprefix("http://")
        self.variables = {
            "MONOTRON_BUMP": "auto",
            "CI_REPOSITORY_URL": f"http://gitlab-ci-token:{JOB_TOKEN}@{address}/acme/shop.git",
            "CI_JOB_TOKEN": JOB_TOKEN,
            "CI_COMMIT_MESSAGE": "",
        }
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        process = subprocess.run(
            ["git", *identity, *arguments], cwd=self.path, capture_output=True, check=True
        )
        return process.stdout.decode().strip()

    def commit(self, message: str, file: str = "") -> str:
        """Add a commit, which changes *file* if it is set. Returns its hash."""
        if file:
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as opened:
                opened.write(f"{message}\n")
            self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def append(self, *messages: str) -> None:
        """Add many commits, without files."""
        stream = "".join(
            f"commit refs/heads/main\ncommitter a <a@example.com> 0 +0000\ndata {len(message)}\n"
            f"{message}\n" + ("from refs/heads/main^0\n" if number == 0 else "")
            for number, message in enumerate(messages)
        )
        command = ["git", "fast-import", "--quiet"]
        subprocess.run(command, cwd=self.path, input=stream, text=True, check=True)

    def clone(self, *options: str) -> None:
        """Clone into the folder of the jobs, as a project with another GIT_STRATEGY does."""
        command = ["git", "clone", "--quiet", *options, f"file://{self.path}"]
        subprocess.run([*command, str(self.project.directory)], capture_output=True, check=True)

    def run(
        self, commit: str = "HEAD", shell: Sequence[str] = ("sh", "-e"), **variables: str
    ) -> Run:
        """The job of a pipeline of the commit."""
        head = self.git("rev-parse", commit)
        return self.project.run(head, shell, **{**self.variables, **variables})

    def report(self, commit: str = "HEAD", **variables: str) -> Mapping[str, str]:
        run = self.run(commit, **variables)
        assert run.passed, run.output
        report = dotenv(self.project.directory)
        assert report is not None, run.output
        return report

    def version(self, commit: str = "HEAD", **variables: str) -> str:
        """The version of the commit. Empty if no commit requests one."""
        report = self.report(commit, **variables)
        return report["MONOTRON_VERSION"] if report["MONOTRON_CHANGED"] == "true" else ""


def release(client: Client, origin: Origin, version: str, token: str = "") -> None:
    """Assign a version to a token, by default the newest commit."""
    token = token or origin.git("rev-parse", "HEAD")
    path = f"/v1/versions/{origin.project.encoded_name}/{quote(token, safe='')}"
    response = client.request("PUT", f"{path}?version={version}")
    assert response.status == 200, response.body
