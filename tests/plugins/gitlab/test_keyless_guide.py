"""A visitor follows "Keyless in five minutes: GitLab" in docs/security.md from start to end.

gitlab-ci-local creates no identity tokens. The test sets the variable that `id_tokens` sets, with
the audience that the YAML requests.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

import pytest
import yaml

from docs.keyless_guide import followed
from plugins.gitlab.pipelines import COMPONENT
from support.claims import gitlab
from support.pipelines import JOB, Repository, run_pipeline

SHOP = {
    "id": 20,
    "path_with_namespace": "acme/shop",
    "namespace": {"id": 72, "full_path": "acme"},
    "default_branch": "main",
}
"""The response of GitLab's API for the project."""


def requested_audience(repository: Repository) -> str:
    """The audience of the identity token that the pipeline requests, with its variables."""
    preview = run_pipeline(repository, {}, args=["--preview"])
    assert preview.passed, preview.output
    _, _, document = preview.output.rpartition("---\n")
    job = yaml.safe_load(document)[JOB]
    return Template(job["id_tokens"]["MONOTRON_ID_TOKEN"]["aud"]).substitute(job["variables"])


@pytest.mark.parametrize("file", ["component", "template"])
def test_the_guide_leads_to_the_version_that_it_shows(tmp_path: Path, file: str) -> None:
    with followed("GitLab", SHOP, "--gitlab-url={} --issuer=gitlab.com", tmp_path) as server:
        files = dict(zip(("component", "template"), server.guide.files, strict=True))
        pipeline = files[file].replace(
            "$CI_SERVER_FQDN/your-group/monotron/version@1.0.0", COMPONENT
        )
        repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})
        token = server.token(gitlab(aud=requested_audience(repository)))
        run = run_pipeline(repository, {"MONOTRON_ID_TOKEN": token}, check_schema=True)
        assert run.passed, run.output
        assert server.guide.log.startswith("Monotron: 0.0.1 ")
        assert server.guide.log in run.lines(JOB)
        assert server.versions("gl:acme:shop") == ["0.0.1"]
    assert token not in run.output
