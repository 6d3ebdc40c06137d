"""Commands for administrators: trust policies for the jobs of other CI systems, by their ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import click

from monotron.cli.admin import admin_command
from monotron.cli.admin_client import AdminClient
from monotron.cli.command import Function
from monotron.cli.options import CLAIM, fail_usage
from monotron.cli.output import CommandOutput
from monotron.cli.trust_options import Permissions, explicit_permission_options
from monotron.cli.trusts import create_policy, trust_group

CIRCLECI_URL = "https://oidc.circleci.com/org"
BUILDKITE_URL = "https://agent.buildkite.com"
BITBUCKET_URL = "https://api.bitbucket.org/2.0/workspaces"
AZURE_URL = "https://vstoken.dev.azure.com"

Claims = dict[str, str | int | list[str]]


def _id_option(name: str, help: str, *, required: bool = True) -> Callable[[Function], Function]:
    """Add an option for a UUID, in braces or without."""
    return click.option(name, metavar="UUID", type=click.UUID, required=required, help=help)


def _issuer_option(default: str) -> Callable[[Function], Function]:
    return click.option(
        "--issuer", metavar="URL", show_default=default, help="Issuer of the identity tokens."
    )


_branch_option = click.option("--branch", metavar="BRANCH", help="Trust jobs of BRANCH.")

_accept_option = click.option(
    "--accept-unprotected",
    is_flag=True,
    help="Accept restrictions that anyone who can push, or open a pull request, may satisfy.",
)


def _ref(branch: str) -> str:
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"


def _typed(text: str) -> str | int:
    """A boolean or an integer, like the types of claim templates; otherwise the text itself."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,15})", text) else text


def _in_braces(id: UUID) -> str:
    return f"{{{id}}}"


@admin_command(trust_group, "circleci", creates=True)
@_id_option("--organization-id", "Id of the organization.")
@_id_option("--project-id", "Id of the project.")
@click.option(
    "--origin",
    metavar="REPOSITORY",
    required=True,
    help="Repository, such as github.com/acme/shop. Builds of forks have another one.",
)
@_branch_option
@click.option(
    "--context-id",
    "context_ids",
    metavar="UUID",
    type=click.UUID,
    multiple=True,
    help="Trust jobs that use this context; may be repeated. Requires `--branch` or "
    "`--accept-unprotected`.",
)
@_issuer_option("that of the organization")
@_accept_option
@explicit_permission_options
def trust_circleci(
    client: AdminClient,
    permissions: Permissions,
    organization_id: UUID,
    project_id: UUID,
    origin: str,
    branch: str | None,
    context_ids: tuple[UUID, ...],
    issuer: str | None,
    accept_unprotected: bool,
) -> CommandOutput:
    """Trust the jobs of a CircleCI project."""
    own: Claims = {"org-id": str(organization_id), "project-id": str(project_id)}
    own["vcs-origin"] = re.sub(r"^https?://|(\.git)?/?$", "", origin)
    if branch:
        own["vcs-ref"] = _ref(branch)
    if context_ids:
        own["context-ids"] = [str(id) for id in context_ids]
    claims = {f"oidc.circleci.com/{name}": value for name, value in own.items()}
    issuer = issuer or f"{CIRCLECI_URL}/{organization_id}"
    return create_policy(client, permissions, issuer, claims, accept_unprotected)


@admin_command(trust_group, "buildkite", creates=True)
@_id_option("--organization-id", "Id of the organization.")
@_id_option("--pipeline-id", "Id of the pipeline.")
@click.option("--branch", metavar="BRANCH", help="Trust builds of BRANCH, also those of forks.")
@_id_option("--cluster-id", "Trust jobs in this cluster.", required=False)
@_id_option("--queue-id", "Trust jobs of this queue.", required=False)
@click.option(
    "--source",
    "sources",
    metavar="SOURCE",
    multiple=True,
    help="Trust builds that were started by SOURCE, such as webhook; may be repeated.",
)
@_issuer_option(BUILDKITE_URL)
@_accept_option
@explicit_permission_options
def trust_buildkite(
    client: AdminClient,
    permissions: Permissions,
    organization_id: UUID,
    pipeline_id: UUID,
    branch: str | None,
    cluster_id: UUID | None,
    queue_id: UUID | None,
    sources: tuple[str, ...],
    issuer: str | None,
    accept_unprotected: bool,
) -> CommandOutput:
    """Trust the jobs of a Buildkite pipeline."""
    claims: Claims = {"pipeline_id": str(pipeline_id), "organization_id": str(organization_id)}
    if branch:
        claims["build_branch"] = branch
    if cluster_id:
        claims["cluster_id"] = str(cluster_id)
    if queue_id:
        claims["queue_id"] = str(queue_id)
    if sources:
        claims["build_source"] = list(sources)
    return create_policy(client, permissions, issuer or BUILDKITE_URL, claims, accept_unprotected)


