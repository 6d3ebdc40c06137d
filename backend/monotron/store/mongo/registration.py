"""The processes that use a database, so that an export or import can require exclusive use.

The document `use` of the collection `registrations` lists them:
`{_id, is_incomplete, rename, renames, processes: [{id, command, expires_at}, …]}`. A process
without a command, such as a server, shares the database. One with a command, such as `export`,
excludes all others. To register and to renew is one update of this document, so the check and the
entry are atomic. Entries expire by the clock of the database, so that a killed process is
forgotten.

A process uses the store for `VALID_SECONDS` after it sent a renewal that succeeded. The entry
expires later, by more than the time limit of a call. So no call of a process whose entry has
expired is still running. `is_incomplete` does not expire: it is set during an import
(docs/decisions/0021-exports.md). Neither does `rename`, which is set during a rename: account, old
and new name. `renames` is the number of renames that have ended.
"""

import logging
from typing import Any
from uuid import uuid4

import pymongo
from bson import Int64
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from monotron.errors import StartupError, StoreUnavailable
from monotron.runtime import Runtime
from monotron.store.mongo.client import START_SECONDS, Document
from monotron.store.mongo.deadline import translate_error
from monotron.store.mongo.reads import collection

log = logging.getLogger("monotron.store")

RENEW_SECONDS = 10.0
VALID_SECONDS = 30.0
EXPIRY_SECONDS = 60.0

CALL_SECONDS = 1.0
"""The time limit for a renewal that a call waits for, and for removing the entry at the end."""

IMPORT = "import"
RENAME = "rename"

_USE = {"_id": "use"}


