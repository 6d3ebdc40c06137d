"""A project with version tags does not start again from 0.0.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.gitlab.origin import JOB_TOKEN, Origin
from plugins.gitlab.tools import tools_without_git
from support.git_server import GitServer

PATCH = {"MONOTRON_BUMP": "patch"}


@pytest.fixture
def tagged(origin: Origin) -> Origin:
    """A repository with tags of versions. The newest one is 1.2.57."""
    tags = ["v1.2.9", "v1.2.57", "v1.2.57-rc.1", "v2.0.0-rc.1", "vault", "v3", "9.9.9", "v01.9.9"]
    for tag in tags:
        origin.git("tag", tag)
    return origin


@pytest.mark.parametrize("bump", ["auto", "patch", "final"])
@pytest.mark.parametrize("dry_run", ["", "true"])
def test_a_new_name_fails_if_the_project_has_version_tags(
    tagged: Origin, bump: str, dry_run: str
) -> None:
    run = tagged.run(MONOTRON_BUMP=bump, MONOTRON_DRY_RUN=dry_run)
    assert run.code == 1
    if bump == "final":
        assert "the tag v" not in run.output, "nothing can be promoted"
        return
    assert "has no versions, but the repository has the tag v1.2.57.\n" in run.output
    for line in (
        "--version 1.2.57\n",
        'variables:\n  MONOTRON_INITIAL_VERSION: "1.2.57"\n',
        'variables:\n  MONOTRON_FROM_SCRATCH: "true"\n',
    ):
        assert line in run.output
    assert JOB_TOKEN not in run.output


def test_the_options_of_the_error_work(tagged: Origin) -> None:
    assert "Monotron: 0.0.1 " in tagged.run(**PATCH, MONOTRON_FROM_SCRATCH="true").output
    assert (
        "Monotron: 1.2.58 "
        in tagged.run(**PATCH, MONOTRON_INITIAL_VERSION="1.2.57", MONOTRON_NAME="other-name").output
    )


def test_a_name_with_versions_reads_no_tags(tagged: Origin, git_server: GitServer) -> None:
    assert tagged.version(MONOTRON_VERSION="1.2.57", MONOTRON_BUMP="patch") == "1.2.57"
    tagged.commit("fix: a")
    assert tagged.version(**PATCH) == "1.2.58"
    assert git_server.requests == []


@pytest.mark.parametrize(("prefix", "failed"), [("", "9.9.9"), ("api/v", ""), ("v", "v1.2.57")])
def test_only_tags_with_the_prefix_count(tagged: Origin, prefix: str, failed: str) -> None:
    run = tagged.run(**PATCH, MONOTRON_INPUT_TAG_PREFIX=prefix)
    assert run.passed == (failed == "")
    assert not failed or f"has the tag {failed}.\n" in run.output
    assert "warning" not in run.output


def test_tags_that_cannot_be_read_lead_to_a_warning(tagged: Origin) -> None:
    run = tagged.run(**PATCH, CI_JOB_TOKEN="wrong")
    assert run.passed, run.output
    assert (
        "warning: The tags of the repository cannot be read (git ls-remote failed: " in run.output
    )
    assert "monotron adopt " in run.output


def test_without_git_the_tags_cannot_be_read(tagged: Origin, tmp_path: Path) -> None:
    run = tagged.run(**PATCH, PATH=tools_without_git(tmp_path))
    assert "cannot be read (this image has no git), so '" in run.output
    assert "Monotron: 0.0.1 " in run.output


def test_from_scratch_excludes_an_initial_version(tagged: Origin) -> None:
    run = tagged.run(MONOTRON_FROM_SCRATCH="true", MONOTRON_INITIAL_VERSION="1.0.0")
    assert "MONOTRON_FROM_SCRATCH cannot be combined with MONOTRON_INITIAL_VERSION." in run.output
