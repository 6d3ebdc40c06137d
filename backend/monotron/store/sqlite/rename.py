"""A rename in an SQLite file, in the transaction of the caller."""

import json

from monotron.model.semver import VersionName
from monotron.store.auth_interface import AuthRecord
from monotron.store.renames import RENAMED_NAME, Rename, Used, keys_of, renamed_names
from monotron.store.sqlite.auth_records import make_changes
from monotron.store.sqlite.file import Transaction

_KEYS = "SELECT key FROM series WHERE account = ? AND key >= ? ORDER BY key"
_IS_USED = """
SELECT EXISTS (SELECT 1 FROM names WHERE account = ?1 AND name = ?2)
    OR EXISTS (SELECT 1 FROM releases WHERE account = ?1 AND name = ?2)
"""
_RENAMED = "SELECT name, account, body FROM auth_records WHERE kind = ? ORDER BY name"


def rename(transaction: Transaction, rename: Rename) -> bool:
    """Move the rows of the name. False if a record is not as expected; then roll back.

    Raises `RenameRefused`.
    """
    account, old, new = rename.identity
    old_keys, new_keys = (
        keys_of(name, (key for (key,) in transaction.execute(_KEYS, (account, name))))
        for name in (old, new)
    )
    used = Used(*(bool(transaction.one(_IS_USED, account, name)[0]) for name in (old, new)))
    rename.check(old_keys, new_keys, used)
    for key in old_keys:
        transaction.write(
            "UPDATE series SET key = ? WHERE account = ? AND key = ?", rename.key(key), account, key
        )
    for table in ("names", "releases"):
        transaction.write(
            f"UPDATE {table} SET name = ? WHERE account = ? AND name = ?",  # noqa: S608  # constant
            *(new, account, old),
        )
    return make_changes(transaction, rename.changes, rename.event)


def read_renamed_names(transaction: Transaction) -> dict[VersionName, str]:
    """The present name for each earlier one."""
    rows = transaction.execute(_RENAMED, (RENAMED_NAME,)).fetchall()
    return renamed_names(
        AuthRecord(name, account, json.loads(body)) for name, account, body in rows
    )
