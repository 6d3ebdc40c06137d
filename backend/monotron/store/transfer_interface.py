"""The interface of stores for moving content: to another store, and to another name."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator

from monotron.store.export_format import ImportedRow
from monotron.store.export_rows import Row
from monotron.store.fast_forward import FastForwarded
from monotron.store.renames import Rename


class StoreTransfer(ABC):
    """Export, import and rename.

    The store was opened with `exclusive`, so no server uses it. An export with *online* does
    not require this.
    """

    @abstractmethod
    def export_rows(self, *, online: bool = False) -> Generator[Row, None, None]:
        """Yield all rows in the order of an export (`export_rows.FIELDS`), as of one moment.

        With *online*, servers may use the store meanwhile. The generator must be closed before the
        store. Raises `InvalidRow` for rows of a series or a name that does not exist.
        """

    @abstractmethod
    def import_rows(self, rows: Iterator[ImportedRow], increase: int) -> FastForwarded:
        """Insert all rows into this empty store, and raise all series by *increase*.

        After any error, also one of *rows*, the store is empty. If the process ends earlier, the
        store is empty, or no server accepts it and the next import empties it. Raises
        `StartupError` if the store is not empty.
        """

    @property
    def interrupted_rename(self) -> tuple[int, str, str] | None:
        """Account, old and new name of a rename that must be repeated. None if there is none."""
        return None

    @abstractmethod
    def rename(self, rename: Rename) -> None:
        """Move the versions, series, entries and attributes of a name, and change its records.

        Raises `RenameRefused`, and changes nothing, if the new name has versions or series, or the
        old one has nothing. Atomic on SQLite. On MongoDB, it must be repeated after an error: until
        then, the store cannot be opened for anything else, and `interrupted_rename` states the
        names.
        """
