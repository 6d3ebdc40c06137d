"""Accounts, keys, trusts, and the uses of identity tokens in MongoDB."""

import json
from datetime import UTC, datetime

from bson import Int64
from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from monotron.store.interface import AuthRecord, AuthRecordKind, AuthRecords, TokenUses
from monotron.store.mongo.client import Document, PatienceFor
from monotron.store.mongo.ledger import Sessions, collection


class MongoAuthRecords(AuthRecords):
    """The collection `register`. What JSON holds stands in it as text: no name is a field's."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, work: PatienceFor
    ) -> None:
        self._work = work
        self._rows = collection(database, "auth_records", sessions.read_concern("majority"))
        self._current = collection(database, "auth_records", sessions.read_concern("linearizable"))
        self._rows.create_index([("kind", ASCENDING), ("name", ASCENDING)], unique=True)
        self._rows.create_index([("kind", ASCENDING), ("account", ASCENDING), ("name", ASCENDING)])

    def add(self, kind: AuthRecordKind, row: AuthRecord) -> bool:
        work = self._work()
        work.applied = "unknown"

        def insert() -> bool:
            try:
                self._rows.insert_one({"kind": kind, "name": row.name, **_content(row)})
            except DuplicateKeyError:
                return False
            return True

        # An attempt whose answer was lost left the very row.
        return work.persist(insert) or self.find(kind, row.name) == row

    def find(self, kind: AuthRecordKind, name: str) -> AuthRecord | None:
        found = self._work().persist(lambda: self._current.find_one({"kind": kind, "name": name}))
        return _row(found) if found else None

    def page(
        self, kind: AuthRecordKind, account: int | None, after: str, limit: int
    ) -> list[AuthRecord]:
        condition: Document = {"kind": kind, "name": {"$gt": after}}
        if account is not None:
            condition["account"] = account
        found = self._work().persist(
            lambda: list(self._rows.find(condition).sort("name", ASCENDING).limit(limit))
        )
        return [_row(each) for each in found]

    def replace(self, kind: AuthRecordKind, row: AuthRecord) -> bool:
        work = self._work()
        work.applied = "unknown"
        condition = {"kind": kind, "name": row.name}
        done = work.persist(lambda: self._rows.update_one(condition, {"$set": _content(row)}))
        return done.matched_count == 1

    def remove(self, kind: AuthRecordKind, account: int, name: str) -> bool:
        work = self._work()
        work.applied = "unknown"
        condition = {"kind": kind, "account": account, "name": name}
        attempts = 0

        def delete() -> bool:
            nonlocal attempts
            attempts += 1
            return self._rows.delete_one(condition).deleted_count == 1

        # What an attempt without an answer removed, the next one does not find.
        return work.persist(delete) or attempts > 1


class MongoTokenUses(TokenUses):
    """The collection `uses`: a document an identity token."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, work: PatienceFor
    ) -> None:
        self._work = work
        self._uses = collection(database, "token_uses", sessions.read_concern("majority"))
        self._current = collection(database, "token_uses", sessions.read_concern("linearizable"))
        self._uses.create_index("token", unique=True)
        self._uses.create_index("expires_at", expireAfterSeconds=0)

    def use(self, token: str, operation: str, *, max_operations: int, expires_at: int) -> bool:
        work = self._work()
        condition = {
            "token": token,
            "operations": {"$ne": operation},
            f"operations.{max_operations - 1}": {"$exists": False},
        }
        change = {
            "$push": {"operations": operation},
            "$setOnInsert": {"expires_at": datetime.fromtimestamp(expires_at, UTC)},
        }

        def push() -> bool:
            try:
                self._uses.update_one(condition, change, upsert=True)
            except DuplicateKeyError:
                return False  # the token has this operation already, or no room for it
            return True

        if work.persist(push):
            return True
        used = {"token": token, "operations": operation}
        return work.persist(lambda: self._current.find_one(used)) is not None


def _content(row: AuthRecord) -> Document:
    return {"account": Int64(row.account), "body": json.dumps(row.body)}


def _row(found: Document) -> AuthRecord:
    return AuthRecord(found["name"], int(found["account"]), json.loads(found["body"]))
