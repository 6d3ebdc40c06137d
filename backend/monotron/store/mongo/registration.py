"""The processes that use a database, so that an export or import can require exclusive use.

The document `use` of the collection `registrations` lists them:
`{_id, is_incomplete, processes: [{id, command, expires_at}, …]}`. A process without a command, such
as a server, shares the database. One with a command, such as `export`, excludes all others. To
register and to renew is one update of this document, so the check and the entry are atomic. Entries
expire by the clock of the database, so that a killed process is forgotten.

A process uses the store for `VALID_SECONDS` after it sent a renewal that succeeded. The entry
expires later, by more than the time limit of a call. So no call of a process whose entry has
expired is still running. `is_incomplete` does not expire: it is set during an import
(docs/decisions/0021-exports.md).
"""

import logging
from typing import Any
from uuid import uuid4

import pymongo
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
        use = self._renew(START_SECONDS)
        if not self._contains_own(use):
            raise StartupError(self._conflict(use))
        self.is_incomplete = bool(use.get("is_incomplete"))
        """Whether an earlier import was interrupted."""
        self._closing = runtime.event()
        self._thread = runtime.spawn(self._run, "registration")

    def check(self) -> None:
        """Raise `StoreUnavailable` unless this process may use the database now."""
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
        if not use["processes"] or not self._exclusive:
            return (
                "The store contains an interrupted import. Repeat `monotron import`, or use "
                "another database."
            )
        return (
            f"{len(use['processes'])} servers or commands use the store. `monotron "
            f"{self._exclusive}` requires exclusive use: stop them. {expiry}"
        )
