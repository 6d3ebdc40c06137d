"""Reads all documents of a MongoDB database as the rows of an export."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args

from bson import Int64
from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import ConfigurationError, PyMongoError

from monotron.errors import StoreUnavailable
from monotron.model.semver import Withdrawal
from monotron.store.auth_interface import AuthRecordKind
from monotron.store.export_rows import FIELDS, IdentifiedRows, Row, nested
from monotron.store.mongo.client import Document

SNAPSHOT_ERRORS = (239, 246)
"""The codes of SnapshotTooOld and SnapshotUnavailable."""

ROWS_PER_BATCH = 2000
"""Documents in one response of MongoDB."""


class MongoExport:
    """Reads all rows in a session."""

    def __init__(self, database: "Database[Document]", session: ClientSession, now: int) -> None:
        """*now*: seconds since the epoch. Uses of identity tokens that expired are omitted."""
        self._database = database
        self._session = session
        self._now = now

    def rows(self) -> Iterator[Row]:
        """Yield all rows in the order of an export."""
        for kind in get_args(AuthRecordKind):
            for record in self._find("auth_records", ("name",), {"kind": kind}):
                yield _row(kind, {**record, "body": json.loads(record["body"])})
        yield from nested(self._series(), self._entries(), self._attributes())
        yield from nested(self._names(), self._releases())
        not_expired = {"expires_at": {"$gte": datetime.fromtimestamp(self._now, UTC)}}
        for use in self._find("token_uses", ("token",), not_expired):
            expires_at = int(use["expires_at"].replace(tzinfo=UTC).timestamp())
            operations = sorted(use["operations"])
            yield _row("token_use", {**use, "expires_at": expires_at, "operations": operations})

    def _find(
        self, name: str, order: tuple[str, ...], condition: Document | None = None
    ) -> Iterator[Document]:
        found = self._database[name].find(
            condition or {}, {"_id": 0}, session=self._session, batch_size=ROWS_PER_BATCH
        )
        yield from found.sort([(field, ASCENDING) for field in order])

    def _series(self) -> IdentifiedRows:
        for head in self._find("series", ("account", "key")):
            yield _ledger(head), _row("series", {**head, "is_active": head["active"]})

    def _entries(self) -> IdentifiedRows:
        for entry in self._find("entries", ("account", "key", "generation", "value")):
            yield _ledger(entry), _row("entry", entry)

    def _attributes(self) -> IdentifiedRows:
        for document in self._find("attributes", ("account", "key", "generation", "token")):
            pairs = sorted((each["name"], each["value"]) for each in document["attributes"])
            if pairs:
                row = {"token": document["token"], "attributes": dict(pairs)}
                yield _ledger(document), _row("attributes", row)

    def _names(self) -> IdentifiedRows:
        for name in self._find("names", ("account", "name")):
            yield (int(name["account"]), name["name"]), _row("name", name)

    def _releases(self) -> IdentifiedRows:
        for release in self._find("releases", ("account", "name", "sort_key")):
            if release["withdrawn"] is not None:
                withdrawn = {field: release["withdrawn"][field] for field in Withdrawal._fields}
                release["withdrawn"] = _plain(withdrawn)
            yield (int(release["account"]), release["name"]), _row("release", release)


def _ledger(document: Document) -> tuple[int, str, int]:
    return int(document["account"]), document["key"], int(document["generation"])


def _row(kind: str, document: Document) -> Row:
    return {"kind": kind, **_plain({field: document[field] for field in FIELDS[kind]})}


def _plain(fields: Document) -> Document:
    """The fields with integers of Python instead of those of BSON."""
    return {field: int(value) if type(value) is Int64 else value for field, value in fields.items()}


def snapshot_error(error: PyMongoError) -> StoreUnavailable | None:
    """The error if MongoDB cannot read, or no longer read, a snapshot of the store."""
    is_old_server = isinstance(error, ConfigurationError)
    if not is_old_server and getattr(error, "code", None) not in SNAPSHOT_ERRORS:
        return None
    return StoreUnavailable(
        "MongoDB could not read a snapshot of the store. `export --online` requires MongoDB 5.0, "
        "and ends after `minSnapshotHistoryWindowInSeconds`, 300 by default. Raise this parameter, "
        "or stop the servers and export without `--online`."
    )
