"""A visitor follows "Keyless in five minutes: GitHub" in docs/security.md from start to end."""

from __future__ import annotations

from pathlib import Path

from docs.keyless_guide import followed
from support.claims import github
from support.keyless import token_endpoint
from support.workflows import Repository

SHOP = {
    "id": 777,
    "full_name": "acme/shop",
    "owner": {"login": "acme", "id": 42},
    "default_branch": "main",
}
"""The response of GitHub's API for the repository."""


def test_the_guide_leads_to_the_version_that_it_shows(
    tmp_path: Path, repository: Repository
) -> None:
    with followed("GitHub", SHOP, "--github-api={} --issuer=github", tmp_path) as server:
        (workflow,) = server.guide.files
        with token_endpoint(lambda audience: server.token(github(aud=audience))) as (env, tokens):
            run = repository.run(workflow, env={**env, "GITHUB_REPOSITORY": "acme/shop"})
        assert run.succeeded, run.output
        assert [line for line in run.printed if line.startswith("Monotron")] == [server.guide.log]
        assert server.guide.log == "Monotron: 0.0.1"
        assert server.versions("gh:acme:shop") == ["0.0.1"]
    assert len(tokens) == 1
    assert tokens[0] not in run.unmasked
