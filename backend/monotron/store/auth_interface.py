"""The interface of the part of a store that authentication uses.

`interface.py` states the errors, which are those of every store.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

AuthRecordKind = Literal[
    "account",
    "account_name",
    "api_key",
    "trust",
    "trusting_account",
    "binding",
    "badge",
    "badge_name",
    "renamed_name",
    "event",
    "maintenance",
    "root_key",
]
"""An `account_name` reserves the name of an account. A `trusting_account` is an account that has,
or ever had, trust policies. A `binding` states which repository a derived name belongs to.
A `badge` is found by its id, and the `badge_name` of the same badge by its account and name.
A `renamed_name` states the present name of an earlier one. `maintenance` is the last audit, or the
last backup. A `root_key` is the hash of the root key that a server created in the store."""

MAX_EVENTS = 10_000
"""The number of events that a store keeps for each account, the newest ones."""


def event_name(id: int) -> str:
    """The name of the record of an event. Names have the order of ids."""
    return f"{id:019d}"


class AuthRecord(NamedTuple):
    """A record of one of the kinds."""

    name: str
    """Unique among the records of its kind."""
    account: int
    body: dict[str, Any]
    """A JSON object."""


class RecordChange(NamedTuple):
    """A change of one record, under the condition that it is unchanged since it was read.

    If both records are equal, the change only requires that the record exists: a transaction that
    removes it takes effect before or after all changes.
    """

    kind: AuthRecordKind
    before: AuthRecord | None
    """The record that must exist. None: no record may have the name of *after*."""
    after: AuthRecord | None
    """The record that replaces it, with the same name. None: the record is removed."""

    @property
    def record(self) -> AuthRecord:
        """One of the two records, for the name, and for the account that the change belongs to."""
        record = self.after or self.before
        if record is None:
            raise ValueError("a change requires a record")
        return record


class AuthRecords(ABC):
    """Accounts, API keys, trust policies and badges, and the events that record their changes.

    Writes are durable. Reads of one record are linearizable, and pages are read-committed.

    `add`, `change` and `remove` accept the body of an *event*, and record it in the same
    transaction if they change something. The ids of events are 1, 2, 3, …: an event is visible
    before any event with a higher id. The oldest events of an account with more than `MAX_EVENTS`
    are deleted.
    """

    @abstractmethod
    def add(
        self, kind: AuthRecordKind, record: AuthRecord, event: dict[str, Any] | None = None
    ) -> bool:
        """Add a record. Returns False, and changes nothing, if its name is taken."""

    @abstractmethod
    def find(self, kind: AuthRecordKind, name: str) -> AuthRecord | None:
        """The record with this name, or None."""

    @abstractmethod
    def page(
        self, kind: AuthRecordKind, account: int | None, after: str, limit: int
    ) -> list[AuthRecord]:
        """At most *limit* records with names after *after*, in order of name.

        *account* None selects the records of all accounts.
        """

    @abstractmethod
    def count(self, kind: AuthRecordKind, account: int | None) -> int:
        """The number of records of the account. *account* None selects all accounts."""

    @abstractmethod
    def change(self, changes: Sequence[RecordChange], event: dict[str, Any] | None = None) -> bool:
        """Make all changes in one transaction. *event* belongs to the account of the first one.

        Returns False, and changes nothing, if one of the records is not as the change expects it.
        No two changes have the same kind and name.
        """

    @abstractmethod
    def remove(
        self, kind: AuthRecordKind, account: int, name: str, event: dict[str, Any] | None = None
    ) -> bool:
        """Remove a record. Returns False if the account has no record with this name."""


class TokenUses(ABC):
    """The operations that each identity token was used for, until after it has expired."""

    @abstractmethod
    def use(self, token: str, operation: str, *, max_operations: int, expires_at: int) -> bool:
        """Record the use of an identity token for an operation.

        Returns True if the operation is recorded, now or earlier, and False if the token was
        already used for *max_operations* others. Atomic and durable. *token* and *operation* have
        at most 64 characters. The record may be deleted after *expires_at* (seconds since the
        epoch).
        """
