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
        """*assigned_by* is the credential that the ledger records."""
        self._heads = heads
        self._ledger = ledger
        self._deadlines = deadlines
        self._runtime = runtime
        self._amount = amount
        self._assigned_by = assigned_by
        self._raised = 0
        self._exhausted: list[SeriesKey] = []

    def run(self, keys: Sequence[SeriesKey], lines: KnownLines) -> FastForwarded:
        """Raise these series, and the component series that *lines* may need."""
        components = set(lines.series(self._values))
        all_keys = list(dict.fromkeys([*keys, *sorted(components)]))
        for start in range(0, len(all_keys), MAX_SERIES_PER_COMMAND):
            self._raise(all_keys[start : start + MAX_SERIES_PER_COMMAND], components)
        return FastForwarded(self._raised, tuple(self._exhausted[:MAX_NAMED_SERIES]))

    def _values(self, series: SeriesKey) -> list[int]:
        deadline = self._deadlines.start()
        head = self._heads.read([series], deadline)[series]
        rows = self._ledger.rows(series, head, {}, deadline) if head.is_active else []
        return [*(int(row["value"]) for row in rows), *range(head.first, head.value + 1)]

    def _raise(self, keys: Sequence[SeriesKey], components: set[SeriesKey]) -> None:
        deadline = self._deadlines.start()
        updates = []
        for series, head in self._heads.read(keys, deadline).items():
            amount = self._amount + (series in components)
            update = self._update(series, head, amount, deadline)
            if update.new.value == INT64_MAX:
                self._exhausted.append(series)
            if head.value < INT64_MAX:
                updates.append(update)
        self._raised += len(updates)
        if updates and not self._heads.replace_all(updates, deadline):
            for update in updates:
                amount = self._amount + (update.series in components)
                current = self._heads.resolve(update, deadline)
                while current is not None:  # a running server replaced it
                    with in_doubt():
                        update = self._update(update.series, current, amount, deadline)
                    current = self._heads.replace(update, deadline)

    def _update(self, series: SeriesKey, head: Head, amount: int, deadline: Deadline) -> HeadUpdate:
        value = saturating_add(head.value, amount)
        if head.is_active:
            self._ledger.seal(series, head, deadline)
            new = head.successor([None], [self._assigned_by], value, self._runtime)
            return HeadUpdate(series, head, new)
        # A deleted series keeps its generation, and so the attributes of tokens without a value.
        new = Head(
            generation=head.generation or ObjectId(self._runtime.new_id()),
            value=value,
            stamp=ObjectId(self._runtime.new_id()),
            created_at=head.created_at,
        )
        return HeadUpdate(series, head, new)
