"""Allocation in MongoDB: a batch is one multi-document transaction.

The guarantees, and what each rests on (docs/how-it-works.md explains every part):

1. *Unique and increasing.* In one generation of a series, the unique index of `entries` by value
   alone prevents that a value is assigned twice. Across generations, and for the order of values,
   it is the write conflict on the head: `series.write` replaces a head only if generation, value
   and token are those that the values were computed from.
2. *Repeatable.* The entries of tokens are read in the snapshot in which the head is replaced: a
   remembered head is in it, or its filter fails. A batch that only repeats is answered from reads
   that are neither stale nor rolled back (`reads.Reads.current`).
3. *No skipped values.* Heads and entries are written in one transaction, together or not at all.
4. *Durable before answered.* Results are returned after the commit was acknowledged with write
   concern majority and journal (`transactions.Transactions.commit`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count, cycle
from typing import Any

from pymongo.client_session import ClientSession

from monotron.model.allocation import AllocationRequest
from monotron.model.quotas import Quotas
from monotron.model.series import SeriesHead, SeriesKey
from monotron.store.mongo.batch import Batch, Results
from monotron.store.mongo.changes import SeriesChanges
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.reads import Reads
from monotron.store.mongo.remembered import RememberedHeads
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import Change, heads_of, where
from monotron.store.mongo.transactions import Duplicate, NothingToWrite, Transactions


class Allocator:
    """Assigns values to the tokens of batches. `Store.allocate` states its guarantees."""

    def __init__(
        self,
        documents: SeriesDocuments,
        reads: Reads,
        transactions: Transactions,
        changes: SeriesChanges,
        remembered: RememberedHeads,
        rule: Callable[..., Any],
        quotas: Quotas,
    ) -> None:
        """*rule*: the counting rule, `model.allocation.allocate`."""
        self._documents = documents
        self._reads = reads
        self._transactions = transactions
        self._changes = changes
        self._remembered = remembered
        self._rule = rule
        self._quotas = quotas
        self._expects_repeats = False

    def allocate(self, requests: Sequence[AllocationRequest]) -> Results:
        """Write all series of the batch in one transaction, or answer a batch of repeats.

        Either way may find that the other one is needed. The way of the last batch is tried first.
        """
        batch = Batch(requests, self._rule, self._quotas)
        deadline = self._reads.start_deadline()
        ways = cycle((self._write, self._repeat))
        if self._expects_repeats:
            next(ways)
        while True:
            deadline.check()
            way = next(ways)
            results = way(batch, deadline)
            if results is not None:
                self._expects_repeats = way == self._repeat
                return results

    def _write(self, batch: Batch, deadline: Deadline) -> Results | None:
        """Allocate in a transaction. Return None if there is nothing to write."""
        attempts = count()

        def write_once(session: ClientSession) -> tuple[Results, list[Change]]:
            if next(attempts):  # another server writes the same series
                self._remembered.were_outdated()
            return self._write_once(batch, session)

        while True:
            try:
                results, changes = self._transactions.run(write_once, deadline)
            except NothingToWrite:
                return None
            except Duplicate as duplicate:
                batch.exclude(duplicate.series, duplicate.damage())
            else:
                self._remembered.put(changes)
                if changes:
                    return results
                # The commit confirms refusals. What the transaction read for repeats may be stale.
                batch.exclude_refused(results)
                return None

    def _write_once(self, batch: Batch, session: ClientSession) -> tuple[Results, list[Change]]:
        remembered = self._remembered.take(batch.requests)
        results, changes, used = self._decide(batch, remembered, session)
        replaced = {change.series for change in changes}
        if (changes or used) and not remembered.keys() <= replaced:
            # A remembered head is verified only by its replacement.
            results, changes, used = self._decide(batch, {}, session)
        if not (changes or used):  # without changes, `used` has made the quota refuse series
            raise NothingToWrite
        self._changes.write(changes, used, session)
        return results, changes

    def _decide(
        self, batch: Batch, remembered: Mapping[SeriesKey, SeriesHead], session: ClientSession
    ) -> tuple[Results, list[Change], dict[int, int]]:
        """Read what is not remembered, and apply the counting rule and the quotas.

        Also return the number of series of the accounts that create some.
        """
        unread = [series for series in batch.requests if series not in remembered]
        heads = {**remembered, **self._documents.heads(unread, session)}
        known = self._documents.last_values(heads, batch.all_requests(), session)
        results, changes = batch.decide(heads, known)
        used = self._changes.used(changes, session)
        if used:
            results, changes = batch.decide(heads, known, used)
        return results, changes, used

    def _repeat(self, batch: Batch, deadline: Deadline) -> Results | None:
        """Answer from reads that are not stale. Return None if a value must be assigned."""
        heads, time = current_heads(self._reads, list(batch.requests), deadline)
        last_values = partial(self._documents.last_values, heads, list(batch.all_requests()))
        known, _ = self._reads.after(time, last_values, deadline)
        results, changes = batch.decide(heads, known)
        return None if changes else results


def current_heads(
    reads: Reads, keys: Sequence[SeriesKey], deadline: Deadline | None = None
) -> tuple[dict[SeriesKey, SeriesHead], Any]:
    """Read the heads as of a moment since this call began, and a time for further reads."""
    rows, time = reads.current("series", [where(each) for each in keys], deadline)
    return heads_of(keys, rows), time
