"""Raising all series of a MongoDB database, after a restore.

Many series in one command, a step each. Broken off and begun again, it raises some twice, which
leaves a larger gap and does no other harm.
"""

from collections.abc import Callable, Sequence

from bson import ObjectId

from monotron.model.series import INT64_MAX, SeriesKey
from monotron.store.fast_forward import MAX_NAMED_SERIES, FastForwarded, KnownLines, raised
from monotron.store.mongo.client import Deadline, PatienceFor
from monotron.store.mongo.heads import Head
from monotron.store.mongo.ledger import Ledger
from monotron.store.mongo.series import HeadCollection, HeadUpdate

AT_ONCE = 100


class MongoFastForward:
    """One bump of all series there are."""

    def __init__(
        self,
        heads: HeadCollection,
        ledger: Ledger,
        work: PatienceFor,
        raise_from: Callable[[Head, int], Head],
        amount: int,
    ) -> None:
        """*raise_from* gives the head after one of a living series, at a value."""
        self._heads = heads
        self._ledger = ledger
        self._work = work
        self._raise_from = raise_from
        self._amount = amount
        self._raised = 0
        self._at_the_end: list[SeriesKey] = []

    def run(self, keys: Sequence[SeriesKey], products: KnownLines) -> FastForwarded:
        """Raise these series, and those that *products* would have besides."""
        components = set(products.series(self._values))
        every = list(dict.fromkeys([*keys, *sorted(components)]))
        for start in range(0, len(every), AT_ONCE):
            self._raise(every[start : start + AT_ONCE], components, self._work())
        return FastForwarded(self._raised, tuple(self._at_the_end[:MAX_NAMED_SERIES]))

    def _values(self, series: SeriesKey) -> list[int]:
        work = self._work()
        head = self._heads.read([series], work)[series]
        rows = self._ledger.rows(series, head, {}, work) if head.is_active else []
        return [*(int(row["value"]) for row in rows), *range(head.first, head.value + 1)]

    def _raise(self, keys: Sequence[SeriesKey], components: set[SeriesKey], work: Deadline) -> None:
        moves = []
        for series, head in self._heads.read(keys, work).items():
            more = self._amount + (series in components)
            move = self._move(series, head, more, work)
            if move.new.value == INT64_MAX:
                self._at_the_end.append(series)
            if head.value < INT64_MAX:
                moves.append(move)
        self._raised += len(moves)
        if moves and not self._heads.replace_all(moves, work):
            for move in moves:
                more = self._amount + (move.series in components)
                overtaken = self._heads.settle(move, work)
                while overtaken is not None:  # a server still counts: go on from there
                    move = self._move(move.series, overtaken, more, work)
                    overtaken = self._heads.replace(move, work)

    def _move(self, series: SeriesKey, head: Head, more: int, work: Deadline) -> HeadUpdate:
        value = raised(head.value, more)
        if head.is_active:
            self._ledger.seal(series, head, work)
            return HeadUpdate(series, head, self._raise_from(head, value))
        # A dead one keeps its generation, and so the attributes of tokens that had no value yet.
        new = Head(
            generation=head.generation or ObjectId(),
            value=value,
            stamp=ObjectId(),
            created_at=head.created_at,
        )
        return HeadUpdate(series, head, new)
