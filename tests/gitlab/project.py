"""A project of GitLab, whose pipelines have but one job: the script, run alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.pipelines import Run, dotenv, run_script
from support.stand_in import Say, StandIn

OFFER = {"CI_PROJECT_PATH": "acme/shop", "CI_SERVER_HOST": "gitlab.example.com"}
"""What GitLab tells every job."""


class Project:
    """A project, whose jobs run one after the other; a name of its own on the server."""

    def __init__(self, url: str, directory: Path, name: str = "") -> None:
        self.directory = directory
        self._variables = {**OFFER, "MONOTRON_URL": url, "MONOTRON_NAME": name}

    def run(self, commit: str = "c0ffee", **variables: str) -> Run:
        """How the job ends in a pipeline of the commit."""
        given = {"CI_COMMIT_SHA": commit, "CI_PIPELINE_ID": "7", **self._variables, **variables}
        return run_script(given, self.directory)

    def report(self, commit: str = "c0ffee", **variables: str) -> Mapping[str, str]:
        """What the job reports, which has to pass."""
        run = self.run(commit, **variables)
        report = dotenv(self.directory)
        assert run.passed, run.output
        assert report is not None, run.output
        return report

    def version(self, commit: str = "c0ffee", **variables: str) -> str:
        """The version among it."""
        return self.report(commit, **variables)["MONOTRON_VERSION"]

    def failure(self, commit: str = "c0ffee", **variables: str) -> str:
        """What the job says, which has to fail, and to report nothing."""
        run = self.run(commit, **variables)
        assert run.code == 1, run.output
        assert dotenv(self.directory) is None
        return run.output


def with_answers(tmp_path: Path, *says: Say, **variables: str) -> tuple[StandIn, Run]:
    """A stand-in that gave these answers, and how the job ended."""
    with StandIn(list(says)) as stand_in:
        return stand_in, Project(stand_in.url, tmp_path / "project").run(**variables)
