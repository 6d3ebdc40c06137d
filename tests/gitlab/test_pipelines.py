"""Real pipelines, in gitlab-ci-local: the job, and the jobs after it."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gitlab.answers import page
from support.pipelines import GITLAB, JOB, Repository, Run, run_pipeline
from support.server import Server
from support.stand_in import StandIn

BUILD = """
build:
  stage: build
  script:
    - env -u CI_COMMIT_MESSAGE | grep -E '^(MONOTRON|SEMREL|NEXT|API)_' | sort
"""
TEMPLATE = "include:\n  - local: monotron.gitlab-ci.yml\n" + BUILD
HOSTILE = 'feat: it\'s "so" `touch pwned` $(touch pwned) ${HOME}\n\nMONOTRON_VERSION=6.6.6'


README = re.findall(
    r"^```yaml\n(.*?)^```", (GITLAB / "README.md").read_text(), re.DOTALL | re.MULTILINE
)


@pytest.fixture
def url(server: Server) -> str:
    return server.url


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name


def of_template(tmp_path: Path, pipeline: str = TEMPLATE) -> Repository:
    return Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})


def component(inputs: str, more: str = BUILD) -> str:
    """A pipeline with the component that its own project holds."""
    where = "$CI_SERVER_FQDN/$CI_PROJECT_PATH/version@$CI_COMMIT_SHA"
    return f"include:\n  - component: {where}\n    inputs:\n{inputs}{more}"


def version(run: Run) -> str:
    """What the job after it saw."""
    assert run.passed, run.output
    return run.seen("build")["MONOTRON_VERSION"]


def test_a_later_job_sees_the_version_and_its_kin(tmp_path: Path, url: str, name: str) -> None:
    run = run_pipeline(of_template(tmp_path), {"MONOTRON_URL": url, "MONOTRON_NAME": name})
    assert version(run) == "0.0.1"
    seen = run.seen("build")
    assert seen["MONOTRON_TAG"] == "v0.0.1"
    assert seen["MONOTRON_PREVIOUS_VERSION"] == ""
    assert seen["MONOTRON_IS_LATEST"] == "true"
    assert "monotron-version > Monotron: 0.0.1, by the bump patch" in run.output


def test_the_readme_begins_with_the_template_in_five_lines(
    tmp_path: Path, url: str, name: str
) -> None:
    assert README[0].count("\n") == 5
    here = re.sub(r"remote: .*", "local: monotron.gitlab-ci.yml", README[0])
    here = here.replace("https://monotron.example.com", url)
    run = run_pipeline(of_template(tmp_path, here + BUILD), {"MONOTRON_NAME": name})
    assert version(run) == "0.1.0"


def test_the_readme_goes_on_with_the_component_in_five_lines(
    tmp_path: Path, url: str, name: str
) -> None:
    assert README[1].count("\n") == 5
    here = README[1].replace(
        "your-group/monotron/version@1.0.0", "acme/shop/version@$CI_COMMIT_SHA"
    )
    here = here.replace("https://monotron.example.com", url)
    run = run_pipeline(of_template(tmp_path, here + BUILD), {"MONOTRON_NAME": name})
    assert version(run) == "0.1.0"


def test_the_rules_are_left_to_the_user(tmp_path: Path, url: str, name: str) -> None:
    (rules,) = [block for block in README if "CI_DEFAULT_BRANCH" in block]
    repository = of_template(tmp_path, TEMPLATE + rules)
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name}
    assert version(run_pipeline(repository, variables)) == "0.0.1"
    repository.git("checkout", "-q", "-b", "feature")
    run = run_pipeline(repository, variables)
    assert run.passed, run.output
    assert JOB not in run.output
    preview = run_pipeline(
        repository, {**variables, "CI_PIPELINE_SOURCE": "merge_request_event"}, args=[JOB]
    )
    assert "a preview: nothing was counted" in preview.output


def test_the_defaults_of_other_jobs_do_not_touch_the_job(
    tmp_path: Path, url: str, name: str
) -> None:
    default = "default:\n  before_script:\n    - echo MONOTRON_OF=default\n"
    run = run_pipeline(
        of_template(tmp_path, default + TEMPLATE), {"MONOTRON_URL": url, "MONOTRON_NAME": name}
    )
    assert version(run) == "0.0.1"
    assert run.seen("build")["MONOTRON_OF"] == "default"
    assert "MONOTRON_OF" not in run.seen(JOB)


def test_variables_of_the_pipeline_configure_the_template(
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
    run = run_pipeline(of_template(tmp_path, variables + TEMPLATE), {})
    assert run.passed, run.output
    seen = run.seen("build")
    assert seen["NEXT_VERSION"] == seen["NEXT_TAG"] == "0.1.0-rc.1"
    assert seen["SEMREL_INFO_NEXT_VERSION"] == "0.1.0-rc.1"
    assert "MONOTRON_VERSION" not in seen


def test_the_template_may_be_fetched(tmp_path: Path, url: str, name: str) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(GITLAB))) as web:
        threading.Thread(target=web.serve_forever, args=(0.01,)).start()
        remote = f"http://127.0.0.1:{web.server_port}/monotron.gitlab-ci.yml"
        repository = of_template(tmp_path, f"include:\n  - remote: {remote}\n{BUILD}")
        env = {"no_proxy": "127.0.0.1"}
        run = run_pipeline(
            repository,
            {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "major"},
            env=env,
        )
        web.shutdown()
    assert version(run) == "1.0.0"


def test_the_component_takes_inputs(tmp_path: Path, url: str, name: str) -> None:
    inputs = f"""
      url: {url}
      name: {name}
      bump: minor
      initial-version: 1.4.2
      build-metadata: sha.$CI_COMMIT_SHORT_SHA
      job-name: next
