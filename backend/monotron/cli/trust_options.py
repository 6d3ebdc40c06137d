"""Options of the commands that create trust policies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from monotron.cli.admin import account_option, description_option, prefix_option
from monotron.cli.admin_client import AdminClient
from monotron.cli.command import Function
from monotron.cli.forges import JobFilter
from monotron.cli.output import CommandOutput

DEFAULT_SCOPES = ("read,write:series",)


class Permissions(NamedTuple):
    """What the jobs of a trust policy may do, and the description of the policy."""

    account: int
    scopes: tuple[str, ...]
    prefix: str | None
    description: str | None


def permission_options(function: Function) -> Callable[..., CommandOutput]:
    """Add the options that every trust policy has, and pass them as `Permissions`."""

    @click.option(
        "--scope",
        "scopes",
        metavar="SCOPE",
        multiple=True,
        default=DEFAULT_SCOPES,
        show_default=True,
        help="Grant this permission to the jobs; may be repeated.",
    )
    @prefix_option
    @description_option
    @account_option
    @functools.wraps(function)
    def call(
        client: AdminClient,
        account: int,
        scopes: tuple[str, ...],
        prefix: str | None,
        description: str | None,
        **values: Any,
    ) -> CommandOutput:
        permissions = Permissions(account, scopes, prefix, description)
        result: CommandOutput = function(client, permissions, **values)
        return result

    return call


accept_unprotected_option = click.option(
    "--accept-unprotected",
    is_flag=True,
    help="Accept an environment that is the only restriction: anyone who can run a job in it is "
    "trusted.",
)


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
