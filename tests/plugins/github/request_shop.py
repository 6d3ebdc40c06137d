"""A project whose pull requests GitHub's API lists."""

from __future__ import annotations

from typing import Any

from plugins.github.action_step import ActionStep
from plugins.github.project import Project
from support.github_api import GitHubApi

MAIN: dict[str, Any] = {"repository": {"id": 4711, "default_branch": "main"}}
"""The payload of a push to the default branch."""

LABELS = {"minor-labels": "minor"}
SKIP = {"skip-labels": "no-release, Skip"}

PULL = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/12/merge"}


class RequestShop:
    """The project is at 1.2.57."""

    def __init__(self, project: Project, api: GitHubApi) -> None:
        self.project = project
        self.step: ActionStep = project.step
        self.api = api
        self.step.event = MAIN

    def squash(self, message: str, number: int, *labels: str, file: str = "README") -> str:
        """Merge a pull request as one commit."""
        commit = self.project.commit(message, file)
        self.api.merged(number, [commit], *labels, head="f" * 40)
        return commit

    def topic(self, *messages: str, start: str = "main") -> list[str]:
        """Commit on a branch. Returns the commits, oldest first."""
        self.project.git("checkout", "--quiet", "-B", "topic", start)
        return [self.project.commit(message, "topic") for message in messages]

    def merge(self, branch: str, message: str, into: str = "main") -> str:
        self.project.git("checkout", "--quiet", into)
        self.project.git("merge", "--quiet", "--no-ff", branch, "-m", message)
        return self.project.git("rev-parse", "HEAD")

    def run(self, inputs: dict[str, str], **environ: str) -> str:
        """The version of HEAD, or an empty text."""
        return self.project.run(inputs, **{**self._environ, **environ})

    def fails(self, inputs: dict[str, str], **environ: str) -> None:
        head = self.project.git("rev-parse", "HEAD")
        self.step.event = self.step.event or MAIN
        inputs = {"bump": "auto", **inputs}
        assert self.step.run(inputs, GITHUB_SHA=head, **{**self._environ, **environ}) == 1
        assert not self.step.output_lines

    def preview(
        self,
        inputs: dict[str, str],
        *labels: str,
        title: str = "a title",
        base: str = "",
        state: str = "open",
    ) -> str:
        """The version of a pull request of the branch `topic`, number 12, that is not merged.

        *base* is the commit of the target branch, by default its newest one.
        """
        head = self.project.git("rev-parse", "topic")
        base = base or self.project.git("rev-parse", "main")
        self.project.git("checkout", "--quiet", "--detach", "main")
        merge = self.merge("topic", f"Merge {head} into {base}", "HEAD")
        self.step.event = {
            **MAIN,
            "pull_request": {
                "number": 12,
                "state": state,
                "title": title,
                "labels": [{"name": label} for label in labels],
                "head": {"sha": head},
                "base": {"ref": "main", "sha": base},
            },
        }
        environ = {**self._environ, **PULL, "GITHUB_SHA": merge}
        assert self.step.run({"bump": "auto", **inputs}, **environ) == 0
        assert self.step.outputs["changed"] == "false"
        return self.step.outputs["version"]

    @property
    def _environ(self) -> dict[str, str]:
        return {"GITHUB_WORKSPACE": str(self.project.origin), "GITHUB_API_URL": self.api.url}
