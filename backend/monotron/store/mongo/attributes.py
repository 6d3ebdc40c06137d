"""The attributes of tokens in MongoDB: the collection `attributes`."""

from collections.abc import Mapping
from typing import NamedTuple

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from monotron.errors import StoreUnavailable, in_doubt
from monotron.model.attributes import merge_attributes
from monotron.model.series import SeriesKey
from monotron.runtime import Runtime
from monotron.store.interface import AttributeStore
from monotron.store.mongo.client import Deadline, Deadlines, Document
from monotron.store.mongo.ledger import Sessions, collection, where
from monotron.store.mongo.series import HeadCollection


class _Content(NamedTuple):
    """The content of a document. `stamp` is None if it does not exist yet."""

    attributes: dict[str, str]
    stamp: ObjectId | None


class MongoAttributes(AttributeStore):
    """One document per generation and token. The first four fields are its unique key:

    `{account, key, generation, token, attributes: [{name, value}, …], stamp}`.

    A call first reads the head of the series, linearizably, for its generation. Then it does one
    operation on one document of this generation: it reads the document, linearizably, or replaces
    its content by a compare-and-set on the stamp, which identifies the attempt that wrote it.
    Concurrent operations between the two steps are safe:

    - *A DELETE.* It starts another generation. The call continues in the old one: it began before
      the DELETE returned, and counts as earlier. Calls that begin after the DELETE read the new
      generation, so they never see a late write to the old one.
    - *The first value of a new series.* Attributes need a generation before there is a value, so
      the head is created first, as a deleted series at 0. The unique index decides which call
      creates it. The other call then finds it, and the first value keeps its generation.
    - *A DELETE of a series without values.* It always starts a new generation. So it does not
      have to check for attributes, which could be added after the check.
    - *Another merge or remove.* The stamp has changed, so this call starts again from the current
      content. A document is emptied but not deleted while its generation lasts. So a late insert
      finds it, and cannot restore what was removed since.
    - *A lost response.* If the document has our stamp, the write was applied. If it is unchanged,
      the write is resent, which cannot apply twice, because the filter matches only that stamp.
      If it has a third stamp, the order is unknown. The caller receives an error, because merging
      again could undo a later write of another caller.
    - *The sweep of a deleted generation.* It runs after every call that may use the generation has
      ended. A write that arrives even later is never read.
    """

    def __init__(
        self,
        database: "Database[Document]",
        sessions: Sessions,
        heads: HeadCollection,
        deadlines: Deadlines,
        runtime: Runtime,
    ) -> None:
        self._heads = heads
        self._deadlines = deadlines
        self._runtime = runtime
        self._attributes = collection(database, "attributes", sessions.read_concern("majority"))
        self._current = collection(database, "attributes", sessions.read_concern("linearizable"))
        index = [(field, ASCENDING) for field in ("account", "key", "generation", "token")]
        self._attributes.create_index(index, unique=True)

    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        deadline = self._deadlines.start()
        generation = self._heads.current(series, deadline).generation
        if generation is None:
            return {}
        return self._read(_key(series, generation, token), deadline).attributes

    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        deadline = self._deadlines.start()
        generation = self._heads.current(series, deadline).generation
        if generation is None:
            if not merge_attributes({}, attributes):  # raises before anything is created
                return {}
            generation = self._heads.create(series, self._runtime.now_ms(), deadline).generation
        key = _key(series, generation, token)
        while True:
            seen = self._read(key, deadline)
            result = merge_attributes(seen.attributes, attributes)
            if result == seen.attributes or self._replace(key, seen, result, deadline):
                return result

    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        deadline = self._deadlines.start()
        generation = self._heads.current(series, deadline).generation
        if generation is None:
            return False
        key = _key(series, generation, token)
        while True:
            seen = self._read(key, deadline)
            remaining = {
                attribute: value
                for attribute, value in seen.attributes.items()
                if name is not None and attribute != name
            }
            if remaining == seen.attributes:
                return False
            if self._replace(key, seen, remaining, deadline):
                return True

    def _read(self, key: Document, deadline: Deadline) -> _Content:
        document = deadline.persist(lambda: self._current.find_one(key))
        if document is None:
            return _Content({}, None)
        attributes = {pair["name"]: pair["value"] for pair in document["attributes"]}
        return _Content(dict(sorted(attributes.items())), document["stamp"])

    def _replace(
        self, key: Document, seen: _Content, attributes: Mapping[str, str], deadline: Deadline
    ) -> bool:
        """Replace *seen* with *attributes*, once. Return false if another write was faster.

        Raises errors with `applied` unknown.
        """
        stamp = ObjectId(self._runtime.new_id())
        failed = False
        with in_doubt():
            while True:
                try:
                    with deadline.attempt():
                        applied = self._compare_and_set(key, seen, attributes, stamp)
                except PyMongoError as error:
                    applied, failed = False, True
                    deadline.failed(error)
                current = stamp if applied else self._read(key, deadline).stamp
                if current == stamp:
                    return True
                if current != seen.stamp:
                    if failed:
                        raise StoreUnavailable(
                            "Another request changed the attributes while MongoDB did not "
                            "respond. Read the attributes, and repeat the request if necessary."
                        )
                    return False

    def _compare_and_set(
        self, key: Document, seen: _Content, attributes: Mapping[str, str], stamp: ObjectId
    ) -> bool:
        pairs = [{"name": name, "value": value} for name, value in attributes.items()]
        try:
            result = self._attributes.update_one(
                {**key, "stamp": seen.stamp},  # None matches nothing, so the upsert inserts
                {"$set": {"attributes": pairs, "stamp": stamp}},
                upsert=seen.stamp is None,
            )
        except DuplicateKeyError:
            return False
        return result.matched_count == 1 or result.upserted_id is not None


def _key(series: SeriesKey, generation: ObjectId | None, token: str) -> Document:
    return {**where(series), "generation": generation, "token": token}
