"""How pipelines include and configure the template and the component, in gitlab-ci-local."""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plugins.gitlab.pipelines import (
    BUILD,
    COMPONENT,
    TEMPLATE,
    component_pipeline,
    repository_with,
    version,
)
from support.pipelines import GITLAB, JOB, Repository, run_pipeline

README = re.findall(
    r"^```yaml\n(.*?)^```", (GITLAB / "README.md").read_text(), re.DOTALL | re.MULTILINE
)


def test_the_user_can_replace_the_rules(tmp_path: Path, url: str, name: str) -> None:
    (rules,) = [block for block in README if "CI_DEFAULT_BRANCH" in block]
    repository = repository_with(tmp_path, TEMPLATE + rules)
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name}
    assert version(run_pipeline(repository, variables, check_schema=True)) == "0.0.1"
    repository.git("checkout", "-q", "-b", "feature")
    run = run_pipeline(repository, variables)
    assert run.passed, run.output
    assert JOB not in run.output
    preview = run_pipeline(
        repository, {**variables, "CI_PIPELINE_SOURCE": "merge_request_event"}, args=[JOB]
    )
    assert "Preview: nothing was assigned." in preview.output


def test_the_default_before_script_does_not_run_in_the_job(
    tmp_path: Path, url: str, name: str
) -> None:
    default = "default:\n  before_script:\n    - echo MONOTRON_OF=default\n"
    run = run_pipeline(
        repository_with(tmp_path, default + TEMPLATE), {"MONOTRON_URL": url, "MONOTRON_NAME": name}
    )
    assert version(run) == "0.0.1"
    assert run.printed_variables("build")["MONOTRON_OF"] == "default"
    assert "MONOTRON_OF" not in run.printed_variables(JOB)


def test_the_variables_of_the_pipeline_configure_the_template(
    tmp_path: Path, url: str, name: str
) -> None:
    variables = f"""variables:
  MONOTRON_URL: {url}
  MONOTRON_NAME: {name}
  MONOTRON_BUMP: minor
  MONOTRON_PRERELEASE: rc
  MONOTRON_TAG_PREFIX: ""
  MONOTRON_SEMREL: "true"
  MONOTRON_DOTENV_PREFIX: NEXT_
"""
    run = run_pipeline(repository_with(tmp_path, variables + TEMPLATE), {})
    assert run.passed, run.output
    seen = run.printed_variables("build")
    assert seen["NEXT_VERSION"] == seen["NEXT_TAG"] == "0.1.0-rc.1"
    assert seen["SEMREL_INFO_NEXT_VERSION"] == "0.1.0-rc.1"
    assert "MONOTRON_VERSION" not in seen


def test_the_template_can_be_included_from_a_url(tmp_path: Path, url: str, name: str) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(GITLAB))) as web:
        threading.Thread(target=web.serve_forever, args=(0.01,)).start()
        remote = f"http://127.0.0.1:{web.server_port}/monotron.gitlab-ci.yml"
        repository = repository_with(tmp_path, f"include:\n  - remote: {remote}\n{BUILD}")
        env = {"no_proxy": "127.0.0.1"}
        run = run_pipeline(
            repository,
            {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "major"},
            env=env,
        )
        web.shutdown()
    assert version(run) == "1.0.0"


def test_the_inputs_configure_the_component_pipeline(tmp_path: Path, url: str, name: str) -> None:
    inputs = f"""
      url: {url}
      name: {name}
      bump: minor
      initial-version: 1.4.2
      build-metadata: sha.$CI_COMMIT_SHORT_SHA
      job-name: next
"""
    repository = repository_with(tmp_path, component_pipeline(inputs))
    run = run_pipeline(repository, {})
    short = repository.git("rev-parse", "--short=8", "HEAD")
    assert version(run) == f"1.5.0+sha.{short}"
    assert run.printed_variables("build")["MONOTRON_DOCKER_TAG"] == f"1.5.0_sha.{short}"
    assert "next starting shell (.pre)" in " ".join(run.output.split())


def test_an_omitted_input_leaves_the_variable_in_effect(
    tmp_path: Path, url: str, name: str
) -> None:
    repository = repository_with(tmp_path, component_pipeline(f"      name: {name}\n"))
    run = run_pipeline(repository, {"MONOTRON_URL": url, "MONOTRON_BUMP": "major"})
    assert version(run) == "1.0.0"


def test_the_component_refuses_an_unknown_bump(tmp_path: Path, url: str) -> None:
    repository = repository_with(
        tmp_path, component_pipeline(f"      url: {url}\n      bump: huge\n")
    )
    run = run_pipeline(repository, {})
    assert not run.passed
    assert "huge" in run.output
    assert "starting shell" not in run.output


def test_one_pipeline_can_version_two_names(tmp_path: Path, url: str, name: str) -> None:
    second = f"""  - component: {COMPONENT}
    inputs:
      name: {name}-api
      job-name: api-version
      dotenv-prefix: API_
      tag-prefix: api/v
      bump: minor
"""
    repository = repository_with(
        tmp_path, component_pipeline(f"      name: {name}\n", second + BUILD)
    )
    run = run_pipeline(repository, {"MONOTRON_URL": url})
    assert version(run) == "0.0.1"
    assert run.printed_variables("build")["API_TAG"] == "api/v0.1.0"


@pytest.mark.parametrize(
    "include",
    [
        "component: gitlab.com/tools/monotron/version@1.0.0",
        "project: tools/monotron\n    ref: 1.0.0\n    file: monotron.gitlab-ci.yml",
    ],
    ids=["component", "template"],
)
def test_a_release_of_another_project_can_be_included(
    tmp_path: Path, url: str, name: str, include: str
) -> None:
    tools = tmp_path / "repositories" / "tools"
    Repository(tools / "monotron.git", {}).git("tag", "1.0.0")
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[url "file://{tools}/"]\n'
        "\tinsteadOf = https://gitlab.com:443/tools/\n"
        "\tinsteadOf = git@gitlab.com:tools/\n"
        "\tinsteadOf = https://gitlab.com/tools/\n"
    )
    run = run_pipeline(
        repository_with(tmp_path, f"include:\n  - {include}\n{BUILD}"),
        {"MONOTRON_URL": url, "MONOTRON_NAME": name},
        env={"GIT_CONFIG_GLOBAL": str(config)},
    )
    assert version(run) == "0.0.1"
