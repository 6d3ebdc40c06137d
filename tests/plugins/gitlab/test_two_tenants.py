"""Two tenants that trust the same project: a job gets the versions of the account it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.gitlab.pipelines import TEMPLATE, repository_with, version
from support.claims import AUDIENCE, gitlab
from support.keyless import Keyless, TwoTenants, two_tenants
from support.pipelines import Run, run_pipeline

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
