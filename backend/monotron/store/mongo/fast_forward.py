"""Raise all series of a MongoDB database after a restore.

One command raises many series. If it is interrupted and repeated, some series are raised twice,
which leaves a larger gap and has no other effect.
"""

from collections.abc import Sequence

from bson import ObjectId

from monotron.errors import in_doubt
from monotron.model.series import INT64_MAX, SeriesKey
from monotron.runtime import Runtime
from monotron.store.fast_forward import MAX_NAMED_SERIES, FastForwarded, KnownLines, saturating_add
from monotron.store.mongo.client import Deadline, Deadlines
from monotron.store.mongo.heads import Head
from monotron.store.mongo.ledger import Ledger
from monotron.store.mongo.series import HeadCollection, HeadUpdate

MAX_SERIES_PER_COMMAND = 100


class MongoFastForward:
    """One fast-forward of all series."""

    def __init__(
        self,
        heads: HeadCollection,
        ledger: Ledger,
        deadlines: Deadlines,
        runtime: Runtime,
        amount: int,
        assigned_by: str,
    ) -> None:
        """*by*: the credential that the ledger records."""
        self._heads = heads
        self._ledger = ledger
        self._deadlines = deadlines
        self._runtime = runtime
        self._amount = amount
        self._by = assigned_by
        self._raised = 0
        self._exhausted: list[SeriesKey] = []

    def run(self, keys: Sequence[SeriesKey], products: KnownLines) -> FastForwarded:
        """Raise these series, and the component series that *products* may need."""
        components = set(products.series(self._values))
        every = list(dict.fromkeys([*keys, *sorted(components)]))
        for start in range(0, len(every), MAX_SERIES_PER_COMMAND):
            self._raise(every[start : start + MAX_SERIES_PER_COMMAND], components)
        return FastForwarded(self._raised, tuple(self._exhausted[:MAX_NAMED_SERIES]))

    def _values(self, series: SeriesKey) -> list[int]:
        deadline = self._deadlines.start()
        head = self._heads.read([series], deadline)[series]
        rows = self._ledger.rows(series, head, {}, deadline) if head.is_active else []
        return [*(int(row["value"]) for row in rows), *range(head.first, head.value + 1)]

    def _raise(self, keys: Sequence[SeriesKey], components: set[SeriesKey]) -> None:
        deadline = self._deadlines.start()
        moves = []
        for series, head in self._heads.read(keys, deadline).items():
            more = self._amount + (series in components)
            move = self._move(series, head, more, deadline)
            if move.new.value == INT64_MAX:
                self._exhausted.append(series)
            if head.value < INT64_MAX:
                moves.append(move)
        self._raised += len(moves)
        if moves and not self._heads.replace_all(moves, deadline):
            for move in moves:
                more = self._amount + (move.series in components)
                overtaken = self._heads.resolve(move, deadline)
                while overtaken is not None:  # a server is running: raise its head
                    with in_doubt():
                        move = self._move(move.series, overtaken, more, deadline)
                    overtaken = self._heads.replace(move, deadline)

    def _move(self, series: SeriesKey, head: Head, more: int, deadline: Deadline) -> HeadUpdate:
        value = saturating_add(head.value, more)
        if head.is_active:
            self._ledger.seal(series, head, deadline)
            new = head.successor([None], [self._by], value, self._runtime)
            return HeadUpdate(series, head, new)
        # A deleted series keeps its generation, and so the attributes of tokens without a value.
        new = Head(
            generation=head.generation or ObjectId(self._runtime.new_id()),
            value=value,
            stamp=ObjectId(self._runtime.new_id()),
            created_at=head.created_at,
        )
        return HeadUpdate(series, head, new)
