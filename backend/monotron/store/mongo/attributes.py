"""The attributes of tokens in MongoDB: the collection `attributes`, a document a generation and
token."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from monotron.errors import StoreUnavailable
from monotron.model.attributes import merged
from monotron.model.series import SeriesKey
from monotron.store.interface import AttributeStore
from monotron.store.mongo.client import Deadline, Document, PatienceFor
from monotron.store.mongo.heads import EndedGeneration
from monotron.store.mongo.ledger import Sessions, collection, where
from monotron.store.mongo.series import HeadCollection


class _Seen(NamedTuple):
    """What a document held. `stamp` None: there is none yet."""

    attributes: dict[str, str]
    stamp: ObjectId | None


class MongoAttributes(AttributeStore):
    """`{account, key, generation, token, attributes: [{name, value}, …], stamp}`, unique on the
    first 4.

    A call reads the head of the series, linearizably, for its generation, and then does one thing
    to one
    document of this generation: reads it, linearizably, or replaces what is in it by a compare-and-
    set
    on its stamp, which names the attempt that wrote it. What may come between, and why it does no
    harm:

    - *A DELETE, between the two.* It gave the series another generation. The call goes on in the
      old one:
      it began before the DELETE was done, and counts as having come before it. Whoever begins
      after the DELETE reads the new generation, and so never what a late write leaves in the old
      one.
    - *The first value of a series that does not exist.* Attributes need a generation before there
      is a
      value, so the head is made first, as a dead one of height 0. Which of the two makes it is
      decided by its unique index; the other then finds it, and the first value keeps its
      generation.
    - *A DELETE of a series that never gave a value.* It begins a new generation whatever is there,
      so it
      need not look for attributes, and none can slip in after it has looked.
    - *Another merge or remove.* The stamp is another then, and this one starts over from what
      stands. A document is emptied and never removed while its generation lasts: so an insert that
      lands late meets it, and cannot bring back what was removed since.
    - *An answer that is lost.* The document has our stamp: done. It is as it was seen: sent again,
      which cannot apply twice, since the filter fits that one stamp only. It has a third stamp:
      another came after us, or before, and nobody can tell; then the caller is told so, for to
      merge again could undo what the other one did after us.
    - *The sweep of an ended generation.* It comes later than any call that may still work in that
      generation
      ends; a write that lands even later is garbage that nobody looks up.
    """

    def __init__(
        self,
        database: "Database[Document]",
        sessions: Sessions,
        heads: HeadCollection,
        work: PatienceFor,
        now: Callable[[], int],
    ) -> None:
        self._heads = heads
        self._work = work
        self._now = now
        self._attributes = collection(database, "attributes", sessions.read_concern("majority"))
        self._current = collection(database, "attributes", sessions.read_concern("linearizable"))
        place = [(field, ASCENDING) for field in ("account", "key", "generation", "token")]
        self._attributes.create_index(place, unique=True)

    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        work = self._work()
        generation = self._heads.current(series, work).generation
        if generation is None:
            return {}
        return self._read(_place(series, generation, token), work).attributes

    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        work = self._work()
        generation = self._heads.current(series, work).generation
        if generation is None:
            if not merged({}, attributes):  # or refused, before anything is made
                return {}
            generation = self._heads.born(series, self._now(), work).generation
        place = _place(series, generation, token)
        while True:
            seen = self._read(place, work)
            result = merged(seen.attributes, attributes)
            if result == seen.attributes or self._replace(place, seen, result, work):
                return result

    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        work = self._work()
        generation = self._heads.current(series, work).generation
        if generation is None:
            return False
        place = _place(series, generation, token)
        while True:
            seen = self._read(place, work)
            left = {
                each: value
                for each, value in seen.attributes.items()
                if name is not None and each != name
            }
            if left == seen.attributes:
                return False
            if self._replace(place, seen, left, work):
                return True

    def sweep(self, ended: EndedGeneration, work: Deadline) -> None:
        """Remove the documents of a generation that has ended."""
        series, generation = ended
        with work.attempt():
            self._attributes.delete_many({**where(series), "generation": generation})

    def _read(self, place: Document, work: Deadline) -> _Seen:
        document = work.persist(lambda: self._current.find_one(place))
        if document is None:
            return _Seen({}, None)
        attributes = {each["name"]: each["value"] for each in document["attributes"]}
        return _Seen(dict(sorted(attributes.items())), document["stamp"])

    def _replace(
        self, place: Document, seen: _Seen, attributes: Mapping[str, str], work: Deadline
    ) -> bool:
        """Put *attributes* in the place of what was *seen*, once. False: another was faster."""
        stamp = ObjectId()
        in_doubt = False
        work.applied = "unknown"
        while True:
            try:
                with work.attempt():
                    applied = self._compare_and_set(place, seen, attributes, stamp)
            except PyMongoError as error:
                applied, in_doubt = False, True
                work.failed(error)
            found = stamp if applied else self._read(place, work).stamp
            if found == stamp:
                break
            if found != seen.stamp:
                if in_doubt:
                    raise StoreUnavailable(
                        "Another request changed the attributes of this token while MongoDB did "
                        "not answer. Look at them, and send the same request again if need be.",
                        applied="unknown",
                    )
                break
        work.applied = "no"
        return found == stamp

    def _compare_and_set(
        self, place: Document, seen: _Seen, attributes: Mapping[str, str], stamp: ObjectId
    ) -> bool:
        pairs = [{"name": name, "value": value} for name, value in attributes.items()]
        try:
            result = self._attributes.update_one(
                {**place, "stamp": seen.stamp},  # None fits no document: so it is made
                {"$set": {"attributes": pairs, "stamp": stamp}},
                upsert=seen.stamp is None,
            )
        except DuplicateKeyError:
            return False
        return result.matched_count == 1 or result.upserted_id is not None


def _place(series: SeriesKey, generation: ObjectId | None, token: str) -> Document:
    return {**where(series), "generation": generation, "token": token}
