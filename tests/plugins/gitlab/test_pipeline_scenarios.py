"""Histories of projects, pipeline by pipeline: merge methods, labels, branches and monorepos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.page_blocks import blocks
from plugins.gitlab.gitlab_api import GitLabApi, merge_request
from plugins.gitlab.pipelines import (
    BUILD,
    TEMPLATE,
    Pipelines,
    component_pipeline,
    repository_with,
    version,
)
from support.git_server import GitServer
from support.server import Server

EVERYWHERE = f"{BUILD}  rules:\n    - when: on_success\n"
AUTO = "      bump: auto\n"
TOKEN = "glcbt-0123456789abcdef"


@pytest.fixture
def project(tmp_path: Path, server: Server, name: str) -> Iterator[Callable[[str], Pipelines]]:
    """Creates the pipelines of a repository with this configuration, at version 1.2.57."""
    with ExitStack() as stack:
        client = stack.enter_context(server.client())
        git_server = stack.enter_context(GitServer(tmp_path))

        def create(pipeline: str, *names: str) -> Pipelines:
            repository = repository_with(tmp_path, pipeline)
            commit = repository.git("rev-parse", "HEAD")
            for each in names or (name,):
                path = f"/v1/versions/{each}/{commit}?version=1.2.57"
                assert client.request("PUT", path).status == 200
            return Pipelines(
                repository,
                {
                    "MONOTRON_URL": server.url,
                    "MONOTRON_NAME": name,
                    "CI_REPOSITORY_URL": f"{git_server.url}/shop",
                    "CI_JOB_TOKEN": TOKEN,
                },
            )

        yield create


@pytest.mark.parametrize(
    ("method", "expected"), [("squash", "1.3.0"), ("rebase", "2.0.0"), ("merge", "2.0.0")]
)
def test_each_merge_method_leads_to_the_version_of_the_preview(
    project: Callable[[str], Pipelines], method: str, expected: str
) -> None:
    pipelines = project(component_pipeline(AUTO, EVERYWHERE))
    git = pipelines.repository.git
    git("checkout", "-q", "-b", "coupons")
    for message in ("feat!: a", "fix: b"):
        pipelines.commit(message, f"api/{message[-1]}")
    request = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "4",
        "CI_MERGE_REQUEST_TITLE": "Draft: feat: coupons",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_SQUASH_ON_MERGE": str(method == "squash").lower(),
        "MONOTRON_DRY_RUN": "false",
    }
    preview = pipelines.run(**request)
    assert version(preview) == expected
    assert preview.printed_variables("build")["MONOTRON_CHANGED"] == "false"
    assert "Preview only: a merge request never gets a final version." in preview.output
    git("checkout", "-q", "main")
    if method == "squash":
        git("merge", "-q", "--squash", "coupons")
        pipelines.repository.commit("feat: coupons")
    elif method == "rebase":
        pipelines.commit("fix: another request", "web/c")
        git("cherry-pick", "main..coupons")
    else:
        message = "Merge branch 'coupons' into 'main'\n\nfeat: coupons\n\nSee merge request !4"
        git("merge", "-q", "--no-ff", "-m", message, "coupons")
    assert version(pipelines.run()) == expected
    assert version(pipelines.run(**request)) == expected, "a pipeline of the closed request"


def test_labels_of_merged_requests_count(project: Callable[[str], Pipelines]) -> None:
    """With the variables of gitlab/README.md."""
    (variables,) = blocks("gitlab/README.md", "yaml", "MONOTRON_SKIP_LABELS")
    pipelines = project(TEMPLATE + variables)
    with GitLabApi(pipelines.repository.git, ("JOB-TOKEN", TOKEN)) as api:
        api.merge_requests[pipelines.commit("Document coupons")] = [merge_request(3, "no-release")]
        assert version(pipelines.run(**api.variables)) == ""
        api.merge_requests[pipelines.commit("Add coupons", "b")] = [merge_request(4, "Minor")]
        run = pipelines.run(**api.variables)
    assert version(run) == "1.3.0"
    assert "> minor: feat: label 'minor' of !4 (2 commits since 1.2.57)" in run.output


def test_a_beta_branch_counts_towards_its_target(project: Callable[[str], Pipelines]) -> None:
    inputs = f"{AUTO}      prerelease: branch\n"
    pipelines = project(component_pipeline(inputs))
    pipelines.repository.git("checkout", "-q", "-b", "beta")
    versions = []
    for message in ("feat: a", "fix: b", "feat!: c", "docs: d", "fix: e", "feat: f"):
        pipelines.commit(message, f"api/{message[-1]}")
        versions.append(version(pipelines.run()))
    assert versions == [
        "1.3.0-beta.1",
        "1.3.0-beta.2",
        "2.0.0-beta.1",
        "2.0.0-beta.2",
        "2.0.0-beta.3",
        "2.0.0-beta.4",
    ]
    pipelines.repository.git("checkout", "-q", "--force", "main")  # over files of the runner
    pipelines.repository.git("merge", "-q", "--ff-only", "beta")
    assert version(pipelines.run()) == "2.0.0"


def test_a_release_branch_continues_its_line(project: Callable[[str], Pipelines]) -> None:
    pipelines = project(component_pipeline(f"{AUTO}      line: branch\n", EVERYWHERE))
    pipelines.repository.git("branch", "release/1.2")
    pipelines.commit("feat: a")
    assert version(pipelines.run()) == "1.3.0"
    pipelines.repository.git("checkout", "-q", "release/1.2")
    pipelines.commit("fix: b", "api/b")
    run = pipelines.run()
    assert version(run) == "1.2.58"
    assert run.printed_variables("build")["MONOTRON_IS_LATEST"] == "false"
    assert run.printed_variables("build")["MONOTRON_LATEST_IN_MINOR"] == "true"


def test_each_product_of_a_monorepo_counts_its_own_files(
    project: Callable[..., Pipelines], name: str
) -> None:
    products = ("api", "web", "docs")
    names = [f"{name}-{product}" for product in products]
    pipeline = "".join(
        component_pipeline(
            f"      job-name: {product}\n      name: {each}\n      bump: auto\n"
            f"      dotenv-prefix: NEXT_{product.upper()}_\n      paths: {product}/**\n",
            "",
        ).replace("include:\n", "" if index else "include:\n")
        for index, (product, each) in enumerate(zip(products, names, strict=True))
    )
    pipelines = project(pipeline + BUILD, *names)
    pipelines.commit("feat(web)!: a", "web/a")
    pipelines.commit("fix(api): b", "api/b")
    run = pipelines.run()
    assert run.passed, run.output
    seen = run.printed_variables("build")
    assert [seen[f"NEXT_{product.upper()}_VERSION"] for product in products] == [
        "1.2.58",
        "2.0.0",
        "",
    ]
