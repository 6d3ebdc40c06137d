"""Commands for series: lists, ledgers, and changes that no build makes."""

from __future__ import annotations

import json

import click

from monotron.cli.options import client_options, integer, output_option
from monotron.cli.output import EMPTY, CommandOutput, NothingFound, table
from monotron.cli.pages import Document, limit_option, prefix_option, read_list
from monotron.cli.sections import BUILDS
from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.responses import INT64_MAX

key_argument = click.argument("key", metavar="KEY")

series_group = BUILDS.group("series")


@series_group.command("list")
@prefix_option
@limit_option("series")
@output_option("text", "json")
@client_options
def list_series(client: Client, prefix: str, limit: int) -> CommandOutput:
    """List the series of an account with their current numbers, in order of their keys."""
    path = client.path("series")
    entries = read_list(client, path, "series", _is_entry, {"prefix": prefix}, limit=limit)
    rows = [(each["key"], str(each["value"]), each["token"] or EMPTY) for each in entries]
    return CommandOutput(table([("KEY", "NUMBER", "TOKEN"), *rows]), entries)


@series_group.command("show")
@key_argument
@limit_option("entries")
@output_option("text", "json")
@client_options
def show_series(client: Client, key: str, limit: int) -> CommandOutput:
    """List the ledger of a series, newest entry first: who assigned which number to which token."""
    path, query = client.path("entries", key), {"assigned_by": "true"}
    try:
        entries = read_list(
            client, path, "entries", _is_ledger_entry, query, limit=limit, cursor="before"
        )
    except Failure as failure:
        if failure.code != "series_not_found":
            raise
        raise NothingFound(f"{key!r} has no builds yet") from None
    rows = [
        (
            str(each["value"]),
            each["token"] or "(advanced)",
            each["created_at"] or EMPTY,
            each["assigned_by"] or EMPTY,
        )
        for each in entries
    ]
    return CommandOutput(table([("NUMBER", "TOKEN", "CREATED", "ASSIGNED BY"), *rows]), entries)


@series_group.command("advance")
@key_argument
@click.argument("value", metavar="N", type=integer("n", 1, INT64_MAX))
@output_option("text", "json")
@client_options
def advance_series(client: Client, key: str, value: int) -> CommandOutput:
    """Advance a series, so that its next number is N plus one. A series never decreases."""
    body = json.dumps({"value": value}).encode()
    response = client.request("PUT", client.path("series", key), body, "application/json")
    entry = response.json()
    if not isinstance(entry, dict) or not _is_entry(entry):
        raise client.foreign_response(response)
    if (entry["key"], entry["value"]) != (key, value):
        raise client.foreign_response(response)
    client.check_account(entry)
    return CommandOutput(f"Advanced series {key} to {value}.\n", entry)


@series_group.command("delete")
@key_argument
@click.option(
    "--restart",
    is_flag=True,
    help="Also forget its numbers: the next one is 1, and numbers are assigned a second time.",
)
@client_options
def delete_series(client: Client, key: str, *, restart: bool) -> CommandOutput:
    """Delete a series, its ledger, and the attributes of its tokens.

    If the series is created again, it continues after its last number, unless --restart is given.
    """
    query = "?restart=true" if restart else ""
    response = client.request("DELETE", f"{client.path('series', key)}{query}")
    if response.body:  # a login page responds 200, too
        raise client.foreign_response(response)
    return CommandOutput(f"Deleted series {key}{' and its numbers' if restart else ''}.\n")


def _is_entry(document: Document) -> bool:
    return (
        isinstance(document.get("key"), str)
        and isinstance(document.get("value"), int)
        and isinstance(document.get("token"), str | None)
    )


def _is_ledger_entry(document: Document) -> bool:
    return _is_entry(document) and all(
        isinstance(document.get(member), str | None) for member in ("created_at", "assigned_by")
    )
