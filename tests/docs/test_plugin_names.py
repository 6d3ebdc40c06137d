"""Inputs of the action and options of the commands have the same names, and the same values."""

from __future__ import annotations

import click
import pytest

from docs.command_tables import COMMANDS
from docs.plugin_tables import ROOT, action_members, component_inputs
from monotron.model.calendar_versions import CalendarFormat
from monotron.model.versions.requests import BUMPS as SERVED_BUMPS
from monotron_ci.inputs import BUMPS, CALENDARS, PARAMETERS
from monotron_ci.inputs import COMMITS as COMMIT_RULES
from monotron_ci.outputs import DOTENV

ONLY_ACTION = {
    "api-key": "the command reads MONOTRON_API_KEY, because all users see command lines",
    "audience": "requests an identity token of GitHub",
    "name": "is an argument",
    "mode": "are the commands `version` and `next`",
    "create-tag": "writes with GitHub's API",
    "move-tags": "writes with GitHub's API",
    "github-token": "signs in to GitHub",
    "idempotency-token": "is the argument TOKEN",
    "major-labels": "belong to a pull request",
    "minor-labels": "belong to a pull request",
    "patch-labels": "belong to a pull request",
    "skip-labels": "belong to a pull request",
    "summary": "belongs to a job",
    "on-no-credentials": "belongs to jobs of forks and Dependabot",
}
"""Inputs without an option, and why."""

ONLY_COMMANDS = {
    "messages": "the action reads commits itself",
    "output": "an action has outputs",
    "default-branch": "the event contains it",
}
"""Options without an input, and why."""


ONLY_ACTION_NOT_GITLAB = {
    "api-key": "is the masked variable MONOTRON_API_KEY, because inputs are not masked",
    "create-tag": "requires a token that can write. The keyword `release` creates tags",
    "move-tags": "requires a token that can write",
    "github-token": "signs in to GitHub",
    "summary": "GitLab has no job summaries",
}
"""Inputs of the action without an input of the component, and why."""

ONLY_GITLAB = {
    "job-name": "is a keyword of the job",
    "stage": "is a keyword of the job",
    "image": "is a keyword of the job",
    "dotenv-prefix": "an action has outputs, which have no common prefix",
    "semrel": "serves templates for GitLab",
}
"""Inputs of the component without an input of the action, and why."""

NO_VARIABLES = {
    "build_number": "is the variable BUILD_NUMBER of counter mode",
    "value": "is the variable VALUE of counter mode",
    "idempotency_token": "is free text; by default it is CI_COMMIT_SHA",
    "reason": "is free text, which a script that sources the report would execute",
    "notes": "is free text, see reason",
}
"""Outputs of the action without a variable of a version, and why."""


def options() -> dict[str, click.Option]:
    """The options of the commands that assign versions and numbers, by their names."""
    parameters = [*COMMANDS["version"].params, *COMMANDS["next"].params]
    named = [each for each in parameters if isinstance(each, click.Option)]
    return {option.opts[-1].removeprefix("--"): option for option in named}


class TestNames:
    def test_every_input_is_an_option_of_the_same_name(self) -> None:
        assert set(action_members("inputs")) - set(options()) == set(ONLY_ACTION)

    def test_every_option_is_an_input_of_the_same_name(self) -> None:
        assert set(options()) - set(action_members("inputs")) == set(ONLY_COMMANDS)

    @pytest.mark.parametrize(
        "name", ["on-conflict", "on-withdrawn", "bump", "tag-prefix", "timeout", "retries"]
    )
    def test_defaults_agree(self, name: str) -> None:
        assert str(options()[name].default) == action_members("inputs")[name]["default"]


class TestComponent:
    """The GitLab component has the names of the action."""

    def test_every_input_of_the_action_is_one_of_the_component(self) -> None:
        missing = set(action_members("inputs")) - set(component_inputs())
        assert missing == set(ONLY_ACTION_NOT_GITLAB)

    def test_every_input_of_the_component_is_one_of_the_action(self) -> None:
        assert set(component_inputs()) - set(action_members("inputs")) == set(ONLY_GITLAB)

    def test_every_output_of_the_action_is_a_variable(self) -> None:
        added = {"prerelease_label"}
        assert set(action_members("outputs")) - {*DOTENV.values(), *added} == set(NO_VARIABLES)
        script = (ROOT / "gitlab" / "job.sh").read_text()
        assert all(f"output {name.upper()} " in script for name in added)


class TestValues:
    def test_every_bump_of_the_service_is_a_value(self) -> None:
        assert set(BUMPS) == {*SERVED_BUMPS, "none"}

    def test_the_formats_of_calendar_versions_are_those_of_the_service(self) -> None:
        assert list(CALENDARS) == [each.value for each in CalendarFormat]

    @pytest.mark.parametrize("values", [CALENDARS, COMMIT_RULES], ids=["calendar", "commits"])
    def test_descriptions_list_all_values(self, values: tuple[str, ...]) -> None:
        name = "calendar" if values == CALENDARS else "commits"
        described = action_members("inputs")[name]["description"]
        assert all(f"`{value}`" in described for value in values)

    def test_every_field_with_a_parameter_is_an_input(self) -> None:
        fields = {field.replace("_", "-") for field in PARAMETERS.values()}
        assert fields <= set(action_members("inputs"))
