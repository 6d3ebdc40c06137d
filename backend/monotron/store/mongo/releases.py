"""Versions in MongoDB: a batch of requests is decided and written in one transaction.

`names` contains one document for each name, its summary, unique by `(account, name)`. Every
transaction that writes versions of a name replaces it, with the revision that it has read in the
filter. So decisions about one name are serial: the second one repeats its transaction. `releases`
contains the records.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, islice
from typing import Any, ClassVar

from bson import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.model.component_keys import FIRST_SUFFIXES
from monotron.model.quotas import Quotas
from monotron.model.semver import Release, VersionName
from monotron.model.versions.batch import Results, decide_all
from monotron.model.versions.changes import Writes
from monotron.model.versions.facts import NameSummary
from monotron.model.versions.requests import Request
from monotron.model.versions.rules import decide
from monotron.model.versions.state import State
from monotron.runtime import Runtime
from monotron.store.interface import ReleaseStore
from monotron.store.mongo.changes import SeriesChanges
from monotron.store.mongo.client import Document, Driver
from monotron.store.mongo.reads import Reads, collection
from monotron.store.mongo.series import SeriesDocuments, first_duplicate
from monotron.store.mongo.series_fields import Change, NewEntry
from monotron.store.mongo.sweep import Sweep
from monotron.store.mongo.transactions import Conflict, Transactions
from monotron.store.mongo.usage import MongoUsage
from monotron.store.mongo.version_facts import STRING, FactReader, of_name, release_of_row
from monotron.store.recent import MAX_OMITTED
from monotron.store.release_fields import fields_of

AddEvent = Callable[[int, dict[str, Any], ClientSession], None]
"""Adds an event of an account in a transaction."""

_NAME = [("account", ASCENDING), ("name", ASCENDING)]
_BY_TOKEN = [*_NAME, ("token", ASCENDING), ("label", ASCENDING), ("attempt", ASCENDING)]


class MongoReleases(ReleaseStore):
    """The collections `names` and `releases`."""

    rule: ClassVar[Callable[..., Any]] = staticmethod(decide)
    """The rule of versions. The simulator replaces it in a broken store."""

    reader_type: ClassVar[type[FactReader]] = FactReader

    def __init__(
        self,
        database: "Database[Document]",
        documents: SeriesDocuments,
        usage: MongoUsage,
        changes: SeriesChanges,
        sweep: Sweep,
        add_event: AddEvent,
        reads: Reads,
        transactions: Transactions,
        driver: Driver,
        runtime: Runtime,
        quotas: Quotas,
    ) -> None:
        self._reader = partial(self.reader_type, database, documents, usage)
        self._changes = changes
        self._sweep = sweep
        self._add_event = add_event
        self._reads = reads
        self._transactions = transactions
        self._driver = driver
        self._runtime = runtime
        self._quotas = quotas
        self._names = collection(database, "names")
        self._releases = collection(database, "releases")
        self._series = collection(database, "series")
        self._series.create_index(
            [("account", ASCENDING), ("first_of", ASCENDING)],
            partialFilterExpression={"first_of": STRING},
        )
        self._names.create_index(_NAME, unique=True)
        self._releases.create_index([*_NAME, ("sort_key", ASCENDING)], unique=True)
        self._releases.create_index(
            _BY_TOKEN, unique=True, partialFilterExpression={"token": STRING}
        )
        self._releases.create_index(
            [*_NAME, ("line", ASCENDING), ("base", ASCENDING), ("base_use", ASCENDING)],
            unique=True,
            partialFilterExpression={"base": {"$type": "string"}},
        )
        self._releases.create_index(
            [*_NAME, ("label", ASCENDING), ("is_withdrawn", ASCENDING), ("sort_key", ASCENDING)]
        )
        self._releases.create_index(
            [("account", ASCENDING), ("created_at", ASCENDING), ("position", ASCENDING)]
        )
        self._releases.create_index(
            [*_NAME, ("is_withdrawn", ASCENDING), ("sort_key", ASCENDING)],
            partialFilterExpression={"is_final": False},
        )

    def decide(self, requests: Sequence[Request]) -> Results:
        results, written = self._transactions.decide(
            partial(self._decide, requests), writes=lambda decided: decided[1] is not None
        )
        for series, _, _ in written.restarts if written else ():
            self._sweep.later(series)
        return results

    def _decide(
        self, requests: Sequence[Request], session: ClientSession
    ) -> tuple[Results, Writes | None]:
        """The results, and what was written, or None.

        The commit confirms them even if nothing is written: a former primary cannot commit.
        """
        reader = self._reader(session)
        state = State(self._runtime.now_ms(), self._quotas)
        results = decide_all(state, requests, reader.read, type(self).rule)
        if not state.is_changed:
            return results, None
        writes = state.writes()
        self._write(writes, reader.used, session)
        return results, writes

    def _write(self, writes: Writes, used: dict[int, int], session: ClientSession) -> None:
        self._replace_summaries(writes.summaries, session)
        changes = [
            Change(
                each.series,
                each.seen,
                each.new,
                [NewEntry(entry.value, entry.token, entry.assigned_by) for entry in each.entries],
            )
            for each in writes.heads
        ]
        if changes:
            self._changes.write(changes, used, session)
        for event in writes.events:
            self._add_event(event.name.account, event.body(), session)
        for restart in writes.restarts:
            self._changes.restart(*restart, session)
        rows = [_row(release) for release in writes.records]
        if rows and first_duplicate(self._releases, rows, session) is not None:
            raise Conflict
        for release in writes.replaced:
            key = {**of_name(release.name), "sort_key": release.sort_key}
            self._releases.update_one(key, {"$set": _withdrawal(release)}, session=session)

    def _replace_summaries(
        self,
        summaries: Sequence[tuple[VersionName, NameSummary, NameSummary]],
        session: ClientSession,
    ) -> None:
        """Replace each summary, if it is still the one that was seen. Raises `Conflict`."""
        created = [
            {**of_name(name), **_summary(new)} for name, seen, new in summaries if not seen.revision
        ]
        if created and first_duplicate(self._names, created, session) is not None:
            raise Conflict
        updates = [
            self._driver.update_one(
                {**of_name(name), "revision": Int64(seen.revision)}, {"$set": _summary(new)}
            )
            for name, seen, new in summaries
            if seen.revision
        ]
        if updates:
            result = self._names.bulk_write(updates, ordered=False, session=session)
            if result.matched_count != len(updates):
                raise Conflict

    def page(
        self, name: VersionName, key_range: tuple[str, str], label: str | None, limit: int
    ) -> list[Release]:
        condition: Document = {
            **of_name(name),
            "sort_key": {"$gte": key_range[0], "$lt": key_range[1]},
            # With both values, MongoDB merges two ranges of the index by label.
            **({} if label is None else {"label": label, "is_withdrawn": {"$in": [False, True]}}),
        }
        rows, _ = self._reads.after(
            None,
            lambda session: list(
                self._releases.find(condition, session=session)
                .sort("sort_key", DESCENDING)
                .limit(limit)
            ),
        )
        return [release_of_row(row) for row in rows]

    def tokens(self, name: VersionName, token_range: tuple[str, str], limit: int) -> list[str]:
        in_range = {"$gte": token_range[0], "$lt": token_range[1], **STRING}

        def read(session: ClientSession) -> list[str]:
            condition = {**of_name(name), "token": in_range}
            fields = {"_id": 0, "token": 1}  # in the index: no document is read
            found = self._releases.find(condition, fields, batch_size=limit, session=session)
            # Without a hint, MongoDB tries several indexes, and examines 101 keys of each.
            with found.sort("token", ASCENDING).hint(_BY_TOKEN) as rows:
                return [token for token, _ in islice(groupby(row["token"] for row in rows), limit)]

        return self._reads.after(None, read)[0]

    def recent(self, account: int, limit: int, is_visible: Callable[[str], bool]) -> list[Release]:
        def read(session: ClientSession) -> list[Document]:
            rows = (
                self._releases.find({"account": account}, session=session)
                .sort([("created_at", DESCENDING), ("position", DESCENDING)])
                .limit(limit + MAX_OMITTED)
            )
            return list(islice((row for row in rows if is_visible(row["name"])), limit))

        return [release_of_row(row) for row in self._reads.after(None, read)[0]]

    def names(self, account: int, prefix: str, after: str, limit: int) -> list[str]:
        key_range = {"$gt": after, "$gte": prefix}

        def read(session: ClientSession) -> set[str]:
            condition: Document = {"account": account, "name": key_range}
            recorded = self._names.find(condition, limit=limit, session=session)
            condition = {"account": account, "first_of": {**key_range, **STRING}}
            most = limit * len(FIRST_SUFFIXES)
            counted = self._series.find(condition, limit=most, session=session)
            return {row["name"] for row in recorded.sort("name", ASCENDING)} | {
                row["first_of"] for row in counted.sort("first_of", ASCENDING)
            }

        names = sorted(self._reads.after(None, read)[0])[:limit]
        # In order, the names with the prefix are adjacent, and the first one is one of them.
        return [name for name in names if name.startswith(prefix)]


def _summary(summary: NameSummary) -> Document:
    return {
        "revision": Int64(summary.revision),
        "releases": Int64(summary.releases),
        "withdrawn": Int64(summary.withdrawn),
        "newest": None if summary.newest is None else str(summary.newest),
        "newest_token": summary.newest_token,
    }


def _row(release: Release) -> Document:
    fields = fields_of(release)._asdict()
    fields["created_at"] = Int64(release.created_at or 0)
    fields["is_final"] = release.label is None
    return {**of_name(release.name), **fields, **_withdrawal(release)}


def _withdrawal(release: Release) -> Document:
    withdrawn = release.withdrawn
    return {
        "is_withdrawn": withdrawn is not None,
        "withdrawn": None if withdrawn is None else withdrawn._asdict(),
    }
