"""The command `rename`."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import quote

import click

from monotron.auth.renames import rename_of
from monotron.cli.admin import account_option
from monotron.cli.maintenance import store_option
from monotron.cli.options import fail_usage
from monotron.cli.output import CommandOutput
from monotron.cli.sections import MAINTENANCE
from monotron.cli.store_file import open_existing_store
from monotron.errors import InvalidName, MonotronError
from monotron.model.component_keys import name_of_key
from monotron.model.semver import parse_name
from monotron.store import Store
from monotron.store.renames import RenameRefused
from monotron_ci.errors import Failure


@MAINTENANCE.command("rename")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@account_option
@store_option("Store: `sqlite:///FILE` of a stopped server, or a MongoDB URL", required=True)
def rename(old: str, new: str, account: int | str, store: str) -> CommandOutput:
    """Rename a name, so that its versions and series continue under the new one.

    The servers of the store must be stopped. Requests for OLD then get 410 and the new name. NEW
    must not have versions or series.

    Example: monotron rename shop store --store sqlite:///monotron.db
    """
    for name in (old, new):
        try:
            parse_name(quote(name, safe=""))
        except InvalidName as invalid:
            fail_usage(f"invalid name {name[:50]!r}: {invalid.detail}")
    if old == new:
        fail_usage("OLD and NEW are the same name")
    if name_of_key(new) != new:
        fail_usage(f"{new!r} is the key of a series of the name {name_of_key(new)!r}")
    with closing(open_existing_store(store, exclusive="rename")) as opened:
        account = _account_id(opened, account)
        is_repeated = opened.transfer.interrupted_rename == (account, old, new)
        try:
            opened.transfer.rename(
                rename_of(opened.auth_records, account, old, new, is_repeated=is_repeated)
            )
        except RenameRefused as refused:
            raise Failure(f"cannot rename {old!r}: {refused}", code="rename_refused") from None
        except MonotronError as error:
            if error.applied == "no" and not opened.shareable:
                raise
            raise Failure(
                f"{error.detail} The rename may be incomplete",
                "repeat the command",
                code=error.code,
            ) from None
    return CommandOutput(
        f"Renamed {old} to {new} in account {account}. Requests for {old} now get 410.\n"
    )


def _account_id(store: Store, account: int | str) -> int:
    if isinstance(account, int):
        return account
    row = store.auth_records.find("account_name", account)
    if row is None:
        raise Failure(
            f"no account has the name {account!r}", "list accounts with `monotron account list`"
        )
    return row.account
