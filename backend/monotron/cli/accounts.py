"""Commands for accounts."""

from __future__ import annotations

from collections.abc import Callable

import click

from monotron.cli import output
from monotron.cli.admin import admin_command
from monotron.cli.admin_client import AdminClient
from monotron.cli.command import Function
from monotron.cli.options import ACCOUNT, ACCOUNT_NAME, client_options, output_option
from monotron.cli.output import CommandOutput
from monotron.cli.sections import ADMINISTRATION
from monotron_ci.client import Client

account_group = ADMINISTRATION.group("account")


def account_argument(function: Function) -> Function:
    """Add the argument ACCOUNT, an id or a name."""
    add: Callable[[Function], Function] = click.argument("account", metavar="ACCOUNT", type=ACCOUNT)
    return add(function)


@admin_command(account_group, "create", creates=True)
@click.option(
    "--name",
    metavar="NAME",
    type=ACCOUNT_NAME,
    help="Name the account: up to 64 lower-case letters, digits and hyphens. Commands accept the "
    "name in place of the id.",
)
def create_account(client: AdminClient, name: str | None) -> CommandOutput:
    """Create an account and print its id."""
    account = client.create_account(name)
    return CommandOutput(f"{account['id']}\n", account)


@admin_command(account_group, "list")
def list_accounts(client: AdminClient) -> CommandOutput:
    """List all accounts."""
    accounts = client.accounts()
    return CommandOutput(output.accounts_table(accounts), accounts)


@admin_command(account_group, "show")
@account_argument
def show_account(client: AdminClient, account: int) -> CommandOutput:
    """Show an account. ACCOUNT is its id or name."""
    return _result(client.account(account))


@admin_command(account_group, "rename")
@account_argument
@click.argument("name", metavar="NAME", type=ACCOUNT_NAME)
def rename_account(client: AdminClient, account: int, name: str) -> CommandOutput:
    """Name or rename an account. ACCOUNT is its id or its present name."""
    return _result(client.change_account(account, {"name": name}))


@admin_command(account_group, "disable")
@account_argument
def disable_account(client: AdminClient, account: int) -> CommandOutput:
    """Disable an account: its credentials get 403 until it is enabled. Deletes nothing."""
    return _result(client.change_account(account, {"disabled": True}))


@admin_command(account_group, "enable")
@account_argument
def enable_account(client: AdminClient, account: int) -> CommandOutput:
    """Enable an account again."""
    return _result(client.change_account(account, {"disabled": False}))


def _result(account: dict[str, object]) -> CommandOutput:
    return CommandOutput(output.describe_account(account), account)


@ADMINISTRATION.command("whoami")
@output_option("text", "json")
@client_options
def whoami(client: Client) -> CommandOutput:
    """Show the account and the permissions of the credentials."""
    response = client.request("GET", client.path("whoami"))
    caller = response.json()
    if not isinstance(caller, dict) or not isinstance(caller.get("account"), dict):
        raise client.foreign_response(response)
    return CommandOutput(output.describe_caller(caller), caller)
