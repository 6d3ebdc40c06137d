"""Raise all series of a MongoDB database after a restore.

One transaction raises many series. If it is interrupted and repeated, some series are raised twice,
which leaves a larger gap and has no other effect.
"""

from collections.abc import Mapping, Sequence

from pymongo.client_session import ClientSession

from monotron.model.series import INT64_MAX, SeriesKey
from monotron.runtime import Runtime
from monotron.store.fast_forward import MAX_NAMED_SERIES, FastForwarded, KnownLines, saturating_add
from monotron.store.mongo.deadline import Deadlines
from monotron.store.mongo.series import Change, Head, NewEntry, SeriesDocuments
from monotron.store.mongo.transactions import Transactions

MAX_SERIES_PER_TRANSACTION = 100


class MongoFastForward:
    """Raises all series."""

    def __init__(
        self,
        documents: SeriesDocuments,
        transactions: Transactions,
        deadlines: Deadlines,
        runtime: Runtime,
    ) -> None:
        self._documents = documents
        self._transactions = transactions
        self._deadlines = deadlines
        self._now = runtime.now_ms

    def run(
        self, keys: Sequence[SeriesKey], lines: KnownLines, amount: int, assigned_by: str
    ) -> FastForwarded:
        """Raise these series, and the component series that *lines* may need.

        *assigned_by* is the credential that the ledger records.
        """
        components = set(lines.series(self._values))
        all_keys = list(dict.fromkeys([*keys, *sorted(components)]))
        heads: dict[SeriesKey, Head] = {}
        raised = 0
        for start in range(0, len(all_keys), MAX_SERIES_PER_TRANSACTION):
            amounts = {
                series: amount + (series in components)
                for series in all_keys[start : start + MAX_SERIES_PER_TRANSACTION]
            }
            changes = self._raise(amounts, assigned_by)
            raised += sum(change.new.value > change.seen.value for change in changes)
            heads |= {change.series: change.new for change in changes}
        exhausted = [series for series, head in heads.items() if head.value == INT64_MAX]
        return FastForwarded(raised, tuple(exhausted[:MAX_NAMED_SERIES]))

    def _values(self, series: SeriesKey) -> list[int]:
        def read(session: ClientSession) -> list[int]:
            head = self._documents.heads([series], session)[series]
            rows = self._documents.rows(series, head, {}, session) if head.active else []
            return [int(row["value"]) for row in rows]

        return self._transactions.read(read, self._deadlines.start())

    def _raise(self, amounts: Mapping[SeriesKey, int], assigned_by: str) -> list[Change]:
        def raise_heads(session: ClientSession) -> list[Change]:
            heads = self._documents.heads(list(amounts), session)
            changes = [
                _change(series, heads[series], amount, assigned_by)
                for series, amount in amounts.items()
            ]
            raised = [change for change in changes if change.new != change.seen]
            self._documents.write(raised, self._now(), session)
            return changes

        return self._transactions.decide(raise_heads, self._deadlines.start())


def _change(series: SeriesKey, head: Head, amount: int, assigned_by: str) -> Change:
    value = saturating_add(head.value, amount)
    if value == head.value:
        return Change(series, head, head)
    if head.active:
        entry = NewEntry(value, None, assigned_by)
        return Change(series, head, head.at(value, None), [entry])
    # A deleted series keeps its generation, and so the attributes of tokens without a value.
    return Change(series, head, Head(head.generation or 1, value))