@admin_command(trust_group, "bitbucket", creates=True)
@click.argument("workspace", metavar="WORKSPACE")
@_id_option("--workspace-id", "Id of the workspace.")
@_id_option("--repository-id", "Id of the repository.")
@_id_option("--environment-id", "Trust steps of this deployment environment.", required=False)
@_branch_option
@_issuer_option("that of WORKSPACE")
@_accept_option
@explicit_permission_options
def trust_bitbucket(
    client: AdminClient,
    permissions: Permissions,
    workspace: str,
    workspace_id: UUID,
    repository_id: UUID,
    environment_id: UUID | None,
    branch: str | None,
    issuer: str | None,
    accept_unprotected: bool,
) -> CommandOutput:
    """Trust the steps of a Bitbucket repository. WORKSPACE is the name in its URL."""
    claims: Claims = {"repositoryUuid": _in_braces(repository_id)}
    claims["workspaceUuid"] = _in_braces(workspace_id)
    if environment_id:
        claims["deploymentEnvironmentUuid"] = _in_braces(environment_id)
    if branch:
        claims["branchName"] = branch
    issuer = issuer or f"{BITBUCKET_URL}/{workspace}/pipelines-config/identity/oidc"
    return create_policy(client, permissions, issuer, claims, accept_unprotected)


@admin_command(trust_group, "azure", creates=True)
@_id_option("--organization-id", "Id of the organization.")
@_id_option("--project-id", "Id of the project.")
@click.option(
    "--pipeline-id",
    metavar="ID",
    type=click.IntRange(min=1),
    help="Id of the pipeline, `definitionId` in its URL.",
)
@click.option(
    "--repository-url",
    metavar="URL",
    required=True,
    help="Repository of the pipeline: its variable `Build.Repository.Uri`.",
)
@click.option("--branch", metavar="BRANCH", required=True, help="Trust runs of BRANCH.")
@_issuer_option("that of the organization")
@explicit_permission_options
def trust_azure(
    client: AdminClient,
    permissions: Permissions,
    organization_id: UUID,
    project_id: UUID,
    pipeline_id: int | None,
    repository_url: str,
    branch: str,
    issuer: str | None,
) -> CommandOutput:
    """Trust the runs of an Azure DevOps pipeline."""
    claims: Claims = {"prj_id": str(project_id), "org_id": str(organization_id)}
    claims |= {"rpo_uri": repository_url, "rpo_ref": _ref(branch)}
    if pipeline_id:
        claims["def_id"] = str(pipeline_id)
    issuer = issuer or f"{AZURE_URL}/{organization_id}"
    return create_policy(client, permissions, issuer, claims, accept_unprotected=False)


@admin_command(trust_group, "jenkins", creates=True)
@click.argument("jobs", metavar="JOB_URL…", nargs=-1, required=True)
@click.option(
    "--issuer",
    metavar="URL",
    required=True,
    help="Issuer of the credential: the URL of Jenkins, followed by `oidc`.",
)
@click.option(
    "--claim",
    "templates",
    metavar="NAME=VALUE",
    type=CLAIM,
    multiple=True,
    help="Also require this claim template; may be repeated. VALUE is true, false, an integer or "
    "text.",
)
@explicit_permission_options
def trust_jenkins(
    client: AdminClient,
    permissions: Permissions,
    jobs: tuple[str, ...],
    issuer: str,
    templates: tuple[tuple[str, str], ...],
) -> CommandOutput:
    """Trust the builds of Jenkins jobs. JOB_URL is their variable `JOB_URL`.

    Each branch of a multibranch pipeline is a job.
    """
    claims: Claims = {"sub": [f"{job.rstrip('/')}/" for job in jobs]}
    for name, text in templates:
        if name in claims:
            fail_usage(f"{name} is passed twice")
        claims[name] = _typed(text)
    return create_policy(client, permissions, issuer, claims, accept_unprotected=False)
