"""Export, import and rename in a MongoDB database."""

from collections.abc import Generator, Iterator
from functools import partial

from pymongo.database import Database
from pymongo.errors import PyMongoError

from monotron.runtime import Runtime
from monotron.store.auth_interface import AuthRecords
from monotron.store.export_format import ImportedRow
from monotron.store.export_rows import Row
from monotron.store.fast_forward import FastForwarded
from monotron.store.mongo.client import Document
from monotron.store.mongo.deadline import translate_error
from monotron.store.mongo.fast_forward import fast_forward
from monotron.store.mongo.registration import Registration
from monotron.store.mongo.rename import rename as rename_documents
from monotron.store.mongo.row_export import MongoExport, snapshot_error
from monotron.store.mongo.row_import import import_all
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.transactions import Transactions
from monotron.store.renames import Rename
from monotron.store.transfer_interface import StoreTransfer


class MongoTransfer(StoreTransfer):
    """Moves documents into, out of and within a database."""

    def __init__(
        self,
        database: "Database[Document]",
        registration: Registration | None,
        documents: SeriesDocuments,
        auth_records: AuthRecords,
        transactions: Transactions,
        runtime: Runtime,
    ) -> None:
        """*registration*: of this process. Import and rename require it."""
        self._database = database
        self._registration = registration
        self._documents = documents
        self._auth_records = auth_records
        self._transactions = transactions
        self._runtime = runtime

    def export_rows(self, *, online: bool = False) -> Generator[Row, None, None]:
        try:
            # With a snapshot, all reads show one moment. It requires MongoDB 5.0.
            with self._database.client.start_session(snapshot=online) as session:
                yield from MongoExport(self._database, session, int(self._runtime.clock())).rows()
        except PyMongoError as error:
            raise snapshot_error(error) or translate_error(error) from error
        if self._registration is not None:
            self._registration.check()  # exclusive use has not ended meanwhile

    def import_rows(self, rows: Iterator[ImportedRow], increase: int) -> FastForwarded:
        raise_all = partial(self._fast_forward, increase)
        try:
            return import_all(self._database, self._required_registration(), rows, raise_all)
        except PyMongoError as error:
            raise translate_error(error) from error

    def _fast_forward(self, increase: int) -> FastForwarded:
        now = self._runtime.now_ms()
        return fast_forward(self._database, self._documents, self._transactions, increase, now)

    @property
    def interrupted_rename(self) -> tuple[int, str, str] | None:
        return self._registration.interrupted_rename if self._registration else None

    def rename(self, rename: Rename) -> None:
        registration = self._required_registration()
        try:
            rename_documents(self._database, registration, self._auth_records, rename)
        except PyMongoError as error:
            raise translate_error(error) from error

    def _required_registration(self) -> Registration:
        if self._registration is None:
            raise ValueError("import and rename require a registration")
        return self._registration
