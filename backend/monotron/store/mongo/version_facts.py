"""Reads the facts that a batch of requests for versions depends on: one query for each kind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from bson import Int64
from pymongo import DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.model.semver import Release, VersionName
from monotron.model.series import FAST_FORWARD, SeriesHead, SeriesKey
from monotron.model.versions.facts import (
    ANY_LABEL,
    BaseUses,
    Fact,
    HeadOf,
    HighestRecord,
    LastValueOf,
    NameSummary,
    OpenLabels,
    RecordAt,
    RecordsOf,
    SeriesUsed,
    StoreTime,
    SummaryOf,
    TokenAt,
    ValueBefore,
)
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import any_of, collection, with_keys
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import where
from monotron.store.mongo.usage import MongoUsage, series_counter
from monotron.store.release_fields import ReleaseFields, final_of, release_of

STRING: Document = {"$type": "string"}
"""The condition of the partial indexes of a text that can be missing. MongoDB uses such an index
only for a query that contains its condition literally."""


class FactReader:
    """Reads facts in one session, and keeps what a write needs to know about them."""

    def __init__(
        self,
        database: "Database[Document]",
        documents: SeriesDocuments,
        usage: MongoUsage,
        session: ClientSession,
    ) -> None:
        self.used: dict[int, int] = {}
        """The number of series of each account that has a counter, of those that were read."""
        self._names = collection(database, "names")
        self._releases = collection(database, "releases")
        self._entries = collection(database, "entries")
        self._documents = documents
        self._usage = usage
        self._session = session
        self._heads: dict[SeriesKey, SeriesHead] = {}

    def read(self, facts: Iterable[Fact[Any]]) -> Mapping[Fact[Any], Any]:
        """The values of the facts."""
        by_kind: dict[type[Fact[Any]], list[Any]] = defaultdict(list)
        for fact in facts:
            by_kind[type(fact)].append(fact)
        found: dict[Fact[Any], Any] = {}
        for kind, reader in _READERS.items():
            if kind in by_kind:
                found |= reader(self, by_kind[kind])
        return found

    def _summaries(self, facts: list[SummaryOf]) -> dict[Fact[Any], Any]:
        found: dict[Fact[Any], Any] = dict.fromkeys(facts, NameSummary())
        condition = with_keys("name", [fact.name for fact in facts])
        for row in self._names.find(condition, session=self._session):
            found[SummaryOf(_name(row))] = NameSummary(
                int(row["revision"]),
                int(row["releases"]),
                int(row["withdrawn"]),
                final_of(row["newest"]),
                row["newest_token"],
            )
        return found

    def _records_of(self, facts: list[RecordsOf]) -> dict[Fact[Any], Any]:
        found: dict[Fact[Any], Any] = dict.fromkeys(facts, ())
        for release in self._find(facts, "token", [fact.token for fact in facts], STRING):
            fact = RecordsOf(release.name, release.token or "")
            found[fact] = (*found[fact], release)
        return found

    def _records_at(self, facts: list[RecordAt]) -> dict[Fact[Any], Any]:
        found: dict[Fact[Any], Any] = dict.fromkeys(facts)
        for release in self._find(facts, "sort_key", [fact.sort_key for fact in facts]):
            found[RecordAt(release.name, release.sort_key)] = release
        return found

    def _find(
        self,
        facts: Iterable[RecordsOf | RecordAt],
        field: str,
        values: Iterable[str],
        also: Document | None = None,
    ) -> Iterable[Release]:
        """The releases whose *field* has one of the values, which belong to the facts in order.

        *also* is a further condition of the field.
        """
        of_names: dict[VersionName, list[str]] = defaultdict(list)
        for fact, value in zip(facts, values, strict=True):
            of_names[fact.name].append(value)
        conditions = [
            {**of_name(name), field: {"$in": of_values, **(also or {})}}
            for name, of_values in of_names.items()
        ]
        for row in self._releases.find(any_of(conditions), session=self._session):
            yield release_of_row(row)

    def _highest(self, facts: list[HighestRecord]) -> dict[Fact[Any], Any]:
        found: dict[Fact[Any], Any] = {}
        for fact in facts:
            any_label = fact.label == ANY_LABEL
            condition = {
                **of_name(fact.name),
                "is_withdrawn": fact.withdrawn,
                **({"is_final": False} if any_label else {"label": fact.label or ""}),
                "sort_key": {"$gte": fact.start, "$lt": fact.end},
            }
            row = self._releases.find_one(
                condition, sort=[("sort_key", DESCENDING)], session=self._session
            )
            found[fact] = release_of_row(row) if row else None
        return found

    def _open_labels(self, facts: list[OpenLabels]) -> dict[Fact[Any], Any]:
        found: dict[Fact[Any], Any] = {}
        for fact in facts:
            condition = {
                **of_name(fact.name),
                "is_withdrawn": False,
                "is_final": False,
                "sort_key": {"$gte": fact.start, "$lt": fact.end},
            }
            highest = self._releases.aggregate(
                [
                    {"$match": condition},
                    {"$sort": {"sort_key": DESCENDING}},
                    {"$group": {"_id": "$label", "release": {"$first": "$$ROOT"}}},
                ],
                session=self._session,
            )
            found[fact] = tuple(release_of_row(row["release"]) for row in highest)
        return found

    def _read_heads(self, facts: list[HeadOf]) -> dict[Fact[Any], Any]:
        heads = self._heads_of([fact.series for fact in facts])
        return {fact: heads[fact.series] for fact in facts}

    def _heads_of(self, keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, SeriesHead]:
        unread = [series for series in dict.fromkeys(keys) if series not in self._heads]
        self._heads |= self._documents.heads(unread, self._session)
        return self._heads

    def _last_values(self, facts: list[LastValueOf]) -> dict[Fact[Any], Any]:
        heads = self._heads_of(fact.series for fact in facts)
        found: dict[Fact[Any], Any] = dict.fromkeys(facts)
        tokens: dict[SeriesKey, set[str]] = defaultdict(set)
        for fact in facts:
            head = heads[fact.series]
            if not head.active:
                continue
            if fact.token == head.token:
                found[fact] = head.value
            elif fact.token is None:
                found[fact] = self._documents.last_value(fact.series, head, None, self._session)
            else:
                tokens[fact.series].add(fact.token)
        values = self._documents.last_values_of(heads, tokens, self._session)
        for series, of_series in values.items():
            for token, value in of_series.items():
                found[LastValueOf(series, token)] = value
        return found

    def _base_uses(self, facts: list[BaseUses]) -> dict[Fact[Any], Any]:
        found: dict[Fact[Any], Any] = {}
        for fact in facts:
            line = None if fact.line is None else str(fact.line)
            base = {"$eq": fact.base, **STRING}
            condition = {**of_name(fact.name), "line": line, "base": base}
            rows = self._releases.find(condition, {"_id": 1}, session=self._session)
            found[fact] = len(list(rows))
        return found

    def _tokens_at(self, facts: list[TokenAt]) -> dict[Fact[Any], Any]:
        heads = self._heads_of(fact.series for fact in facts)
        found: dict[Fact[Any], Any] = {}
        for fact in facts:
            condition = {
                **where(fact.series),
                "generation": Int64(heads[fact.series].generation),
                "value": Int64(fact.value),
            }
            row = self._entries.find_one(condition, session=self._session)
            found[fact] = row["token"] if row else None
        return found

    def _values_before(self, facts: list[ValueBefore]) -> dict[Fact[Any], Any]:
        heads = self._heads_of(fact.series for fact in facts)
        found: dict[Fact[Any], Any] = {}
        for fact in facts:
            up_to = {"value": {"$lte": Int64(fact.value)}}
            head = heads[fact.series]
            values = [
                int(row["value"])
                for row in self._documents.rows(fact.series, head, up_to, self._session, limit=2)
                if int(row["value"]) < fact.value or row["assigned_by"] == FAST_FORWARD
            ]
            found[fact] = values[0] if values else None
        return found

    def _store_time(self, facts: list[StoreTime]) -> dict[Fact[Any], Any]:
        """The cluster time, which all servers share. Something was read in the session before."""
        time = self._session.operation_time
        seconds = time.time if time else 0
        return dict.fromkeys(facts, seconds * 1000)

    def _series_used(self, facts: list[SeriesUsed]) -> dict[Fact[Any], Any]:
        counters = self._usage.read([series_counter(f.account) for f in facts], self._session)
        self.used |= {counter.account: number for counter, number in counters.items()}
        return {fact: self.used.get(fact.account, 0) for fact in facts}


_READERS: dict[type[Fact[Any]], Any] = {
    SummaryOf: FactReader._summaries,
    RecordsOf: FactReader._records_of,
    HeadOf: FactReader._read_heads,
    LastValueOf: FactReader._last_values,
    RecordAt: FactReader._records_at,
    HighestRecord: FactReader._highest,
    OpenLabels: FactReader._open_labels,
    BaseUses: FactReader._base_uses,
    TokenAt: FactReader._tokens_at,
    ValueBefore: FactReader._values_before,
    StoreTime: FactReader._store_time,
    SeriesUsed: FactReader._series_used,
}
"""In the order of reading: on a sharded cluster, summaries are read before what they summarize, and
heads before their entries."""


def of_name(name: VersionName) -> Document:
    """The fields that identify a name in all collections."""
    return {"account": name.account, "name": name.name}


def _name(row: Document) -> VersionName:
    return VersionName(int(row["account"]), row["name"])


def release_of_row(row: Document) -> Release:
    """The release in a document."""
    return release_of(_name(row), ReleaseFields(*(row[field] for field in ReleaseFields._fields)))