class Registration:
    """The entry of this process."""

    def __init__(
        self,
        database: "Database[Document]",
        runtime: Runtime,
        exclusive: str = "",
        *,
        expiry_seconds: float = EXPIRY_SECONDS,
    ) -> None:
        """Register. *exclusive*: the command that excludes others. Raises `StartupError`."""
        self._registrations = collection(database, "registrations")
        self._runtime = runtime
        self._exclusive = exclusive
        self._expiry_ms = int(expiry_seconds * 1000)
        self._id = uuid4().hex
        self._lock = runtime.lock()
        self._valid_until = 0.0
        self._renames = 0
        use = self._renew(START_SECONDS)
        if not self._contains_own(use):
            raise StartupError(self._conflict(use))
        self.is_incomplete = bool(use.get("is_incomplete"))
        """Whether an earlier import was interrupted."""
        self.interrupted_rename = _rename_of(use)
        """Account, old and new name of an interrupted rename, or None."""
        self._known_renames = self._renames
        """The number of renames whose result this process knows: it reads them when it starts."""
        self._closing = runtime.event()
        self._thread = runtime.spawn(self._run, "registration")

    def check(self) -> None:
        """Raise `StoreUnavailable` unless this process may use the database now."""
        self._renew_if_due()
        if self._renames != self._known_renames:
            # Requests that wait in this process may use an earlier name.
            raise StoreUnavailable(
                "Names were renamed while this server was not connected to MongoDB. Restart it."
            )

    def _renew_if_due(self) -> None:
        if self._runtime.monotonic() < self._valid_until:
            return
        with self._lock:
            if self._runtime.monotonic() < self._valid_until:
                return
            try:
                use = self._renew(CALL_SECONDS)
            except PyMongoError as error:
                raise translate_error(error) from error
        if not self._contains_own(use):
            raise StoreUnavailable(self._conflict(use))

    def set_incomplete(self, is_incomplete: bool) -> None:
        """State whether an import is incomplete. Raises `StoreUnavailable` if the entry expired."""
        own = {**_USE, "processes.id": self._id}
        change = {"$set": {"is_incomplete": is_incomplete}}
        if not self._registrations.update_one(own, change).matched_count:
            raise StoreUnavailable(
                "Another process has begun to use the store during the import. Repeat the import."
            )

    def begin_rename(self, identity: tuple[int, str, str]) -> None:
        """State that a rename is incomplete. Raises `StoreUnavailable` if the entry expired."""
        account, old, new = identity
        rename = {"account": Int64(account), "old": old, "new": new}
        self._change_rename({"$set": {"rename": rename}})

    def end_rename(self) -> None:
        """State that the rename is complete. Raises `StoreUnavailable` if the entry expired."""
        self._change_rename({"$unset": {"rename": ""}, "$inc": {"renames": 1}})
        self._known_renames += 1
        self._renames = self._known_renames
        self.interrupted_rename = None

    def _change_rename(self, change: Document) -> None:
        own = {**_USE, "processes.id": self._id}
        if not self._registrations.update_one(own, change).matched_count:
            raise StoreUnavailable(
                "Another process has begun to use the store during the rename. Repeat the rename."
            )

    def close(self) -> None:
        """Remove the entry."""
        self._closing.set()
        self._thread.join()
        try:
            with pymongo.timeout(CALL_SECONDS):
                self._registrations.update_one(_USE, {"$pull": {"processes": {"id": self._id}}})
        except PyMongoError as error:
            log.warning("could not remove the registration of this process: %s", error)

    def _run(self) -> None:
        while not self._closing.wait(RENEW_SECONDS):
            try:
                with self._lock:
                    self._renew(RENEW_SECONDS)
            except PyMongoError as error:
                log.warning("could not renew the registration of this process: %s", error)

    def _renew(self, seconds: float) -> Document:
        """Add or renew the entry, unless another process excludes it. Return the document."""
        sent_at = self._runtime.monotonic()
        with pymongo.timeout(seconds):
            while True:
                try:
                    use = self._registrations.find_one_and_update(
                        _USE, self._update(), upsert=True, return_document=ReturnDocument.AFTER
                    )
                except DuplicateKeyError:  # two processes create the document
                    continue
                if use is not None:
                    break
        if self._contains_own(use):
            self._renames = use.get("renames", 0)  # before others see that the entry is valid
            self._valid_until = sent_at + VALID_SECONDS
        return use

    def _update(self) -> list[Document]:
        """Remove expired entries and the own one, then add it unless there is a conflict."""
        others = {
            "$filter": {
                "input": {"$ifNull": ["$processes", []]},
                "cond": {
                    "$and": [
                        {"$gt": ["$$this.expires_at", "$$NOW"]},
                        {"$ne": ["$$this.id", self._id]},
                    ]
                },
            }
        }
        any_process: Any = {"$gt": [{"$size": "$processes"}, 0]}
        any_exclusive: Any = {
            "$anyElementTrue": [
                {"$map": {"input": "$processes", "in": {"$ne": ["$$this.command", ""]}}}
            ]
        }
        conflict = any_process if self._exclusive else any_exclusive
        if self._exclusive != IMPORT:
            conflict = {"$or": [conflict, {"$ifNull": ["$is_incomplete", False]}]}
        if self._exclusive != RENAME:
            conflict = {"$or": [conflict, {"$gt": ["$rename", None]}]}
        own = {
            "id": self._id,
            "command": self._exclusive,
            "expires_at": {"$add": ["$$NOW", self._expiry_ms]},
        }
        added = {"$concatArrays": ["$processes", [own]]}
        return [
            {"$set": {"processes": others}},
            {"$set": {"processes": {"$cond": [conflict, "$processes", added]}}},
        ]

    def _contains_own(self, use: Document) -> bool:
        return any(process["id"] == self._id for process in use["processes"])

    def _conflict(self, use: Document) -> str:
        commands = [process["command"] for process in use["processes"] if process["command"]]
        expiry = f"A process that was killed is forgotten after {self._expiry_ms // 1000} seconds."
        if commands:
            return f"`monotron {commands[0]}` uses the store. Wait until it has ended. {expiry}"
        interrupted = _rename_of(use)
        if interrupted is not None and self._exclusive != RENAME:
            account, old, new = interrupted
            return (
                "The store contains an interrupted rename. Repeat `monotron rename "
                f"--account {account} {old} {new}`."
            )
        if not use["processes"] or not self._exclusive:
            return (
                "The store contains an interrupted import. Repeat `monotron import`, or use "
                "another database."
            )
        return (
            f"{len(use['processes'])} servers or commands use the store. `monotron "
            f"{self._exclusive}` requires exclusive use: stop them. {expiry}"
        )


def _rename_of(use: Document) -> tuple[int, str, str] | None:
    rename = use.get("rename")
    return (int(rename["account"]), rename["old"], rename["new"]) if rename else None
