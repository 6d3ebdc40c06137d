"""The two files hold one job, the README says what they take, and the shell is sound."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gitlab.answers import NUMBER_LINES, VERSION_LINES
from support.pipelines import (
    CHECK_JSONSCHEMA,
    COMPONENT,
    GITLAB,
    JOB,
    ROOT,
    SHELLCHECK,
    TEMPLATE,
    component,
    job,
    script,
)

ONLY_COMPONENT = {"job-name", "stage", "image", "audience"}
README = (GITLAB / "README.md").read_text()


def rows(section: str) -> list[list[str]]:
    """The rows of the tables under a heading of the README, without their heads."""
    match = re.search(
        rf"^#+ {re.escape(section)}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE
    )
    assert match, section
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", match[1], re.MULTILINE):
        lines = [[cell.strip() for cell in re.split(r" \|", row)] for row in table.splitlines()[2:]]
        found += [[line[0].lstrip("| "), *line[1:-1]] for line in lines]
    return found


def variable(name: str) -> str:
    return f"MONOTRON_{name.upper().replace('-', '_')}"


def bare(cell: str) -> str:
    return cell.strip("`")


def test_the_component_and_the_template_hold_the_same_job() -> None:
    template, (_, made) = job(), component()
    for key in ("script", "artifacts", "rules", "inherit", "interruptible"):
        assert made[key] == template[key], key
    assert set(made) - set(template) == {"id_tokens"}
    assert set(template) <= set(made)


def test_the_inputs_default_to_what_the_template_has() -> None:
    template, (inputs, made) = job(), component()
    (name,) = list(yaml.safe_load_all(COMPONENT.read_text()))[1]
    assert name == "$[[ inputs.job-name ]]"
    assert inputs["job-name"]["default"] == JOB
    assert made["stage"] == "$[[ inputs.stage ]]"
    assert inputs["stage"]["default"] == template["stage"] == ".pre"
    assert made["image"] == {**template["image"], "name": "$[[ inputs.image ]]"}
    assert inputs["image"]["default"] == template["image"]["name"]
    assert made["id_tokens"] == {"MONOTRON_ID_TOKEN": {"aud": "$[[ inputs.audience ]]"}}


def test_every_other_input_becomes_the_variable_that_the_script_reads_first() -> None:
    inputs, made = component()
    variables = {name: text for name, text in made["variables"].items() if name != "GIT_STRATEGY"}
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


def test_the_readme_lists_each_input_with_its_variable_and_its_default() -> None:
    inputs, _ = component()
    defaults = dict(
        re.findall(r"^.*\$\{(MONOTRON_[A-Z_]+?):?-([^$}]*)\}+(?: #.*)?$", script(), re.M)
    )
    listed = rows("Inputs and variables")
    assert sorted(bare(row[0]) for row in listed) == sorted(inputs)
    for row in listed:
        name = bare(row[0])
        if name in ONLY_COMPONENT:
            assert bare(row[1]) == inputs[name]["default"], name
            continue
        assert bare(row[1]) == variable(name)
        assert row[-1], name
        if name in ("name", "idempotency-token", "dry-run"):
            assert defaults[variable(name)] == ""  # made by the script
        else:
            assert bare(row[2]) == defaults[variable(name)], name


def test_every_input_is_a_string_and_says_what_it_is() -> None:
    inputs, _ = component()
    for name, spec in inputs.items():
        assert spec.keys() <= {"description", "default", "options"}, name
        assert spec["description"].endswith("."), name
        assert isinstance(spec["default"], str), name
        assert spec["default"] in spec.get("options", [spec["default"]]), name


@pytest.mark.parametrize("option", ["mode", "bump", "on-conflict", "dry-run", "semrel"])
def test_the_options_of_an_input_are_what_the_script_takes(option: str) -> None:
    inputs, _ = component()
    (words,) = re.findall(rf"^must {variable(option)} \S+ '([a-z|]+)'", script(), re.M)
    assert inputs[option]["options"] == ["", *words.split("|")]


def test_the_readme_lists_what_later_jobs_see() -> None:
    listed = [bare(row[0]) for row in rows("What later jobs see")]
    answers = [line.partition("=")[0] for line in (VERSION_LINES + NUMBER_LINES).splitlines()]
    assert listed[: len(answers)] == [
        *answers[:12],
        "MONOTRON_VALUE",
        "MONOTRON_BUILD_NUMBER",
        "MONOTRON_REUSED",
    ]
    assert listed[len(answers) :] == ["SEMREL_INFO_NEXT_VERSION", "SEMREL_INFO_LAST_VERSION"]


def test_the_yaml_of_the_readme_is_valid() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == README.count("```yaml")
    for block in blocks:
        assert isinstance(yaml.safe_load(block), dict), block


@pytest.mark.parametrize("dialect", ["sh", "bash", "dash", "busybox"])
def test_shellcheck_finds_nothing_in_the_script(dialect: str) -> None:
    done = subprocess.run(
        [SHELLCHECK, f"--shell={dialect}", "--norc", "-"],
        input=script(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_both_files_keep_to_the_schema_of_gitlab(tmp_path: Path) -> None:
    inputs, _ = component()
    made = json.dumps(list(yaml.safe_load_all(COMPONENT.read_text()))[1])
    for name, spec in inputs.items():
        made = made.replace(f"$[[ inputs.{name} ]]", spec["default"])
    (tmp_path / "component.yml").write_text(made)
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
