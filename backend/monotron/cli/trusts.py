"""Commands for administrators: trust policies, which let CI jobs sign in without a secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from monotron.cli import output
from monotron.cli.admin import account_option, admin_command
from monotron.cli.admin_client import AdminClient
from monotron.cli.forges import (
    JobFilter,
    Repository,
    find_on_github,
    find_on_gitlab,
    github_claims,
    github_issuer,
    github_path,
    gitlab_claims,
    gitlab_path,
)
from monotron.cli.options import CLAIM, ID, fail_usage
from monotron.cli.output import CommandOutput
from monotron.cli.sections import ADMINISTRATION
from monotron.cli.trust_options import (
    Permissions,
    accept_unprotected_option,
    github_options,
    gitlab_options,
    job_filter_options,
    permission_options,
    repository_permission_options,
)
from monotron_ci.credential import parse_credential

trust_group = ADMINISTRATION.group("trust")


@admin_command(trust_group, "list")
@account_option
def list_trusts(client: AdminClient, account: int) -> CommandOutput:
    """List the trust policies of an account."""
    trusts = client.trusts(account)
    return CommandOutput(output.trusts_table(trusts), trusts)


@admin_command(trust_group, "add", creates=True)
@click.argument("issuer", metavar="ISSUER")
@click.option(
    "--claim",
    "claims",
    metavar="NAME=VALUE",
    type=CLAIM,
    multiple=True,
    required=True,
    help="Required claim; may be repeated. If NAME is repeated, any of its values matches.",
)
@click.option(
    "--allow-event",
    "events",
    metavar="EVENT",
    multiple=True,
    help="Additionally accept this event, such as `pull_request`; may be repeated.",
)
@accept_unprotected_option
@permission_options
def add_trust(
    client: AdminClient,
    permissions: Permissions,
    issuer: str,
    claims: tuple[tuple[str, str], ...],
    events: tuple[str, ...],
    accept_unprotected: bool,
) -> CommandOutput:
    """Trust jobs with certain claims.

    ISSUER is github, gitlab.com, or the URL of another issuer.
    """
    values: dict[str, list[str]] = {}
    for name, value in claims:
        values.setdefault(name, []).append(value)
    return create_policy(
        client, permissions, issuer, values, accept_unprotected, events=list(events) or None
    )


@admin_command(trust_group, "delete", prints_document=False)
@click.argument("trust", metavar="TRUST", type=ID)
@account_option
def delete_trust(client: AdminClient, account: int, trust: int) -> CommandOutput:
    """Delete a trust policy. TRUST is its id."""
    client.delete_trust(account, trust)
    return CommandOutput(f"Deleted trust policy {trust}.\n")


@admin_command(trust_group, "test")
@click.argument("token", metavar="[TOKEN]", envvar="MONOTRON_ID_TOKEN", required=False)
@account_option
def test_token(client: AdminClient, account: int, token: str | None) -> CommandOutput:
    """Show whether an account accepts an identity token, and why.

    TOKEN is the identity token, by default the one in MONOTRON_ID_TOKEN. Pass - to read it from
    standard input: other users of the machine can see arguments. The token is not used up.
    """
    if token == "-":  # noqa: S105 - not a secret
        token = sys.stdin.read()
    if not token:
        fail_usage("pass TOKEN, or set MONOTRON_ID_TOKEN")
    report = client.test_sign_in(account, parse_credential(token, "TOKEN"))
    return CommandOutput(output.sign_in_report(report), report, failed=not report["accepted"])


@admin_command(trust_group, "github", creates=True)
@click.argument("name", metavar="OWNER/REPO")
@click.option(
    "--repository-id",
    metavar="ID",
    type=ID,
    help="Repository id; with `--owner-id`, skips the GitHub lookup.",
)
@click.option("--owner-id", metavar="ID", type=ID, help="Id of the owner, with `--repository-id`.")
@github_options
@accept_unprotected_option
@repository_permission_options
@job_filter_options
def trust_github(
    client: AdminClient,
    permissions: Permissions,
    jobs: JobFilter,
    name: str,
    repository_id: int | None,
    owner_id: int | None,
    github_api: str,
    issuer: str | None,
    accept_unprotected: bool,
) -> CommandOutput:
    """Trust the jobs of a GitHub repository. OWNER/REPO can also be its URL."""
    path = github_path(name, github_api)
    repository = _with_ids(path, repository_id, owner_id, "--repository-id and --owner-id")
    if repository is None:
        repository = find_on_github(path, github_api, os.environ, client.retry_policy)
    jobs = jobs.or_default_branch(repository, "GitHub")
    permissions = permissions.with_own_names("gh", repository)
    issuer = issuer or github_issuer(github_api)
    claims = github_claims(repository, jobs)
    return create_policy(client, permissions, issuer, claims, accept_unprotected, repository, jobs)


@admin_command(trust_group, "gitlab", creates=True)
@click.argument("project", metavar="GROUP/PROJECT")
@click.option(
    "--project-id",
    metavar="ID",
    type=ID,
    help="Project id; with `--namespace-id`, skips the GitLab lookup.",
)
@click.option(
    "--namespace-id", metavar="ID", type=ID, help="Id of the namespace, with `--project-id`."
)
@gitlab_options
@accept_unprotected_option
@repository_permission_options
@job_filter_options
def trust_gitlab(
    client: AdminClient,
    permissions: Permissions,
    jobs: JobFilter,
    project: str,
    project_id: int | None,
    namespace_id: int | None,
    gitlab_url: str,
    issuer: str | None,
    accept_unprotected: bool,
) -> CommandOutput:
    """Trust the jobs of a GitLab project. GROUP/PROJECT can also be its URL."""
    path = gitlab_path(project, gitlab_url)
    repository = _with_ids(path, project_id, namespace_id, "--project-id and --namespace-id")
    if repository is None:
        repository = find_on_gitlab(path, gitlab_url, os.environ, client.retry_policy)
    jobs = jobs.or_default_branch(repository, "GitLab")
    jobs = jobs._replace(protected=jobs.protected or bool(jobs.branch))
    claims = gitlab_claims(repository, jobs, gitlab_url)
    permissions = permissions.with_own_names("gl", repository)
    issuer = issuer or gitlab_url.rstrip("/")
    return create_policy(client, permissions, issuer, claims, accept_unprotected, repository, jobs)


def _with_ids(path: str, id: int | None, owner_id: int | None, options: str) -> Repository | None:
    """The repository with the ids that were passed; None if it must be looked up."""
    if id is not None and owner_id is not None:
        return Repository(path, str(id), str(owner_id), None)
    if id is not None or owner_id is not None:
        fail_usage(f"pass both {options}, or neither")
    return None


def create_policy(
    client: AdminClient,
    permissions: Permissions,
    issuer: str,
    claims: Mapping[str, Any],
    accept_unprotected: bool,
    repository: Repository | None = None,
    jobs: JobFilter | None = None,
    events: list[str] | None = None,
    *,
    own_names: bool = False,
) -> CommandOutput:
    """Create a trust policy, and describe it as the result of a command.

    With *own_names*, each job may only use the names of its own repository.
    """
    default = repository.name if repository else None
    spec = {
        "issuer": issuer,
        "claims": claims,
        "allow_events": events,
        "accept_unprotected": accept_unprotected or None,
        "scopes": list(permissions.scopes),
        "names": list(permissions.names or ()) or None,
        "names_from": "repository" if own_names else None,
        "description": permissions.description or default,
    }
    trust, reused = client.create_trust(
        permissions.account, {name: value for name, value in spec.items() if value is not None}
    )
    notes = []
    if client.known_issuers is not None and trust["issuer"] not in client.known_issuers:
        notes.append(
            f"note: a server accepts identity tokens of {trust['issuer']} after its settings "
            "`issuers` and `audience` are set"
        )
    subject = f"{repository.name} (id {repository.id}), {jobs}" if repository else None
    text = output.describe_trust(trust, subject, reused=reused)
    return CommandOutput(text, trust, notes=tuple(notes))
