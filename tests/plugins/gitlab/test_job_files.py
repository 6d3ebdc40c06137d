"""Both YAML files contain the script, the README documents it, and shellcheck accepts it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from monotron_ci import outputs
from monotron_ci.inputs import BUMPS, CALENDARS, COMMITS, MODES
from support.pipelines import (
    CHECK_JSONSCHEMA,
    COMPONENT,
    GITLAB,
    JOB,
    ROOT,
    SCRIPT,
    SHELLCHECK,
    TEMPLATE,
    component,
    job,
    script,
)

ONLY_COMPONENT = {"job-name", "stage", "image", "audience"}
COMPUTED = {"name", "idempotency-token", "dry-run", "account", "since", "paths"}
COMPUTED |= {"calendar", "minor-types", "commits"}
COMPUTED |= {"major-labels", "minor-labels", "patch-labels"}
"""Inputs whose default is not a constant of the script."""

README = (GITLAB / "README.md").read_text()


def rows(section: str) -> list[list[str]]:
    """Return the rows of the tables under a heading of the README, without header rows."""
    match = re.search(
        rf"^#+ {re.escape(section)}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE
    )
    assert match, section
    result = []
    for table in re.findall(r"(?:^\|.*\|\n)+", match[1], re.MULTILINE):
        lines = [[cell.strip() for cell in re.split(r" \|", row)] for row in table.splitlines()[2:]]
        result += [[line[0].lstrip("| "), *line[1:-1]] for line in lines]
    return result


def variable(name: str) -> str:
    return f"MONOTRON_{name.upper().replace('-', '_')}"


def word(cell: str) -> str:
    return cell.strip("`")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of gitlab/, in which the generator may run."""
    return shutil.copytree(GITLAB, tmp_path / "gitlab")


def generate(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, directory / "generate.py"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_yaml_files_are_up_to_date_with_the_script(copy: Path) -> None:
    assert generate(copy).returncode == 0
    for path in (TEMPLATE, COMPONENT):
        assert path.read_text() == (copy / path.relative_to(GITLAB)).read_text(), (
            f"{path} is out of date: run make gitlab"
        )


def test_both_yaml_files_contain_the_script_unchanged() -> None:
    for (text,) in (job()["script"], component()[1]["script"]):
        assert text == script()


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        ("job.sh", "echo $[[ inputs.url ]]\n", "job.sh contains $[["),
        ("include.in.yml", "job:\n", "include.in.yml has no line for the script"),
    ],
)
def test_the_generator_refuses_sources_that_would_break_the_job(
    copy: Path, file: str, text: str, error: str
) -> None:
    (copy / file).write_text(text)
    done = generate(copy)
    assert done.returncode == 1
    assert error in done.stderr


def test_the_component_and_the_template_contain_the_same_job() -> None:
    template_job, (_, component_job) = job(), component()
    for key in ("artifacts", "rules", "inherit", "interruptible"):
        assert component_job[key] == template_job[key], key
    assert set(component_job) - set(template_job) == {"id_tokens"}
    assert set(template_job) <= set(component_job)


def test_the_default_inputs_of_the_component_match_the_template() -> None:
    template_job, (inputs, component_job) = job(), component()
    (name,) = list(yaml.safe_load_all(COMPONENT.read_text()))[1]
    assert name == "$[[ inputs.job-name ]]"
    assert inputs["job-name"]["default"] == JOB
    assert component_job["stage"] == "$[[ inputs.stage ]]"
    assert inputs["stage"]["default"] == template_job["stage"] == ".pre"
    assert component_job["image"] == {**template_job["image"], "name": "$[[ inputs.image ]]"}
    assert inputs["image"]["default"] == template_job["image"]["name"]
    assert component_job["id_tokens"] == {"MONOTRON_ID_TOKEN": {"aud": "$[[ inputs.audience ]]"}}


def test_the_default_audience_of_the_component_is_the_url_of_the_server() -> None:
    inputs, component_job = component()
    assert inputs["audience"]["default"] == "$MONOTRON_INPUT_URL"
    assert component_job["variables"]["MONOTRON_INPUT_URL"] == "$[[ inputs.url ]]"
    assert inputs["url"]["default"] == "$MONOTRON_URL"


