"""The records that a rename changes: of badges, of repositories, and of earlier names."""

import time
from collections.abc import Iterator
from itertools import chain

from monotron.auth.badges import Badge, badge_row_name
from monotron.auth.derived_names import moved_binding
from monotron.store.auth_interface import AuthRecord, AuthRecords, RecordChange
from monotron.store.renames import RENAMED_NAME, Rename, RenameRefused, renamed_row

BY = "root"
"""The principal of commands on a store itself."""

ROWS = 1000


def rename_of(
    records: AuthRecords, account: int, old: str, new: str, *, is_repeated: bool = False
) -> Rename:
    """The rename, with the changes of the records as they are now.

    *is_repeated*: it was interrupted, so the changes may have been made. Raises `RenameRefused`.
    """
    event = {
        "created_at": int(time.time()),
        "by": BY,
        "action": "rename",
        "subject": "name",
        "subject_id": old,
        "new_name": new,
    }
    added = renamed_row(account, old, new)
    if is_repeated and records.find(RENAMED_NAME, added.name) == added:
        return Rename(account, old, new, (), event)
    changes = chain(
        _of_earlier_names(records, added, account, old, new),
        _of_badge(records, account, old, new),
        moved_binding(records, account, old, new),
    )
    return Rename(account, old, new, tuple(changes), event)


def _of_earlier_names(
    records: AuthRecords, added: AuthRecord, account: int, old: str, new: str
) -> Iterator[RecordChange]:
    """Names that were renamed to the old one are renamed to the new one."""
    before = records.find(RENAMED_NAME, added.name)
    if before is not None:
        raise RenameRefused(f"{old!r} was renamed to {before.body['name']!r}. Rename that name.")
    yield RecordChange(RENAMED_NAME, None, added)
    own = renamed_row(account, new, old)
    back = records.find(RENAMED_NAME, own.name)
    if back is not None and back != own:
        raise RenameRefused(
            f"{new!r} was renamed to {back.body['name']!r}. Its builds would get the versions of "
            f"{old!r}. Use another name."
        )
    for row in _rows(records, account):
        if row == back:
            yield RecordChange(RENAMED_NAME, row, None)
        elif row.body["name"] == old:
            yield RecordChange(RENAMED_NAME, row, row._replace(body={"name": new}))


def _rows(records: AuthRecords, account: int) -> Iterator[AuthRecord]:
    after = ""
    while page := records.page(RENAMED_NAME, account, after, ROWS):
        yield from page
        after = page[-1].name


def _of_badge(records: AuthRecords, account: int, old: str, new: str) -> Iterator[RecordChange]:
    if records.find("badge_name", badge_row_name(account, new)) is not None:
        raise RenameRefused(f"{new!r} has a badge. Delete it, or use another name.")
    row = records.find("badge_name", badge_row_name(account, old))
    if row is None:
        return
    before = Badge.of_name(row)
    after = Badge(before.id, account, new, before.created_at, before.created_by)
    yield RecordChange("badge", before.row(), after.row())
    yield RecordChange("badge_name", row, None)
    yield RecordChange("badge_name", None, after.name_row())
