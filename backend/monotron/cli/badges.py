"""Commands for badges: images of the newest version of a name."""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard

import click

from monotron.cli.options import Checked, client_options, output_option
from monotron.cli.output import CommandOutput, table
from monotron.cli.pages import read_list
from monotron.cli.sections import ADMINISTRATION
from monotron_ci.client import Client
from monotron_ci.http import HttpResponse

_ID = re.compile(r"[0-9a-f]{32}")


def _badge_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(
            "must be the id of a badge: 32 hexadecimal digits, as `monotron badge list` shows it"
        )
    return text


badge_group = ADMINISTRATION.group("badge")


@badge_group.command("create")
@click.argument("name", metavar="NAME")
@output_option("text", "json")
@client_options
def create_badge(client: Client, name: str) -> CommandOutput:
    """Create the badge of a name and print the URL of its image.

    Anyone with this URL can read the newest version of NAME. A name has one badge: if it exists,
    print its URL.
    """
    body = json.dumps({"name": name}).encode()
    response = client.request("POST", client.path("badges"), body, "application/json")
    badge = _checked(client, response, response.json())
    if badge["name"] != name:
        raise client.foreign_response(response)
    return CommandOutput(f"{client.url}{badge['svg']}\n", badge)


@badge_group.command("list")
@output_option("text", "json")
@client_options
def list_badges(client: Client) -> CommandOutput:
    """List the badges of an account, in order of their names."""
    badges = read_list(client, client.path("badges"), "badges", _is_badge)
    rows = [(each["id"], each["name"], each["created_at"], each["created_by"]) for each in badges]
    return CommandOutput(table([("BADGE", "NAME", "CREATED", "CREATED BY"), *rows]), badges)


@badge_group.command("delete")
@click.argument("badge", metavar="BADGE", type=Checked("badge", _badge_id))
@client_options
def delete_badge(client: Client, badge: str) -> CommandOutput:
    """Delete a badge. BADGE is its id. A new badge of the name has another URL."""
    response = client.request("DELETE", client.path("badges", badge))
    if response.body:  # a login page responds 200, too
        raise client.foreign_response(response)
    return CommandOutput(f"Deleted badge {badge}.\n")


def _checked(client: Client, response: HttpResponse, document: object) -> dict[str, Any]:
    """The badge, if it is one of the account."""
    if not _is_badge(document):
        raise client.foreign_response(response)
    client.check_account(document)
    return document


def _is_badge(document: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(document, dict):
        return False
    id = document.get("id")
    return (
        isinstance(id, str)
        and _ID.fullmatch(id) is not None
        and document.get("svg") == f"/badge/{id}.svg"
        and all(
            isinstance(document.get(member), str) for member in ("name", "created_at", "created_by")
        )
    )