def test_an_input_sets_the_variable_that_the_script_reads_first() -> None:
    inputs, component_job = component()
    variables = dict(component_job["variables"])
    del variables["GIT_STRATEGY"]
    assert variables == {
        variable(name).replace("MONOTRON_", "MONOTRON_INPUT_"): f"$[[ inputs.{name} ]]"
        for name in inputs
        if name not in ONLY_COMPONENT
    }
    read = re.findall(r"^\w+=\$\{(MONOTRON_INPUT_\w+?):?-\$\{(MONOTRON_\w+?):?-", script(), re.M)
    assert set(dict(read)) == set(variables)
    assert all(first.replace("_INPUT", "") == second for first, second in read)


def test_no_input_is_a_secret() -> None:
    inputs, _ = component()
    assert not [name for name in inputs if re.search("key|secret|password", name)]


def test_every_input_is_a_string_with_a_description() -> None:
    inputs, _ = component()
    for name, spec in inputs.items():
        assert spec.keys() <= {"description", "default", "options"}, name
        assert spec["description"].endswith("."), name
        assert isinstance(spec["default"], str), name
        assert spec["default"] in spec.get("options", [spec["default"]]), name


def test_the_values_of_an_input_match_the_script_and_the_action() -> None:
    inputs, _ = component()
    allowed = {name: spec["options"] for name, spec in inputs.items() if "options" in spec}
    assert allowed == {
        "mode": ["", *MODES],
        "bump": ["", *BUMPS],
        "calendar": ["", *CALENDARS],
        "commits": ["", *COMMITS],
        "on-conflict": ["", "fail", "reuse"],
        "on-withdrawn": ["", "fail", "new"],
        "on-unavailable": ["", "fail", "skip"],
        "on-no-credentials": ["", "fail", "skip"],
        "dry-run": ["", "true", "false"],
        "from-scratch": ["", "true", "false"],
        "semrel": ["", "true", "false"],
    }
    checked = dict(re.findall(r"^check (MONOTRON_\w+) \S+ '([a-z|]+)'", script(), re.M))
    of_script = {"mode", "dry-run", "semrel", "from-scratch", "on-unavailable", "on-no-credentials"}
    for name in of_script:
        assert checked[variable(name)] == "|".join(allowed[name][1:])


def test_the_readme_lists_each_input_with_its_variable_and_default() -> None:
    inputs, _ = component()
    defaults = dict(
        re.findall(r"^.*\$\{(MONOTRON_[A-Z_]+?):?-([^$}]*)\}+(?: #.*)?$", script(), re.M)
    )
    documented = rows("Inputs and variables")
    assert sorted(word(row[0]) for row in documented) == sorted(inputs)
    for row in documented:
        name = word(row[0])
        if name in ONLY_COMPONENT:
            assert word(row[1]) == inputs[name]["default"], name
            continue
        assert word(row[1]) == variable(name)
        assert row[-1], name
        if name in COMPUTED:
            assert defaults[variable(name)] == ""  # the script or the server has the default
        else:
            default = inputs["url"]["default"] if name == "url" else defaults[variable(name)]
            assert word(row[2]) == default, name


def test_the_readme_lists_the_variables_of_later_jobs() -> None:
    names = (*outputs.DOTENV, "PRERELEASE_LABEL", *outputs.DOTENV_OF_NUMBERS)
    semrel = ["SEMREL_INFO_NEXT_VERSION", "SEMREL_INFO_LAST_VERSION"]
    documented = [word(row[0]) for row in rows("What later jobs see")]
    assert documented == [*map(variable, names), *semrel]


def test_the_yaml_of_the_readme_is_valid() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == README.count("```yaml")
    for block in blocks:
        assert isinstance(yaml.safe_load(block), dict), block


@pytest.mark.parametrize("dialect", ["sh", "bash", "dash", "busybox"])
def test_the_script_passes_shellcheck(dialect: str) -> None:
    done = subprocess.run(
        [SHELLCHECK, f"--shell={dialect}", "--norc", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_both_yaml_files_match_the_schema_of_gitlab(tmp_path: Path) -> None:
    inputs, _ = component()
    document = json.dumps(list(yaml.safe_load_all(COMPONENT.read_text()))[1])
    for name, spec in inputs.items():
        document = document.replace(f"$[[ inputs.{name} ]]", spec["default"])
    (tmp_path / "component.yml").write_text(document)
    done = subprocess.run(
        [
            *(CHECK_JSONSCHEMA, "--builtin-schema", "vendor.gitlab-ci"),
            *("--data-transform", "gitlab-ci", TEMPLATE, tmp_path / "component.yml"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
