"""The command `monotron apply`: accounts, API keys and trust policies as a file describes them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from monotron.cli.account_names import ROOT
from monotron.cli.admin import admin_command
from monotron.cli.admin_client import AdminClient
from monotron.cli.output import CommandOutput, count_text, write
from monotron.cli.pages import Document
from monotron.cli.sections import ADMINISTRATION
from monotron_ci.errors import Failure
from monotron_ci.workflow_commands import replace_control_characters

if TYPE_CHECKING:
    from monotron.cli.state_changes import Change, PresentAccount
    from monotron.cli.wanted_state import WantedAccount

LOST_SECRETS = "the secrets of new API keys are lost: replace them with `monotron key rotate`"


@admin_command(ADMINISTRATION, "apply")
@click.option(
    "-f",
    "--file",
    metavar="FILE",
    type=click.File("rb"),
    required=True,
    help="YAML file with the wanted state; `-` reads standard input.",
)
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@click.option(
    "--prune",
    is_flag=True,
    help="Also revoke API keys and delete trust policies that the lists of FILE do not contain.",
)
def apply(client: AdminClient, file: BinaryIO, *, dry_run: bool, prune: bool) -> CommandOutput:
    """Create the accounts, API keys and trust policies of a file that do not exist yet."""
    from monotron.cli.state_changes import required_changes
    from monotron.cli.wanted_state import parse_wanted_state  # imports cryptography

    name = "standard input" if file is sys.stdin.buffer else file.name
    wanted = parse_wanted_state(file.read(), name)
    caller = client.caller()
    present = _present(client, caller, wanted)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    own_key = caller["principal"].removeprefix("key:")
    missing, unwanted = required_changes(wanted, present, now, own_key)
    changes = [*missing, *(unwanted if prune else ())]
    if dry_run:
        result = _result([(each, None) for each in changes])
    else:
        result = _make(client, changes, {name: each.id for name, each in present.items()})
    if not changes:
        result = replace(result, text="nothing to change\n")
    return result if prune else replace(result, notes=tuple(map(_kept, unwanted)))


def _present(
    client: AdminClient, caller: Document, wanted: Sequence[WantedAccount]
) -> dict[str, PresentAccount]:
    """The present state of the wanted accounts that exist. Other credentials than the root key
    see their own account only.
    """
    from monotron.cli.state_changes import PresentAccount

    if caller["principal"] == ROOT:
        accounts = client.accounts()
    else:
        _check_visible(caller, wanted)
        accounts = [{**caller["account"], "disabled": False}]  # because they were accepted
    by_name = {each["name"]: each for each in accounts}
    present = {}
    for each in wanted:
        if each.name in by_name:
            account = by_name[each.name]
            present[each.name] = PresentAccount(
                account["id"],
                account["disabled"],
                [] if each.api_keys is None else client.keys(account["id"]),
                [] if each.trusts is None else client.trusts(account["id"]),
            )
    return present


def _check_visible(caller: Document, wanted: Iterable[WantedAccount]) -> None:
    """Lists omit what the caller could not grant. It would seem to be missing."""
    from monotron.auth.scopes import parse_scopes
    from monotron.model.name_patterns import NamePatterns

    own = caller["account"]
    scopes, names = parse_scopes(caller["scopes"]), NamePatterns(tuple(caller["names"]))
    for account in wanted:
        if account.name != own["name"]:
            raise Failure(
                f"these credentials belong to account {own['id']} "
                f"({own['name'] or 'without a name'}), not to {account.name!r}",
                "set MONOTRON_API_KEY to the root key, KEY:SECRET",
            )
        keys = [[each.spec()] for each in account.api_keys or ()]
        for forms in *keys, *(each.forms for each in account.trusts or ()):
            if not any(
                parse_scopes(each["scopes"]) <= scopes
                and names.covers(NamePatterns(tuple(each["names"])))
                for each in forms
            ):
                raise Failure(
                    f"these credentials lack rights that the file grants in account {own['name']}",
                    "use credentials that have all scopes and names of the file, because others "
                    "cannot see its API keys and trust policies",
                )


def _make(client: AdminClient, changes: Sequence[Change], ids: dict[str, int]) -> CommandOutput:
    """Make the changes in order. If one fails, the result of those before is written, because it
    contains secrets that no other response contains.
    """
    made: list[tuple[Change, Document | None]] = []
    try:
        for change in changes:
            response = change.make(client, ids.get(change.account, 0))
            made.append((change, response))
            if response is not None and change.account not in ids:
                ids[change.account] = response["id"]
    except BaseException:
        count = f"{len(made)} of {count_text(len(changes), 'change')}"
        note = f"note: made {count}, and tried this one: {change}"
        format = click.get_current_context().params["output_format"]
        write(replace(_result(made), format=format, notes=(note,)))
        raise
    return _result(made)


def _result(changes: Sequence[tuple[Change, Document | None]]) -> CommandOutput:
    """The diff, with the secrets of new API keys."""
    lines = []
    for change, response in changes:
        lines.append(replace_control_characters(str(change)))
        key: Any = (response or {}).get("api_key", {})
        if "secret" in key:
            lines.append(f"  secret: {key['secret']}")
    document = {"changes": [{"change": str(change), "result": made} for change, made in changes]}
    text = "".join(f"{line}\n" for line in lines)
    return CommandOutput(text, document, recovery=LOST_SECRETS)


def _kept(removal: Change) -> str:
    return f"note: not in the file, and kept without --prune: {str(removal).removeprefix('- ')}"
