"""What all stores have in common about renamed names: their records, and what a rename refuses."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from monotron.model.component_keys import name_of_key
from monotron.model.semver import VersionName
from monotron.model.series import MAX_LENGTH
from monotron.store.auth_interface import AuthRecord, AuthRecordKind, RecordChange

RENAMED_NAME: AuthRecordKind = "renamed_name"


class Rename(NamedTuple):
    """A name, its new name, and the records that change with it."""

    account: int
    old: str
    new: str
    changes: tuple[RecordChange, ...]
    """Of badges, bindings and renamed names. Empty if they were made already."""
    event: dict[str, Any]

    @property
    def identity(self) -> tuple[int, str, str]:
        """What identifies the rename if it is repeated."""
        return self.account, self.old, self.new

    def key(self, key: str) -> str:
        """The new key of a series of the old name."""
        return f"{self.new}{key.removeprefix(self.old)}"

    def check(self, old_keys: Iterable[str], new_keys: Iterable[str], used: "Used") -> None:
        """Raise `RenameRefused` unless the new name is free, and the old one is known.

        The keys are those of the series of both names, deleted ones included.
        """
        if used.new or next(iter(new_keys), None) is not None:
            raise RenameRefused(
                f"{self.new!r} has versions or series. Use a name that was never used."
            )
        longest = max(map(len, map(self.key, old_keys)), default=0)
        if longest > MAX_LENGTH:
            raise RenameRefused(
                f"{self.new!r} is too long: the key of a series would have {longest} characters "
                f"(maximum: {MAX_LENGTH})."
            )
        has_records = any(change.kind != RENAMED_NAME for change in self.changes)
        if not (used.old or longest or has_records):
            raise RenameRefused(f"{self.old!r} has no versions and no series.")


class Used(NamedTuple):
    """Whether the names have a summary or releases."""

    old: bool
    new: bool


class RenameRefused(Exception):
    """Raised if a name cannot be renamed. The text states why. Nothing was changed."""


def keys_of(name: str, keys: Iterable[str]) -> list[str]:
    """The keys that belong to the name. *keys* start at the name, in order of the code points."""
    found = []
    for key in keys:
        if not key.startswith(name):
            break
        if name_of_key(key) == name:
            found.append(key)
    return found


def renamed_row(account: int, name: str, new: str) -> AuthRecord:
    """The record of a renamed name."""
    return AuthRecord(f"{account:019d}/{name}", account, {"name": new})


def renamed_names(rows: Iterable[AuthRecord]) -> dict[VersionName, str]:
    """The present name for each earlier one, from all of their records."""
    return {VersionName(row.account, row.name.partition("/")[2]): row.body["name"] for row in rows}
