"""Inserts the rows of an export into an empty MongoDB database."""

import json
from collections import Counter as Counts
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

from bson import Int64
from pymongo.database import Database
from pymongo.errors import PyMongoError

from monotron.errors import StartupError
from monotron.model.component_keys import name_of_first_key
from monotron.model.quotas import size_of_attributes
from monotron.model.series import SeriesKey
from monotron.store.export_format import ImportedRow
from monotron.store.export_rows import Row
from monotron.store.fast_forward import FastForwarded
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import collection
from monotron.store.mongo.registration import Registration
from monotron.store.mongo.series import ENTRIES_BY_TOKEN
from monotron.store.mongo.series_fields import where
from monotron.store.mongo.usage import Counter, attribute_counters, series_counter

COLLECTIONS = (
    "series",
    "entries",
    "attributes",
    "usage",
    "names",
    "releases",
    "auth_records",
    "token_uses",
)
"""The collections with the content of a store."""

ROWS_PER_COMMAND = 2000

BYTES_PER_COMMAND = 1 << 22
"""Attributes, and bodies of records, in one command. Other documents are small."""

FIRST_GENERATION = Int64(1)
"""The generation of imported series."""


def import_all(
    database: "Database[Document]",
    registration: Registration,
    rows: Iterator[ImportedRow],
    finish: Callable[[], FastForwarded],
) -> FastForwarded:
    """Insert all rows, and return the result of *finish*. After an error, the database is empty.

    While the import is incomplete, other processes cannot open the store. Raises `StartupError` if
    the database is not empty.
    """
    documents = [collection(database, name) for name in COLLECTIONS]
    if registration.is_incomplete:
        _clear(database)
    elif any(each.find_one() is not None for each in documents):
        raise StartupError("The store is not empty. Import into a new database.")
    registration.set_incomplete(True)
    entries = collection(database, "entries")
    try:
        # Created at the end, the index is built from sorted keys.
        entries.drop_index(ENTRIES_BY_TOKEN)
        with ThreadPoolExecutor(1) as thread:
            inserter = RowInserter(database, registration, thread)
            for row, parent in rows:
                inserter.add(row, parent)
            inserter.finish()
        entries.create_index(ENTRIES_BY_TOKEN)
        result = finish()
    except BaseException:
        # Otherwise, the next import does it.
        with suppress(PyMongoError):
            _clear(database)
            registration.set_incomplete(False)
        raise
    registration.set_incomplete(False)
    return result


def _clear(database: "Database[Document]") -> None:
    for name in COLLECTIONS:
        collection(database, name).delete_many({})


class RowInserter:
    """Collects documents, and inserts those of a collection together, while others are read."""

    def __init__(
        self, database: "Database[Document]", registration: Registration, thread: Executor
    ) -> None:
        self._database = database
        self._registration = registration
        self._thread = thread
        self._insertion: Future[None] | None = None
        self._waiting_bytes: Counts[str] = Counts()
        self._waiting: dict[str, list[Document]] = {name: [] for name in COLLECTIONS}
        self._of_accounts: Counts[Counter] = Counts()
        self._of_series: Counts[Counter] = Counts()

    def add(self, row: Row, parent: Row) -> None:
        """Add a row, and the usage that it causes."""
        kind, size = row["kind"], 0
        if kind == "series":
            self._insert_usage(self._of_series)
            self._of_accounts[series_counter(row["account"])] += row["is_active"]
        elif kind == "attributes":
            size = size_of_attributes(row["token"], row["attributes"])
            of_account, of_series = attribute_counters(_series_key(parent))
            self._of_accounts[of_account] += size
            self._of_series[of_series] += size
        name, document = _document(kind, row, parent)
        self._insert(name, document, size or len(document.get("body", "")))

    def finish(self) -> None:
        """Insert what is left."""
        self._insert_usage(self._of_series)
        self._insert_usage(self._of_accounts)
        for name in COLLECTIONS:
            self._flush(name)
        self._wait()

    def _insert_usage(self, usage: Counts[Counter]) -> None:
        for counter, used in usage.items():
            if used:
                self._insert("usage", {**counter._asdict(), "used": Int64(used)})
        usage.clear()

    def _insert(self, name: str, document: Document, size: int = 0) -> None:
        waiting = self._waiting[name]
        waiting.append(document)
        self._waiting_bytes[name] += size
        if len(waiting) >= ROWS_PER_COMMAND or self._waiting_bytes[name] >= BYTES_PER_COMMAND:
            self._flush(name)

    def _flush(self, name: str) -> None:
        if documents := self._waiting[name]:
            self._wait()
            self._insertion = self._thread.submit(self._insert_many, name, documents)
            self._waiting[name], self._waiting_bytes[name] = [], 0

    def _insert_many(self, name: str, documents: list[Document]) -> None:
        self._registration.check()
        collection(self._database, name).insert_many(documents, ordered=False)

    def _wait(self) -> None:
        """Wait for the insertion in progress, and raise its error."""
        if self._insertion is not None:
            self._insertion.result()


def _document(kind: str, row: Row, parent: Row) -> tuple[str, Document]:
    """The collection and the document of a row."""
    if kind == "entry":
        return "entries", {
            "account": parent["account"],
            "key": parent["key"],
            "generation": FIRST_GENERATION,
            "value": Int64(row["value"]),
            "token": row["token"],
            "created_at": Int64(row["created_at"]),
            "assigned_by": row["assigned_by"],
        }
    if kind == "series":
        series = _series_key(row)
        return "series", {
            **where(series),
            "first_of": name_of_first_key(series.key),
            "generation": FIRST_GENERATION,
            "value": Int64(row["value"]),
            "token": row["token"],
            "active": row["is_active"],
            "updated_at": Int64(row["updated_at"]),
        }
    if kind == "attributes":
        pairs = [{"name": name, "value": value} for name, value in row["attributes"].items()]
        of_series = {**where(_series_key(parent)), "generation": FIRST_GENERATION}
        return "attributes", {**of_series, "token": row["token"], "attributes": pairs}
    fields = {name: value for name, value in row.items() if name != "kind"}
    if kind == "name":
        numbers = {name: Int64(row[name]) for name in ("revision", "releases", "withdrawn")}
        return "names", {**fields, **numbers}
    if kind == "release":
        return "releases", {
            "account": parent["account"],
            "name": parent["name"],
            **fields,
            "created_at": Int64(row["created_at"]),
            "is_final": not row["label"],
            "is_withdrawn": row["withdrawn"] is not None,
        }
    if kind == "token_use":
        return "token_uses", {
            **fields,
            "expires_at": datetime.fromtimestamp(row["expires_at"], UTC),
        }
    record = {"account": Int64(row["account"]), "body": json.dumps(row["body"])}
    return "auth_records", {**row, **record}


def _series_key(row: Row) -> SeriesKey:
    return SeriesKey(row["account"], row["key"])
