"""Accounts, API keys, trust policies and uses of identity tokens in MongoDB."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.store.auth_interface import MAX_EVENTS, event_name
from monotron.store.interface import (
    AuthRecord,
    AuthRecordKind,
    AuthRecords,
    RecordChange,
    TokenUses,
)
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import Reads, collection
from monotron.store.mongo.transactions import Transactions


class MongoAuthRecords(AuthRecords):
    """The collection `auth_records`.

    Bodies are stored as JSON text, so that no user text is a field name.
    """

    def __init__(
        self,
        database: "Database[Document]",
        reads: Reads,
        transactions: Transactions,
    ) -> None:
        self._reads = reads
        self._transactions = transactions
        self._rows = collection(database, "auth_records")
        self._rows.create_index([("kind", ASCENDING), ("name", ASCENDING)], unique=True)
        self._rows.create_index([("kind", ASCENDING), ("account", ASCENDING), ("name", ASCENDING)])

    def add(
        self, kind: AuthRecordKind, record: AuthRecord, event: dict[str, Any] | None = None
    ) -> bool:
        key = {"kind": kind, "name": record.name}

        def insert(session: ClientSession) -> bool:
            if self._rows.find_one(key, session=session) is not None:
                return False
            self._rows.insert_one({**key, **_content(record)}, session=session)
            if event is not None:
                self.add_event(record.account, event, session)
            return True

        return self._transactions.run(insert)

    def find(self, kind: AuthRecordKind, name: str) -> AuthRecord | None:
        key = {"kind": kind, "name": name}
        documents, _ = self._reads.current("auth_records", [key])
        return _record(documents[0]) if documents else None

    def page(
        self, kind: AuthRecordKind, account: int | None, after: str, limit: int
    ) -> list[AuthRecord]:
        condition: Document = {"kind": kind, "name": {"$gt": after}}
        if account is not None:
            condition["account"] = account
        documents, _ = self._reads.after(
            None,
            lambda session: list(
                self._rows.find(condition, session=session).sort("name", ASCENDING).limit(limit)
            ),
        )
        return [_record(document) for document in documents]

    def count(self, kind: AuthRecordKind, account: int | None) -> int:
        condition: dict[str, Any] = {"kind": kind}
        if account is not None:
            condition["account"] = account
        count, _ = self._reads.after(
            None, lambda session: int(self._rows.count_documents(condition, session=session))
        )
        return count

    def change(self, changes: Sequence[RecordChange], event: dict[str, Any] | None = None) -> bool:
        def write(session: ClientSession) -> bool:
            if not all(self._is_expected(each, session) for each in changes):
                return False
            for each in changes:
                self._write(each, session)
            if event is not None:
                self.add_event(changes[0].record.account, event, session)
            return True

        return self._transactions.run(write)

    def _is_expected(self, change: RecordChange, session: ClientSession) -> bool:
        document = self._rows.find_one(_key(change), session=session)
        return (None if document is None else _record(document)) == change.before

    def _write(self, change: RecordChange, session: ClientSession) -> None:
        key = _key(change)
        if change.after is None:
            self._rows.delete_one(key, session=session)
        elif change.before is None:
            self._rows.insert_one({**key, **_content(change.after)}, session=session)
        elif change.before == change.after:
            # MongoDB would not write an equal document, so a concurrent removal would not conflict.
            self._rows.update_one(key, {"$inc": {"times_required": 1}}, session=session)
        else:
            self._rows.update_one(key, {"$set": _content(change.after)}, session=session)

    def remove(
        self, kind: AuthRecordKind, account: int, name: str, event: dict[str, Any] | None = None
    ) -> bool:
        key = {"kind": kind, "account": account, "name": name}

        def delete(session: ClientSession) -> bool:
            is_removed = self._rows.delete_one(key, session=session).deleted_count == 1
            if is_removed and event is not None:
                self.add_event(account, event, session)
            return is_removed

        return self._transactions.run(delete)

    def add_event(self, account: int, body: dict[str, Any], session: ClientSession) -> None:
        """Add an event. If two servers choose the same id, one transaction is repeated."""
        newest = [("name", DESCENDING)]
        last = self._rows.find_one({"kind": "event"}, sort=newest, session=session)
        record = AuthRecord(event_name(int(last["name"]) + 1 if last else 1), account, body)
        self._rows.insert_one(
            {"kind": "event", "name": record.name, **_content(record)}, session=session
        )
        own = {"kind": "event", "account": account}
        outdated = self._rows.find_one(own, sort=newest, skip=MAX_EVENTS, session=session)
        if outdated is not None:
            older = {"name": {"$lte": outdated["name"]}}
            self._rows.delete_many({**own, **older}, session=session)


class MongoTokenUses(TokenUses):
    """The collection `token_uses`: one document per identity token."""

    def __init__(self, database: "Database[Document]", transactions: Transactions) -> None:
        self._transactions = transactions
        self._uses = collection(database, "token_uses")
        self._uses.create_index("token", unique=True)
        self._uses.create_index("expires_at", expireAfterSeconds=0)

    def use(self, token: str, operation: str, *, max_operations: int, expires_at: int) -> bool:
        key = {"token": token}
        change = {
            "$push": {"operations": operation},
            "$setOnInsert": {"expires_at": datetime.fromtimestamp(expires_at, UTC)},
        }

        def push(session: ClientSession) -> bool:
            uses = self._uses.find_one(key, session=session) or {"operations": []}
            if operation in uses["operations"]:
                return True
            if len(uses["operations"]) >= max_operations:
                return False
            self._uses.update_one(key, change, upsert=True, session=session)
            return True

        return self._transactions.run(push)


def _key(change: RecordChange) -> Document:
    return {"kind": change.kind, "name": change.record.name}


def _content(record: AuthRecord) -> Document:
    return {"account": Int64(record.account), "body": json.dumps(record.body)}


def _record(document: Document) -> AuthRecord:
    body = json.loads(document["body"])
    return AuthRecord(document["name"], int(document["account"]), body)
