"""Two tenants that trust the same project: a job gets the versions of the account it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.page_blocks import blocks
from plugins.gitlab.pipelines import (
    COMPONENT,
    COMPONENT_OF_PAGES,
    TEMPLATE,
    repository_with,
    requested_audience,
    version,
)
from support.claims import AUDIENCE, gitlab
from support.keyless import Keyless, TwoTenants, two_tenants
from support.pipelines import JOB, Run, run_pipeline

NAME = "gl:acme:shop"


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Keyless, TwoTenants]]:
    with two_tenants("gitlab", tmp_path_factory.mktemp("tenants"), NAME) as (monotron, tenants):
        yield monotron, tenants


def test_a_job_gets_the_versions_of_the_account_it_names_and_none_without_one(
    tenants: tuple[Keyless, TwoTenants], tmp_path: Path
) -> None:
    monotron, (acme, mallory) = tenants
    repository = repository_with(tmp_path, TEMPLATE)

    def run(audience: str = AUDIENCE, **account: str) -> Run:
        variables = {
            "MONOTRON_URL": monotron.server.url,
            "MONOTRON_NAME": NAME,
            "MONOTRON_ID_TOKEN": monotron.token(gitlab(aud=audience)),
        }
        return run_pipeline(repository, {**variables, **account})

    assert version(run(MONOTRON_ACCOUNT=acme)) == "1.4.3"
    assert version(run(f"{AUDIENCE}/accounts/{mallory}", MONOTRON_ACCOUNT=mallory)) == "7.0.1"
    nameless = run()
    assert not nameless.passed
    assert "error: ambiguous_account (409): The identity token does not name" in nameless.output
    assert 'MONOTRON_ACCOUNT: "1"' in nameless.output
    assert monotron.versions(acme, NAME) == ["1.4.3", "1.4.2"]
    assert monotron.versions(mallory, NAME) == ["7.0.1", "7.0.0"]


def test_the_account_of_the_readme_limits_the_identity_token(
    tenants: tuple[Keyless, TwoTenants], tmp_path: Path
) -> None:
    monotron, (acme, _) = tenants
    (text,) = blocks("gitlab/README.md", "yaml", "account")
    text = text.replace(f" url: {AUDIENCE}", f" url: {monotron.server.url}")
    text = text.replace('"3"', f'"{acme}"').replace("accounts/3", f"accounts/{acme}")
    repository = repository_with(tmp_path, text.replace(COMPONENT_OF_PAGES, COMPONENT))
    audience = requested_audience(repository)
    assert audience == f"{AUDIENCE}/accounts/{acme}"
    token = monotron.token(gitlab(aud=audience))
    run = run_pipeline(repository, {"MONOTRON_ID_TOKEN": token}, check_schema=True)
    assert run.passed, run.output
    assert any(line.startswith("Monotron: 1.4.") for line in run.lines(JOB))