"""
    repository = of_template(tmp_path, component(inputs))
    run = run_pipeline(repository, {})
    short = repository.git("rev-parse", "--short=8", "HEAD")
    assert version(run) == f"1.5.0+sha.{short}"
    assert run.seen("build")["MONOTRON_DOCKER_TAG"] == f"1.5.0_sha.{short}"
    assert "next starting shell (.pre)" in " ".join(run.output.split())


def test_an_input_left_out_leaves_the_choice_to_the_variable(
    tmp_path: Path, url: str, name: str
) -> None:
    repository = of_template(tmp_path, component(f"      name: {name}\n"))
    run = run_pipeline(repository, {"MONOTRON_URL": url, "MONOTRON_BUMP": "major"})
    assert version(run) == "1.0.0"


def test_the_component_refuses_a_bump_that_there_is_not(tmp_path: Path, url: str) -> None:
    repository = of_template(tmp_path, component(f"      url: {url}\n      bump: huge\n"))
    run = run_pipeline(repository, {})
    assert not run.passed
    assert "huge" in run.output
    assert "starting shell" not in run.output


def test_one_pipeline_versions_two_products(tmp_path: Path, url: str, name: str) -> None:
    where = "$CI_SERVER_FQDN/$CI_PROJECT_PATH/version@$CI_COMMIT_SHA"
    second = f"""  - component: {where}
    inputs:
      name: {name}-api
      job-name: api-version
      dotenv-prefix: API_
      tag-prefix: api/v
      bump: minor
