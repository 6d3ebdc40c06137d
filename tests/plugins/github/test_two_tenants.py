"""Two tenants that trust the same repository: a job gets the versions of the account it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.claims import AUDIENCE, github
from support.keyless import Keyless, TwoTenants, token_endpoint, two_tenants
from support.workflows import Repository, annotation_of, expect, step, workflow

NAME = "gh:acme:shop"


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Keyless, TwoTenants]]:
    with two_tenants("github", tmp_path_factory.mktemp("tenants"), NAME) as (monotron, tenants):
        yield monotron, tenants


def test_a_job_gets_the_versions_of_the_account_it_names_and_none_without_one(
    tenants: tuple[Keyless, TwoTenants], repository: Repository
) -> None:
    monotron, (acme, mallory) = tenants
    common = {"url": monotron.server.url, "audience": AUDIENCE, "name": NAME}
    steps = (
        step("acme", account=acme, **common)
        + expect("acme", version="1.4.3")
        + step("mallory", account=mallory, **common)
        + expect("mallory", version="7.0.1")
        + step("nameless", **common)
    )
    with token_endpoint(lambda audience: monotron.token(github(aud=audience))) as (env, tokens):
        run = repository.run(workflow(steps), env=env)
    annotation = annotation_of(run)
    for tenant in "acme", "mallory":
        assert f"EXPECTED {tenant}" in run.printed, run.output
    assert annotation.startswith("ambiguous_account (409): The identity token does not name an")
    assert "with:\n  account: 1" in annotation.replace("%0A", "\n")
    assert len(tokens) == 3
    assert monotron.versions(acme, NAME) == ["1.4.3", "1.4.2"]
    assert monotron.versions(mallory, NAME) == ["7.0.1", "7.0.0"]
