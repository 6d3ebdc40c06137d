"""Accounts, API keys, trust policies and uses of identity tokens in MongoDB."""

import json
from datetime import UTC, datetime

from bson import Int64
from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from monotron.errors import in_doubt
from monotron.store.interface import AuthRecord, AuthRecordKind, AuthRecords, TokenUses
from monotron.store.mongo.client import Document
from monotron.store.mongo.deadline import Deadlines
from monotron.store.mongo.reads import Reads, collection


class MongoAuthRecords(AuthRecords):
    """The collection `auth_records`.

    Bodies are stored as JSON text, so that no user text is a field name.
    """

    def __init__(self, database: "Database[Document]", reads: Reads, deadlines: Deadlines) -> None:
        self._reads = reads
        self._deadlines = deadlines
        self._rows = collection(database, "auth_records")
        self._rows.create_index([("kind", ASCENDING), ("name", ASCENDING)], unique=True)
        self._rows.create_index([("kind", ASCENDING), ("account", ASCENDING), ("name", ASCENDING)])

    def add(self, kind: AuthRecordKind, record: AuthRecord) -> bool:
        key = {"kind": kind, "name": record.name}
        deadline = self._deadlines.start()

        def insert(session: ClientSession) -> bool:
            try:
                self._rows.insert_one({**key, **_content(record)}, session=session)
            except DuplicateKeyError:
                return False
            return True

        def find(session: ClientSession) -> Document | None:
            return self._rows.find_one(key, session=session)

        with in_doubt():
            while True:
                added, time = self._reads.after(None, insert, deadline)
                if added:
                    return True
                # After a lost response, the record of the earlier attempt exists. None exists if a
                # failover removed it since.
                existing, _ = self._reads.after(time, find, deadline)
                if existing is not None:
                    return _record(existing) == record

    def find(self, kind: AuthRecordKind, name: str) -> AuthRecord | None:
        key = {"kind": kind, "name": name}
        documents, _ = self._reads.current("auth_records", [key], self._deadlines.start())
        return _record(documents[0]) if documents else None

    def page(
        self, kind: AuthRecordKind, account: int | None, after: str, limit: int
    ) -> list[AuthRecord]:
        condition: Document = {"kind": kind, "name": {"$gt": after}}
        if account is not None:
            condition["account"] = account
        documents = self._deadlines.start().persist(
            lambda: list(self._rows.find(condition).sort("name", ASCENDING).limit(limit))
        )
        return [_record(document) for document in documents]

    def replace(self, kind: AuthRecordKind, record: AuthRecord) -> bool:
        condition = {"kind": kind, "name": record.name}
        change = {"$set": _content(record)}
        with in_doubt():
            result = self._deadlines.start().persist(
                lambda: self._rows.update_one(condition, change)
            )
        return result.matched_count == 1

    def remove(self, kind: AuthRecordKind, account: int, name: str) -> bool:
        condition = {"kind": kind, "account": account, "name": name}
        attempts = 0

        def delete() -> bool:
            nonlocal attempts
            attempts += 1
            return self._rows.delete_one(condition).deleted_count == 1

        with in_doubt():
            deleted = self._deadlines.start().persist(delete)
        # After a lost response, the next attempt does not find what the first one deleted.
        return deleted or attempts > 1


class MongoTokenUses(TokenUses):
    """The collection `token_uses`: one document per identity token."""

    def __init__(self, database: "Database[Document]", reads: Reads, deadlines: Deadlines) -> None:
        self._reads = reads
        self._deadlines = deadlines
        self._uses = collection(database, "token_uses")
        self._uses.create_index("token", unique=True)
        self._uses.create_index("expires_at", expireAfterSeconds=0)

    def use(self, token: str, operation: str, *, max_operations: int, expires_at: int) -> bool:
        deadline = self._deadlines.start()
        condition = {
            "token": token,
            "operations": {"$ne": operation},
            f"operations.{max_operations - 1}": {"$exists": False},
        }
        change = {
            "$push": {"operations": operation},
            "$setOnInsert": {"expires_at": datetime.fromtimestamp(expires_at, UTC)},
        }

        def push(session: ClientSession) -> bool:
            try:
                self._uses.update_one(condition, change, upsert=True, session=session)
            except DuplicateKeyError:
                return False  # the operation is already recorded, or the maximum is reached
            return True

        def find(session: ClientSession) -> Document | None:
            return self._uses.find_one({"token": token}, session=session)

        with in_doubt():
            while True:
                pushed, time = self._reads.after(None, push, deadline)
                if pushed:
                    return True
                uses, _ = self._reads.after(time, find, deadline)
                if uses is not None:  # otherwise a failover removed them since
                    return operation in uses["operations"]


def _content(record: AuthRecord) -> Document:
    return {"account": Int64(record.account), "body": json.dumps(record.body)}


def _record(document: Document) -> AuthRecord:
    body = json.loads(document["body"])
    return AuthRecord(document["name"], int(document["account"]), body)
