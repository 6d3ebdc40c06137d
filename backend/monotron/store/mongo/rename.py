"""A rename in a MongoDB database.

A series can have more entries than one transaction can change. So the rename has steps, each of
which can be repeated, while a document states that it is incomplete: no other process opens the
database until it was repeated to its end. Entries and attributes are changed before their series,
and series before the records.
"""

import json
from collections.abc import Iterator
from functools import partial

from pymongo import ASCENDING
from pymongo.database import Database

from monotron.model.component_keys import name_of_first_key
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.store.auth_interface import AuthRecord, AuthRecords
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import collection
from monotron.store.mongo.registration import Registration
from monotron.store.mongo.series_fields import where
from monotron.store.mongo.usage import attribute_counters
from monotron.store.renames import (
    RENAMED_NAME,
    Rename,
    RenameRefused,
    Used,
    keys_of,
    renamed_names,
)


def rename(
    database: "Database[Document]",
    registration: Registration,
    records: AuthRecords,
    rename: Rename,
) -> None:
    """Move the documents of the name, or the rest of them after an interruption.

    Raises `RenameRefused`.
    """
    account, old, new = rename.identity
    documents = partial(collection, database)
    old_keys = keys_of(old, _keys(database, account, old))
    interrupted = registration.interrupted_rename
    if interrupted is None:
        used = Used(*(_is_used(database, account, name) for name in (old, new)))
        rename.check(old_keys, keys_of(new, _keys(database, account, new)), used)
        registration.begin_rename(rename.identity)
    elif interrupted != rename.identity:
        raise RenameRefused(
            f"The store contains an interrupted rename of {interrupted[1]!r} to {interrupted[2]!r} "
            f"in account {interrupted[0]}. Repeat it first."
        )
    for key in old_keys:
        registration.check()
        series, moved = SeriesKey(account, key), SeriesKey(account, rename.key(key))
        for name in ("entries", "attributes"):
            documents(name).update_many(where(series), {"$set": {"key": moved.key}})
        (_, counter), (_, new_counter) = attribute_counters(series), attribute_counters(moved)
        documents("usage").update_one(counter._asdict(), {"$set": new_counter._asdict()})
        new_fields = {"key": moved.key, "first_of": name_of_first_key(moved.key)}
        documents("series").update_one(where(series), {"$set": new_fields})
    registration.check()
    for name in ("releases", "names"):
        documents(name).update_many({"account": account, "name": old}, {"$set": {"name": new}})
    if rename.changes and not records.change(rename.changes, rename.event):
        raise RenameRefused("The records of the name were changed meanwhile. Repeat the rename.")
    registration.end_rename()


def read_renamed_names(database: "Database[Document]") -> dict[VersionName, str]:
    """The present name for each earlier one."""
    rows = collection(database, "auth_records").find({"kind": RENAMED_NAME})
    return renamed_names(
        AuthRecord(row["name"], int(row["account"]), json.loads(row["body"])) for row in rows
    )


def _keys(database: "Database[Document]", account: int, start: str) -> Iterator[str]:
    condition = {"account": account, "key": {"$gte": start}}
    rows = collection(database, "series").find(condition, {"key": 1}).sort("key", ASCENDING)
    return (row["key"] for row in rows)


def _is_used(database: "Database[Document]", account: int, name: str) -> bool:
    condition = {"account": account, "name": name}
    return any(
        collection(database, each).find_one(condition) is not None for each in ("names", "releases")
    )
