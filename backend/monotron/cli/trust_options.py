"""Options of the commands that create trust policies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from monotron.cli.admin import account_option, description_option, names_help, names_option
from monotron.cli.admin_client import AdminClient
from monotron.cli.command import Function
from monotron.cli.forges import GITHUB_API_URL, GITLAB_URL, JobFilter, Repository
from monotron.cli.options import fail_usage
from monotron.cli.output import CommandOutput

DEFAULT_SCOPES = ("read,write:series",)


class Permissions(NamedTuple):
    """What the jobs of a trust policy may do, and the description of the policy."""

    account: int
    scopes: tuple[str, ...]
    names: tuple[str, ...] | None
    """Empty: all names. None: the repository's own name."""
    description: str | None

    def with_own_names(self, kind: str, repository: Repository) -> Permissions:
        """These permissions, with the names that the plugins use by default if none was passed."""
        if self.names is not None:
            return self
        name = f"{kind}:{repository.name.replace('/', ':')}"
        return self._replace(names=(name, f"{name}:*"))


def permission_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options that every trust policy has, and pass them as `Permissions`."""
    return names_option(_permission_options(function))


def repository_permission_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options of a trust policy for one repository, and pass them as `Permissions`.

    Without options for names, `names` is None: the repository's own name.
    """

    @click.option(
        "--name",
        "names",
        metavar="PATTERN",
        multiple=True,
        show_default="the repository's own name NAME, and NAME:*",
        help=names_help,
    )
    @click.option("--all-names", is_flag=True, help="Allow all names of the account.")
    @functools.wraps(function)
    def call(
        client: AdminClient, names: tuple[str, ...], *, all_names: bool, **values: Any
    ) -> CommandOutput:
        if names and all_names:
            fail_usage("--name and --all-names cannot be combined")
        chosen = () if all_names else names or None
        result: CommandOutput = wrapped(client, names=chosen, **values)
        return result

    wrapped = _permission_options(function)
    return call


def explicit_permission_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options that every trust policy has, and pass them as `Permissions`.

    Either names, or all names, must be passed.
    """
    wrapped = _permission_options(function)

    @click.option(
        "--name",
        "names",
        metavar="PATTERN",
        multiple=True,
        help=f"{names_help} Required, unless `--all-names` is passed.",
    )
    @click.option("--all-names", is_flag=True, help="Allow all names of the account.")
    @functools.wraps(wrapped)
    def call(
        client: AdminClient, names: tuple[str, ...], *, all_names: bool, **values: Any
    ) -> CommandOutput:
        if bool(names) == all_names:
            fail_usage("pass either --name or --all-names")
        result: CommandOutput = wrapped(client, names=names, **values)
        return result

    return call


def own_names_permission_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options of a trust policy that allows each repository its own names."""
    wrapped = _permission_options(function)

    @functools.wraps(wrapped)
    def call(client: AdminClient, **values: Any) -> CommandOutput:
        result: CommandOutput = wrapped(client, names=None, **values)
        return result

    return call


def _permission_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options of every trust policy except names, and pass all as `Permissions`."""

    @click.option(
        "--scope",
        "scopes",
        metavar="SCOPE",
        multiple=True,
        default=DEFAULT_SCOPES,
        show_default=True,
        help="Grant this permission to the jobs; may be repeated.",
    )
    @description_option
    @account_option
    @functools.wraps(function)
    def call(
        client: AdminClient,
        account: int,
        scopes: tuple[str, ...],
        names: tuple[str, ...] | None,
        description: str | None,
        **values: Any,
    ) -> CommandOutput:
        permissions = Permissions(account, scopes, names, description)
        result: CommandOutput = function(client, permissions, **values)
        return result

    return call


accept_unprotected_option = click.option(
    "--accept-unprotected",
    is_flag=True,
    help="Accept an environment that is the only restriction: anyone who can run a job in it is "
    "trusted.",
)


def github_options(function: Function) -> Function:
    """Add the options that select a GitHub server."""
    add_api = click.option(
        "--github-api",
        metavar="URL",
        default=GITHUB_API_URL,
        show_default=True,
        help="GitHub API base URL (for GitHub Enterprise).",
    )
    add_issuer = click.option(
        "--issuer",
        metavar="ISSUER",
        show_default="that of `--github-api`",
        help="Issuer of GitHub's identity tokens.",
    )
    return add_api(add_issuer(function))


def gitlab_options(function: Function) -> Function:
    """Add the options that select a GitLab server."""
    add_url = click.option(
        "--gitlab-url",
        metavar="URL",
        default=GITLAB_URL,
        show_default=True,
        help="URL of a self-managed GitLab.",
    )
    add_issuer = click.option(
        "--issuer",
        metavar="ISSUER",
        show_default="the GitLab URL",
        help="Issuer of GitLab's identity tokens.",
    )
    return add_url(add_issuer(function))


def job_filter_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options that restrict the trusted jobs of a repository, passed as `JobFilter`."""

    @click.option(
        "--branch",
        metavar="BRANCH",
        show_default="the default branch, if no other restriction is passed",
        help="Trust jobs of BRANCH. On GitLab, it must be protected.",
    )
    @click.option(
        "--environment",
        metavar="NAME",
        help="Trust jobs of this environment. Requires `--branch`, `--protected` or "
        "`--accept-unprotected`.",
    )
    @click.option(
        "--workflow",
        metavar="FILE",
        help="Trust jobs of this workflow file, such as `release.yml`. Requires another "
        "restriction, because every branch has its own copy.",
    )
    @click.option("--protected", is_flag=True, help="Trust jobs of every protected branch and tag.")
    @functools.wraps(function)
    def call(
        client: AdminClient,
        permissions: Permissions,
        branch: str | None,
        environment: str | None,
        workflow: str | None,
        protected: bool,
        **values: Any,
    ) -> CommandOutput:
        jobs = JobFilter(branch, environment, workflow, protected)
        result: CommandOutput = function(client, permissions, jobs, **values)
        return result

    return call
