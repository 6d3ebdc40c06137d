"""Commands for administrators: one trust policy for all repositories of an owner or a group."""

from __future__ import annotations

import os

import click

from monotron.cli.admin import admin_command
from monotron.cli.admin_client import AdminClient
from monotron.cli.forges import (
    JobFilter,
    Repository,
    find_github_owner,
    find_gitlab_group,
    github_issuer,
    gitlab_claims,
)
from monotron.cli.options import ID, fail_usage
from monotron.cli.output import CommandOutput
from monotron.cli.trust_options import (
    Permissions,
    github_options,
    gitlab_options,
    own_names_permission_options,
)
from monotron.cli.trusts import create_policy, trust_group


@admin_command(trust_group, "github-org", creates=True)
@click.argument("owner", metavar="OWNER")
@click.option("--owner-id", metavar="ID", type=ID, help="Id of OWNER; skips the GitHub lookup.")
@click.option("--protected", is_flag=True, help="Trust jobs of every protected branch and tag.")
@click.option(
    "--workflow",
    metavar="FILE@REF",
    help="Trust jobs that are defined in this reusable workflow, such as "
    "`acme/ci/.github/workflows/release.yml@refs/tags/v1`.",
)
@github_options
@own_names_permission_options
def trust_github_org(
    client: AdminClient,
    permissions: Permissions,
    owner: str,
    owner_id: int | None,
    protected: bool,
    workflow: str | None,
    github_api: str,
    issuer: str | None,
) -> CommandOutput:
    """Trust the jobs of all repositories of a GitHub organization or user.

    Each job may use the names of its own repository: gh:OWNER:REPO and gh:OWNER:REPO:*.
    """
    if not protected and workflow is None:
        fail_usage("pass --protected, --workflow, or both")
    found = _known(owner, owner_id)
    if found is None:
        found = find_github_owner(owner, github_api, os.environ, client.retry_policy)
    claims = {"repository_owner_id": found.id}
    if protected:
        claims["ref_protected"] = "true"
    if workflow is not None:
        claims["job_workflow_ref"] = workflow
    return create_policy(
        client,
        permissions,
        issuer or github_issuer(github_api),
        claims,
        accept_unprotected=False,
        repository=found,
        jobs=JobFilter(workflow=workflow, protected=protected),
        own_names=True,
    )


@admin_command(trust_group, "gitlab-group", creates=True)
@click.argument("group", metavar="GROUP")
@click.option("--namespace-id", metavar="ID", type=ID, help="Id of GROUP; skips the GitLab lookup.")
@click.option(
    "--branch",
    metavar="BRANCH",
    show_default="all protected branches and tags",
    help="Trust jobs of BRANCH, which must be protected.",
)
@gitlab_options
@own_names_permission_options
def trust_gitlab_group(
    client: AdminClient,
    permissions: Permissions,
    group: str,
    namespace_id: int | None,
    branch: str | None,
    gitlab_url: str,
    issuer: str | None,
) -> CommandOutput:
    """Trust the jobs of all projects directly in a GitLab group, without those of its subgroups.

    Each job may use the names of its own project: gl:GROUP:PROJECT and gl:GROUP:PROJECT:*.
    """
    found = _known(group, namespace_id)
    if found is None:
        found = find_gitlab_group(group, gitlab_url, os.environ, client.retry_policy)
    jobs = JobFilter(branch=branch, protected=True)
    claims = gitlab_claims(found, jobs, gitlab_url)
    del claims["project_id"]
    return create_policy(
        client,
        permissions,
        issuer or gitlab_url.rstrip("/"),
        claims,
        accept_unprotected=False,
        repository=found,
        jobs=jobs,
        own_names=True,
    )


def _known(name: str, id: int | None) -> Repository | None:
    """The owner or group with the id that was passed; None if it must be looked up."""
    return None if id is None else Repository(name, str(id), str(id), None)