"""
    repository = of_template(tmp_path, component(f"      name: {name}\n", second + BUILD))
    run = run_pipeline(repository, {"MONOTRON_URL": url})
    assert version(run) == "0.0.1"
    assert run.seen("build")["API_TAG"] == "api/v0.1.0"


def test_a_released_component_of_another_project_works(tmp_path: Path, url: str, name: str) -> None:
    catalog = Repository(tmp_path / "repositories" / "tools" / "monotron.git", {})
    catalog.git("tag", "1.0.0")
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[url "file://{tmp_path}/repositories/tools/"]\n\tinsteadOf = https://gitlab.com:443/tools/\n'
    )
    pipeline = f"""include:
  - component: gitlab.com/tools/monotron/version@1.0.0
    inputs:
      url: {url}
      name: {name}
{BUILD}"""
    run = run_pipeline(of_template(tmp_path, pipeline), {}, env={"GIT_CONFIG_GLOBAL": str(config)})
    assert version(run) == "0.0.1"


def test_the_template_of_another_project_works(tmp_path: Path, url: str, name: str) -> None:
    catalog = Repository(tmp_path / "repositories" / "tools" / "monotron.git", {})
    catalog.git("tag", "1.0.0")
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[url "file://{tmp_path}/repositories/tools/"]\n'
        "\tinsteadOf = https://gitlab.com:443/tools/\n"
        "\tinsteadOf = git@gitlab.com:tools/\n"
        "\tinsteadOf = https://gitlab.com/tools/\n"
    )
    pipeline = f"""include:
  - project: tools/monotron
    ref: 1.0.0
    file: monotron.gitlab-ci.yml
{BUILD}"""
    run = run_pipeline(
        of_template(tmp_path, pipeline),
        {"MONOTRON_URL": url, "MONOTRON_NAME": name},
        env={"GIT_CONFIG_GLOBAL": str(config)},
    )
    assert version(run) == "0.0.1"


def test_the_pipeline_gets_a_plain_number(tmp_path: Path, url: str, name: str) -> None:
    repository = of_template(tmp_path, component("      mode: counter\n"))
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name}
    numbers = []
    for pipeline in ("11", "12", "11"):
        run = run_pipeline(repository, {**variables, "CI_PIPELINE_ID": pipeline})
        assert run.passed, run.output
        numbers.append(run.seen("build")["MONOTRON_BUILD_NUMBER"])
    assert numbers == ["1", "2", "1"]


def test_a_pipeline_run_again_gets_the_same_version_whatever_came_between(
    tmp_path: Path, url: str, name: str
) -> None:
    repository = of_template(tmp_path)
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "auto"}
    assert version(run_pipeline(repository, variables)) == "0.1.0"
    first = repository.git("rev-parse", "HEAD")
    repository.commit("fix: a typo")
    assert version(run_pipeline(repository, variables)) == "0.1.1"
    repository.git("checkout", "-q", "--force", "-B", "again", first)
    again = run_pipeline(repository, variables)
    assert version(again) == "0.1.0"
    assert again.seen("build")["MONOTRON_REUSED"] == "true"


def test_a_merge_request_is_told_what_the_branch_then_takes(
    tmp_path: Path, url: str, name: str
) -> None:
    repository = of_template(tmp_path, TEMPLATE + "  rules:\n    - when: on_success\n")
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "auto"}
    request = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "4",
        "CI_MERGE_REQUEST_TITLE": "feat: a coupon",
    }
    labelled = {**request, "CI_MERGE_REQUEST_LABELS": "bug,Major"}
    preview = run_pipeline(repository, {**variables, **request})
    assert version(preview) == "0.1.0"
    assert "a preview: nothing was counted" in preview.output
    assert version(run_pipeline(repository, {**variables, **labelled})) == "1.0.0"
    repository.commit("feat: a coupon")
    assert version(run_pipeline(repository, variables)) == "0.1.0"


def test_the_name_and_the_token_come_from_the_project(tmp_path: Path) -> None:
    with Server("sqlite://") as server, server.client() as client:
        repository = of_template(tmp_path)
        assert version(run_pipeline(repository, {"MONOTRON_URL": server.url})) == "0.0.1"
        commit = repository.git("rev-parse", "HEAD")
        found = client.request("GET", f"/v1/versions/gl:acme:shop/{commit}")
        assert found.json()["version"] == "0.0.1"


def test_pipelines_that_race_get_versions_of_their_own(tmp_path: Path, url: str, name: str) -> None:
    repositories = []
    for each in ("one", "two", "three"):
        (tmp_path / each).mkdir()
        repository = of_template(tmp_path / each)
        repository.commit(f"fix: {each}")
        repositories.append(repository)
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name}
    with ThreadPoolExecutor() as pool:
        runs = pool.map(lambda repository: run_pipeline(repository, variables), repositories)
        assert sorted(map(version, runs)) == ["0.0.1", "0.0.2", "0.0.3"]


def test_a_hostile_message_stays_a_message(tmp_path: Path, url: str, name: str) -> None:
    repository = of_template(tmp_path)
    repository.commit(HOSTILE)
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "auto"}
    run = run_pipeline(repository, variables)
    assert version(run) == "0.1.0"
    assert not list(tmp_path.rglob("pwned"))


def test_the_key_of_a_variable_arrives_and_is_not_printed(tmp_path: Path) -> None:
    key = "mtk_canary-0123456789"
    pipeline = TEMPLATE.replace("| grep", "| grep -v API_KEY | grep")
    with StandIn([page()]) as stand_in:
        run = run_pipeline(
            of_template(tmp_path, pipeline),
            {"MONOTRON_URL": stand_in.url, "MONOTRON_API_KEY": key},
        )
    assert stand_in.heard[0].headers["Authorization"] == f"Bearer {key}"
    assert key not in run.output


def test_a_server_that_is_down_fails_the_pipeline_with_its_address(tmp_path: Path) -> None:
    with StandIn([]) as stand_in:
        url = stand_in.url
    run = run_pipeline(of_template(tmp_path), {"MONOTRON_URL": url, "MONOTRON_RETRIES": "0"})
    assert not run.passed
    assert f"Monotron: {url} did not answer: curl: (7)" in run.output
    assert "run the job again" in run.output
    assert "build " not in run.output.replace("build pending", "")
