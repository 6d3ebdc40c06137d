"""Commands for administrators: API keys, of a server or in its stopped file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_urlsafe
from typing import Any

import click

from monotron.cli import output
from monotron.cli.account_names import account_id
from monotron.cli.admin_client import AdminClient
from monotron.cli.command import Function, Group, Section
from monotron.cli.options import (
    ACCOUNT,
    DURATION,
    EXPIRY,
    KEY,
    NEVER,
    URL_SOURCE,
    credential,
    fail_usage,
    output_option,
    passed,
    retry_options,
    retry_policy,
    url_option,
)
from monotron.cli.output import CommandOutput, print_warning
from monotron.cli.sections import ADMINISTRATION
from monotron_ci.errors import Failure
from monotron_ci.http import RetryPolicy

account_option = click.option(
    "--account",
    metavar="ACCOUNT",
    type=ACCOUNT,
    envvar="MONOTRON_ACCOUNT",
    show_envvar=True,
    default=1,
    show_default=True,
    help="Use the account with this id or name.",
)
names_help = (
    "Restrict to this name, or to names that start with PREFIX if it is `PREFIX*`; may be repeated."
)
names_option = click.option(
    "--name", "names", metavar="PATTERN", multiple=True, show_default="all names", help=names_help
)
description_option = click.option(
    "--description", metavar="TEXT", help="Add a free text, which lists show."
)


def admin_command(
    group: Group | Section, name: str, *, creates: bool = False, prints_document: bool = True
) -> Callable[[Callable[..., CommandOutput]], click.Command]:
    """Add a command to *group*. The function gets an `AdminClient` and the values of its options.

    *creates*: with --store, the file is created if it does not exist. *prints_document*: the
    command has --output json.
    """

    def add(function: Callable[..., CommandOutput]) -> click.Command:
        wrapped = _with_admin_client(function, creates)
        if prints_document:
            wrapped = output_option("text", "json")(wrapped)
        return group.command(name)(wrapped)

    return add


def _with_admin_client(function: Function, creates: bool) -> Callable[..., CommandOutput]:
    @click.option(
        "--store",
        metavar="sqlite:///FILE",
        help="Work on the SQLite file directly (its server must be stopped). Create commands "
        "create the file if it does not exist.",
    )
    @click.option(
        "--config",
        metavar="FILE",
        envvar="MONOTRON_CONFIG",
        show_envvar=True,
        help="Server config file to read issuers and trust policies from (with `--store`).",
    )
    @url_option
    @retry_options
    @functools.wraps(function)
    def call(
        store: str | None, config: str | None, url: str, timeout: int, retries: int, **values: Any
    ) -> CommandOutput:
        ctx = click.get_current_context()
        policy = retry_policy(timeout, retries)
        if store is not None:
            if passed(ctx, "url"):
                fail_usage("--url and --store cannot be combined")
            with _offline_client(store, config, policy, creates) as (client, notes):
                result = _with_account_id(function, client, values)
                return replace(result, notes=(*result.notes, *notes))
        if passed(ctx, "config"):
            fail_usage("--config requires --store")
        client = AdminClient(url, credential(), policy, URL_SOURCE, warn=print_warning)
        return _with_hints(function, client, values)

    return call


def _with_hints(function: Function, client: AdminClient, values: dict[str, Any]) -> CommandOutput:
    hints = dict.fromkeys(
        ("unauthenticated", "forbidden"), "set MONOTRON_API_KEY to the root key, KEY:SECRET"
    )
    if "account" in values:  # commands without it require the root key
        hints["unauthenticated"] += ", or to an API key with scopes on acl"
        hints["forbidden"] += (
            f", or to an API key of account {values['account']} (--account) with scopes on acl"
        )
    try:
        return _with_account_id(function, client, values)
    except Failure as failure:
        failure.hint = failure.hint or hints.get(failure.code, "")
        raise


def _with_account_id(
    function: Function, client: AdminClient, values: dict[str, Any]
) -> CommandOutput:
    """Call the function with the id of the account if `account` is a name."""
    account = values.get("account")
    if isinstance(account, str):
        values = {**values, "account": account_id(client, account)}
    result: CommandOutput = function(client, **values)
    return result


@contextmanager
def _offline_client(
    store: str, config: str | None, policy: RetryPolicy, creates: bool
) -> Iterator[tuple[AdminClient, list[str]]]:
    """Serve the file of a stopped server. Yields a client and notes for the user."""
    from monotron.cli.offline_server import offline_server  # slow to import

    with offline_server(store, config, os.environ, may_create=creates) as server:
        client = AdminClient(server.url, server.credential, policy, "--store", server.known_issuers)
        notes = [f"Created {server.created_file}."] if server.created_file else []
        yield client, notes


@ADMINISTRATION.command("root-secret")
def root_secret() -> CommandOutput:
    """Generate a secret for MONOTRON_ROOT_API_SECRET and print it."""
    return CommandOutput(f"{token_urlsafe(32)}\n")


key_group = ADMINISTRATION.group("key")


@admin_command(key_group, "create", creates=True)
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    required=True,
    help="Grant this permission, such as `read,write:series`; may be repeated.",
)
@names_option
@description_option
@click.option(
    "--expires",
    metavar="90d|TIME|never",
    type=EXPIRY,
    show_default="365d",
    help="Let the API key expire after this time, or at it, such as `90d`, `12h` or "
    "`2027-01-31T00:00:00Z`, or `never`.",
)
@account_option
def create_key(
    client: AdminClient,
    account: int,
    scopes: tuple[str, ...],
    names: tuple[str, ...],
    description: str | None,
    expires: str | None,
) -> CommandOutput:
    """Create an API key and print its secret, once."""
    options = {"names": list(names) or None, "description": description, "expires_at": expires}
    spec: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if expires == NEVER:
        spec["expires_at"] = None
    key = client.create_key(account, {"scopes": list(scopes), **spec})
    key_id, secret = key["api_key"]["key"], key["api_key"]["secret"]
    return CommandOutput(
        f"{secret}\n",
        key,
        notes=(output.describe_key(key),),
        recovery=f"the secret of {key_id} is lost: revoke the key, and create another one",
    )


@admin_command(key_group, "list")
@account_option
def list_keys(client: AdminClient, account: int) -> CommandOutput:
    """List the API keys of an account, without secrets."""
    keys = client.keys(account)
    return CommandOutput(output.keys_table(keys), keys)


@admin_command(key_group, "rotate")
@click.argument("key", metavar="KEY", type=KEY)
@click.option(
    "--overlap",
    metavar="7d",
    type=DURATION,
    default="7d",
    show_default=True,
    help="Let the old API key expire after this number of days or hours, and not later than "
    "before. With `0h`, it stops working immediately.",
)
@account_option
def rotate_key(client: AdminClient, account: int, key: str, overlap: int) -> CommandOutput:
    """Replace an API key by a new one with the same rights, and print its secret, once.

    KEY is the id of the old one, mtk_k_…
    """
    new = client.rotate_key(account, key, overlap)
    new_id = new["api_key"]["key"]
    return CommandOutput(
        f"{new['api_key']['secret']}\n",
        new,
        notes=(
            output.describe_key(new),
            f"The old key {key} expires {new['replaces']['expires_at']}.",
        ),
        recovery=f"the secret of {new_id} is lost: revoke the key, and rotate {key} again",
    )


@admin_command(key_group, "revoke", prints_document=False)
@click.argument("key", metavar="KEY", type=KEY)
@click.option(
    "--with-descendants",
    is_flag=True,
    help="Also remove all API keys and trust policies that it created, that these created, and so "
    "on.",
)
@account_option
def revoke_key(
    client: AdminClient, account: int, key: str, *, with_descendants: bool
) -> CommandOutput:
    """Revoke an API key. KEY is its id, mtk_k_…"""
    client.revoke_key(account, key, with_descendants=with_descendants)
    descendants = " and all that it created" if with_descendants else ""
    return CommandOutput(f"Revoked key {key}{descendants}.\n")
