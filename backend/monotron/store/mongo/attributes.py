"""The attributes of tokens in MongoDB: the collection `attributes`."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from bson import Int64
from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.errors import MonotronError
from monotron.model.attributes import merge_attributes
from monotron.model.quotas import Quotas, size_of_attributes
from monotron.model.series import SeriesHead, SeriesKey
from monotron.runtime import Runtime
from monotron.store.interface import AttributeStore
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import Reads, collection
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import Change, heads_of, where
from monotron.store.mongo.transactions import Transactions
from monotron.store.mongo.usage import MongoUsage, attribute_counters

Attributes: TypeAlias = dict[str, str]


class MongoAttributes(AttributeStore):
    """One document per generation and token. The first four fields are its unique key:

    `{account, key, generation, token, attributes: [{name, value}, …]}`.

    A write is a transaction that reads the head of the series for its generation, and replaces one
    document. Concurrent writes of a document conflict, and so do those that change the bytes of
    one account. A concurrent DELETE may not: it starts another generation, and the write counts as
    earlier than the DELETE, because it began before the DELETE returned. A write that commits after
    the sweep of its generation is never read.

    Attributes of a series without a head create it, as a deleted series at 0. The first value keeps
    its generation.
    """

    def __init__(
        self,
        database: "Database[Document]",
        documents: SeriesDocuments,
        usage: MongoUsage,
        quotas: Quotas,
        reads: Reads,
        transactions: Transactions,
        runtime: Runtime,
    ) -> None:
        self._documents = documents
        self._usage = usage
        self._quotas = quotas
        self._reads = reads
        self._transactions = transactions
        self._now = runtime.now_ms
        self._attributes = collection(database, "attributes")
        index = [(field, ASCENDING) for field in ("account", "key", "generation", "token")]
        self._attributes.create_index(index, unique=True)

    def all(self, series: SeriesKey, token: str) -> Attributes:
        deadline = self._reads.start_deadline()
        rows, _ = self._reads.current("series", [where(series)], deadline)
        key = _key(series, heads_of([series], rows)[series], token)
        documents, _ = self._reads.current("attributes", [key], deadline)
        return _content(documents[0] if documents else None)

    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> Attributes:
        _, merged = self._change(
            series, token, lambda current: merge_attributes(current, attributes)
        )
        return merged

    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        def without(current: Attributes) -> Attributes:
            return {
                each: value for each, value in current.items() if name is not None and each != name
            }

        before, after = self._change(series, token, without)
        return before != after

    def _change(
        self, series: SeriesKey, token: str, change: Callable[[Attributes], Attributes]
    ) -> tuple[Attributes, Attributes]:
        """Replace the attributes in a transaction. Return those before and after it."""

        def replace(session: ClientSession) -> tuple[Attributes, Attributes] | MonotronError:
            head = self._documents.heads([series], session)[series]
            key = _key(series, head, token)
            before = _content(self._attributes.find_one(key, session=session))
            try:
                after = change(before)
            except MonotronError as invalid:
                return invalid
            if after == before:
                return before, after
            counters = attribute_counters(series)
            used = self._usage.read(counters, session)
            grown = size_of_attributes(token, after) - size_of_attributes(token, before)
            before_all = used.get(counters[0], 0)
            if error := self._quotas.check_attributes(series.account, before_all, grown):
                return error
            if not head.generation:
                created = Change(series, head, SeriesHead(generation=1))
                self._documents.write([created], self._now(), session)
                key = _key(series, created.new, token)
            pairs = [{"name": name, "value": value} for name, value in after.items()]
            new = {"$set": {"attributes": pairs}}
            self._attributes.find_one_and_update(key, new, upsert=True, session=session)
            # Last, so that the counters of the account are locked for the shortest time.
            self._usage.add(used, dict.fromkeys(counters, grown), session)
            return before, after

        return self._transactions.decide(replace)


def _key(series: SeriesKey, head: SeriesHead, token: str) -> Document:
    return {**where(series), "generation": Int64(head.generation), "token": token}


def _content(document: Document | None) -> Attributes:
    attributes = {each["name"]: each["value"] for each in (document or {}).get("attributes", ())}
    return dict(sorted(attributes.items()))
