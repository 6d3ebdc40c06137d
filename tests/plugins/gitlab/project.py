"""A GitLab project whose pipelines consist of one job: the script, run without a runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from support.pipelines import Run, dotenv, run_script
from support.stand_in import Reply, StandIn

PROJECT_VARIABLES = {"CI_PROJECT_PATH": "acme/shop", "CI_SERVER_HOST": "gitlab.example.com"}
"""Variables that GitLab sets in every job of the project."""


class Project:
    """A project with its own name on the server, whose jobs run one after the other."""

    def __init__(self, url: str, directory: Path, name: str = "") -> None:
        self.directory = directory
        self.encoded_name = quote(name, safe="")
        self._variables = {**PROJECT_VARIABLES, "MONOTRON_URL": url, "MONOTRON_NAME": name}

    def run(
        self, commit: str = "c0ffee", shell: Sequence[str] = ("sh", "-e"), **variables: str
    ) -> Run:
        """Run the job in a pipeline of the commit."""
        pipeline = {"CI_COMMIT_SHA": commit, "CI_PIPELINE_ID": "7"}
        return run_script({**pipeline, **self._variables, **variables}, self.directory, shell)

    def report(self, commit: str = "c0ffee", **variables: str) -> Mapping[str, str]:
        """Run the job, which must pass, and return its dotenv report."""
        run = self.run(commit, **variables)
        report = dotenv(self.directory)
        assert run.passed, run.output
        assert report is not None, run.output
        return report

    def version(self, commit: str = "c0ffee", **variables: str) -> str:
        """Run the job, which must pass, and return the version of its report."""
        return self.report(commit, **variables)["MONOTRON_VERSION"]

    def failure(self, commit: str = "c0ffee", **variables: str) -> str:
        """Run the job, which must fail without a report, and return its output."""
        run = self.run(commit, **variables)
        assert run.code == 1, run.output
        assert dotenv(self.directory) is None
        return run.output


def run_against(tmp_path: Path, *responses: Reply, **variables: str) -> tuple[StandIn, Run]:
    """Run the job against a server that sends these responses."""
    with StandIn(list(responses)) as stand_in:
        return stand_in, Project(stand_in.url, tmp_path / "project").run(**variables)
