"""Releases in MongoDB: the collection `releases`. Documents are inserted and never changed."""

from typing import Any

from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from semver import Version

from monotron.model.semver import Release, VersionName, parse_line, sort_key
from monotron.store.interface import ReleaseStore
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import Reads, collection
from monotron.store.mongo.transactions import Transactions


class MongoReleases(ReleaseStore):
    """A release is identified by token and pre-release label, and by sort key. Both are unique."""

    def __init__(
        self,
        database: "Database[Document]",
        reads: Reads,
        transactions: Transactions,
    ) -> None:
        self._reads = reads
        self._transactions = transactions
        self._releases = collection(database, "releases")
        name = [("account", ASCENDING), ("name", ASCENDING)]
        self._releases.create_index(
            [*name, ("token", ASCENDING), ("label", ASCENDING)], unique=True
        )
        self._releases.create_index([*name, ("sort_key", ASCENDING)], unique=True)
        self._releases.create_index([*name, ("final", ASCENDING), ("sort_key", ASCENDING)])

    def add(self, release: Release) -> Release | None:
        row = _row(release)
        of_token = {**_of(release.name), "token": row["token"], "label": row["label"]}
        of_version = {**_of(release.name), "sort_key": row["sort_key"]}

        def insert(session: ClientSession) -> Release | None:
            found = list(self._releases.find({"$or": [of_token, of_version]}, session=session))
            if not found:
                self._releases.insert_one(row, session=session)
                return release
            of_this_token = (each for each in found if each.items() >= of_token.items())
            existing = next(of_this_token, None)
            return None if existing is None else _release(release.name, existing)

        return self._transactions.run(insert)

    def of_token(self, name: VersionName, token: str, label: str | None) -> Release | None:
        condition = {"token": token, "label": label or ""}
        return self._first(name, condition)

    def all_of_token(self, name: VersionName, token: str) -> list[Release]:
        releases = self._all(name, {"token": token, "label": ""}, {"token": token})
        return sorted(releases, key=lambda release: sort_key(release.version), reverse=True)

    def at(self, name: VersionName, version: Version) -> Release | None:
        condition = {**_of(name), "sort_key": sort_key(version)}
        rows, _ = self._reads.current("releases", [condition])
        return _release(name, rows[0]) if rows else None

    def highest(
        self, name: VersionName, key_range: tuple[str, str], *, final: bool | None
    ) -> Release | None:
        first, end = key_range
        condition: Document = {"sort_key": {"$gte": first, "$lt": end}}
        if final is not None:
            condition["final"] = final
        return self._first(name, condition)

    def adopted(self, name: VersionName, key_range: tuple[str, str]) -> bool:
        first, end = key_range
        condition = {"token": None, "sort_key": {"$gte": first, "$lt": end}}
        return bool(self._all(name, {"sort_key": first}, condition))

    def page(self, name: VersionName, below: str, limit: int) -> list[Release]:
        condition = {**_of(name), "sort_key": {"$lt": below}}
        rows, _ = self._reads.after(
            None,
            lambda session: list(
                self._releases.find(condition, session=session)
                .sort("sort_key", DESCENDING)
                .limit(limit)
            ),
        )
        return [_release(name, row) for row in rows]

    def _all(self, name: VersionName, unique_key: Document, condition: Document) -> list[Release]:
        """Read all releases that match the condition, not older than this call.

        *unique_key* selects one release of the name, which need not exist.
        """
        deadline = self._reads.start_deadline()
        of_name = _of(name)
        _, time = self._reads.current("releases", [{**of_name, **unique_key}], deadline)
        rows, _ = self._reads.after(
            time,
            lambda session: list(self._releases.find({**of_name, **condition}, session=session)),
            deadline,
        )
        return [_release(name, row) for row in rows]

    def _first(self, name: VersionName, condition: Document) -> Release | None:
        row, _ = self._reads.after(
            None,
            lambda session: self._releases.find_one(
                {**_of(name), **condition}, sort=[("sort_key", DESCENDING)], session=session
            ),
        )
        return _release(name, row) if row else None


def _of(name: VersionName) -> Document:
    return {"account": name.account, "name": name.name}


def _row(release: Release) -> Document:
    return {
        **_of(release.name),
        "token": release.token,
        # Adopted versions have no token. They are distinguished by their version, which is never a
        # pre-release label.
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
