"""Commands for the versions of all names, and for taking a version back."""

from __future__ import annotations

import json

import click

from monotron.cli.options import client_options, fail_usage, output_option, passed
from monotron.cli.output import EMPTY, CommandOutput, NothingFound, table
from monotron.cli.pages import Document, limit_option, prefix_option, read_list
from monotron.cli.sections import BUILDS
from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.responses import parse_version


@BUILDS.command("names")
@prefix_option
@limit_option("names")
@output_option("text", "json")
@client_options
def names(client: Client, prefix: str, limit: int) -> CommandOutput:
    """List the names of an account with their newest versions."""
    path = client.path("versions")
    items = read_list(client, path, "versions", _is_version, {"prefix": prefix}, limit=limit)
    members = ("name", "version", "token", "bump", "created_at")
    rows = [tuple(each[member] or EMPTY for member in members) for each in items]
    return CommandOutput(table([("NAME", "VERSION", "TOKEN", "BUMP", "CREATED"), *rows]), items)


@BUILDS.command("withdraw")
@click.argument("name", metavar="NAME")
@click.argument("version", metavar="VERSION")
@click.option("--reason", metavar="TEXT", help="Why the version must not be used. Required.")
@click.option(
    "--commits",
    type=click.Choice(("count", "ignore")),
    default="count",
    show_default=True,
    help="Whether its commits count again for the next version of `--bump auto`.",
)
@click.option("--undo", is_flag=True, help="Reverse the withdrawal of VERSION.")
@output_option("text", "json")
@client_options
def withdraw(
    client: Client, name: str, version: str, reason: str | None, commits: str, *, undo: bool
) -> CommandOutput:
    """Withdraw a version, so that it is never the latest, and never assigned again."""
    if undo and (reason is not None or passed(click.get_current_context(), "commits")):
        fail_usage("--undo cannot be combined with --reason or --commits")
    if not undo and reason is None:
        fail_usage("missing option '--reason'")
    version = version.removeprefix("v")
    path = client.path("releases", name, version, "withdrawal")
    body = None if undo else json.dumps({"reason": reason, "commits": commits}).encode()
    try:
        response = client.request("DELETE" if undo else "PUT", path, body, "application/json")
    except Failure as failure:
        if failure.code != "version_not_found":
            raise
        raise NothingFound(f"{name!r} has no version {version}") from None
    info = parse_version(response.json(), name)
    if info is None or info.is_withdrawn is undo:
        raise client.foreign_response(response)
    client.check_account(info.document)
    of_name = f"version {info.version} of {name}"
    if response.headers.get("Monotron-Reused") == "true":
        done = f"Nothing changed: {of_name} is {'not' if undo else 'already'} withdrawn."
    else:
        done = f"Reversed the withdrawal of {of_name}." if undo else f"Withdrew {of_name}."
    return CommandOutput(f"{done}\n", info.document)


def _is_version(document: Document) -> bool:
    return parse_version(document, str(document.get("name"))) is not None
