"""New generations of series, and the removal of the rows of deleted ones in small steps."""

from monotron.model.series import SeriesHead, SeriesKey
from monotron.store.sqlite.attributes import delete_some_attributes, free_attributes
from monotron.store.sqlite.file import Transaction
from monotron.store.sqlite.statements import next_generation
from monotron.store.sqlite.usage import add_usage

_DELETE_SOME_ENTRIES = """
DELETE FROM entries
WHERE generation = ?1
  AND value IN (SELECT value FROM entries WHERE generation = ?1 LIMIT 256)
"""


class Generations:
    """Starts generations of series."""

    def __init__(self) -> None:
        self._may_have_deleted = True

    def restart(
        self, transaction: Transaction, series: SeriesKey, head: SeriesHead, value: int
    ) -> None:
        """Begin a new generation, which continues after *value*."""
        free_attributes(transaction, series, head.generation)
        add_usage(transaction, series.account, series=-head.active)
        transaction.write(
            "UPDATE series SET generation = ?, value = ?, token = NULL, is_active = 0 "
            "WHERE generation = ?",
            next_generation(transaction),
            value,
            head.generation,
        )
        transaction.write("INSERT INTO deleted_generations VALUES (?)", head.generation)
        self._may_have_deleted = True

    def delete_some_rows(self, transaction: Transaction) -> None:
        """Delete a few rows of a deleted generation, to spread the cost over many writes."""
        if not self._may_have_deleted:
            return
        (generation,) = transaction.one("SELECT min(generation) FROM deleted_generations")
        if generation is None:
            self._may_have_deleted = False
        elif not (
            transaction.write(_DELETE_SOME_ENTRIES, generation).rowcount
            or delete_some_attributes(transaction, generation)
        ):
            transaction.write("DELETE FROM deleted_generations WHERE generation = ?", generation)
