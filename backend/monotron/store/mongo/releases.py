"""The records of versions in MongoDB: the collection `releases`, insert-only."""

from typing import Any

from bson import Int64, ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from semver import Version

from monotron.model.semver import Release, VersionName, parse_line, sort_key
from monotron.store.interface import ReleaseStore
from monotron.store.mongo.client import Deadline, Document, PatienceFor
from monotron.store.mongo.ledger import Sessions, collection, operation_time


class MongoReleases(ReleaseStore):
    """A record is found by its token and channel, or by its place; both are unique."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, work: PatienceFor
    ) -> None:
        self._sessions = sessions
        self._work = work
        self._releases = collection(database, "releases", sessions.read_concern("majority"))
        self._current = collection(database, "releases", sessions.read_concern("linearizable"))
        name = [("account", ASCENDING), ("name", ASCENDING)]
        self._releases.create_index(
            [*name, ("token", ASCENDING), ("label", ASCENDING)], unique=True
        )
        self._releases.create_index([*name, ("sort_key", ASCENDING)], unique=True)
        self._releases.create_index([*name, ("final", ASCENDING), ("sort_key", ASCENDING)])

    def add(self, release: Release) -> Release | None:
        work = self._work()
        work.applied = "unknown"
        # With an id of its own, an attempt whose answer was lost is known again.
        row = {"_id": ObjectId(), **_row(release)}

        def insert() -> bool:
            try:
                self._releases.insert_one(row)
            except DuplicateKeyError:
                return False
            return True

        if work.persist(insert):
            return release
        # Read until committed: what stands in the way may not be journaled on a majority yet.
        of_token = {**_of(release.name), "token": row["token"], "label": row["label"]}
        stands = work.persist(lambda: self._current.find_one(of_token))
        if stands is None:
            return None
        return release if stands["_id"] == row["_id"] else _release(release.name, stands)

    def of_token(self, name: VersionName, token: str, label: str | None) -> Release | None:
        condition = {"token": token, "label": label or ""}
        return self._first(name, condition, self._work())

    def all_of_token(self, name: VersionName, token: str) -> list[Release]:
        rows = self._not_stale({**_of(name), "token": token})
        found = [_release(name, row) for row in rows]
        return sorted(found, key=lambda release: sort_key(release.version), reverse=True)

    def at(self, name: VersionName, version: Version) -> Release | None:
        condition = {**_of(name), "sort_key": sort_key(version)}
        row = self._work().persist(lambda: self._current.find_one(condition))
        return _release(name, row) if row else None

    def newest(
        self, name: VersionName, key_range: tuple[str, str], *, final: bool | None
    ) -> Release | None:
        first, end = key_range
        condition: Document = {"sort_key": {"$gte": first, "$lt": end}}
        if final is not None:
            condition["final"] = final
        return self._first(name, condition, self._work())

    def adopted(self, name: VersionName, key_range: tuple[str, str]) -> bool:
        first, end = key_range
        condition = {"token": None, "sort_key": {"$gte": first, "$lt": end}}
        return bool(self._not_stale({**_of(name), **condition}, limit=1))

    def page(self, name: VersionName, below: str, limit: int) -> list[Release]:
        condition = {**_of(name), "sort_key": {"$lt": below}}
        rows = self._work().persist(
            lambda: list(self._releases.find(condition).sort("sort_key", DESCENDING).limit(limit))
        )
        return [_release(name, row) for row in rows]

    def _not_stale(self, condition: Document, limit: int = 0) -> list[Document]:
        def call() -> list[Document]:
            with self._sessions.start() as session:
                self._current.find_one(condition, session=session)
                seen_at = operation_time(session)
            # Linearizable reads are of one document; what is read after it is not stale.
            with self._sessions.start(seen_at) as session:
                return list(self._releases.find(condition, limit=limit, session=session))

        return self._work().persist(call)

    def _first(self, name: VersionName, condition: Document, work: Deadline) -> Release | None:
        row = work.persist(
            lambda: self._releases.find_one(
                {**_of(name), **condition}, sort=[("sort_key", DESCENDING)]
            )
        )
        return _release(name, row) if row else None


def _of(name: VersionName) -> Document:
    return {"account": name.account, "name": name.name}


def _row(release: Release) -> Document:
    return {
        **_of(release.name),
        "token": release.token,
        # Whoever adopts a version has no token: such records are told apart by their version,
        # which is no label.
        "label": str(release.version) if release.token is None else release.label or "",
        "sort_key": sort_key(release.version),
        "final": release.label is None,
        "version": str(release.version),
        "bump": release.bump,
        "line": None if release.line is None else str(release.line),
        "metadata": release.metadata,
        "previous": None if release.previous is None else str(release.previous),
        "reason": release.reason,
        "created_at": None if release.created_at is None else Int64(release.created_at),
        "assigned_by": release.assigned_by,
    }


def _release(name: VersionName, row: dict[str, Any]) -> Release:
    return Release(
        name,
        row["token"],
        Version.parse(row["version"]),
        row["bump"],
        parse_line(row["line"]) if row["line"] else None,
        row["metadata"],
        Version.parse(row["previous"]) if row["previous"] else None,
        row["reason"],
        None if row["created_at"] is None else int(row["created_at"]),
        row.get("assigned_by"),
    )
