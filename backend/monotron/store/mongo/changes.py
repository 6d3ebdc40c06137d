"""Changes of series in a transaction, and of the usage of their accounts."""

from collections import Counter
from collections.abc import Callable, Sequence

from pymongo.client_session import ClientSession

from monotron.errors import MonotronError
from monotron.model.allocation import would_decrease
from monotron.model.quotas import Quotas
from monotron.model.series import Allocation, Entry, SeriesHead, SeriesKey
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import Change, NewEntry
from monotron.store.mongo.usage import MongoUsage, attribute_counters, series_counter


class SeriesChanges:
    """Writes heads and entries together with the number of series."""

    def __init__(
        self,
        documents: SeriesDocuments,
        usage: MongoUsage,
        quotas: Quotas,
        now: Callable[[], int],
    ) -> None:
        self._documents = documents
        self._usage = usage
        self._quotas = quotas
        self._now = now

    def used(self, changes: Sequence[Change], session: ClientSession) -> dict[int, int]:
        """Read the number of series of the accounts whose number the changes affect.

        Accounts without any series are omitted.
        """
        counters = [series_counter(account) for account in created_series(changes)]
        found = self._usage.read(counters, session)
        return {counter.account: number for counter, number in found.items()}

    def write(
        self, changes: Sequence[Change], used: dict[int, int], session: ClientSession
    ) -> None:
        """Apply the changes. *used* is the result of `used` for them, or for more changes."""
        self._documents.write(changes, self._now(), session)
        seen = {series_counter(account): number for account, number in used.items()}
        added = created_series(changes)
        self._usage.add(
            seen, {series_counter(account): added[account] for account in added}, session
        )

    def advance(
        self, series: SeriesKey, value: int, assigned_by: str, session: ClientSession
    ) -> Allocation | MonotronError:
        """Advance the series to *value*, or return the error."""
        head = self._documents.heads([series], session)[series]
        if value < head.value:
            return would_decrease(series, head.value, value)
        if value == head.value and head.active:
            return Allocation(Entry(*series, head.token, value), reused=True)
        entry = NewEntry(value, None, assigned_by)
        changes = [Change(series, head, head.at(value, None), [entry])]
        used = self.used(changes, session)
        if not head.active:
            error = self._quotas.check_series(series.account, used.get(series.account, 0))
            if error is not None:
                return error
        self.write(changes, used, session)
        return Allocation(Entry(*series, None, value), reused=False)

    def delete(self, series: SeriesKey, session: ClientSession, *, restart: bool) -> SeriesHead:
        """Start another generation, without values. It always does: there may be attributes."""
        head = self._documents.heads([series], session)[series]
        if head.generation:
            self.restart(series, head, 0 if restart else head.value, session)
        return head

    def restart(
        self, series: SeriesKey, head: SeriesHead, value: int, session: ClientSession
    ) -> None:
        """Start another generation, which continues after *value*."""
        changes = [Change(series, head, SeriesHead(head.generation + 1, value))]
        self.write(changes, self.used(changes, session), session)
        self._free_attributes(series, session)

    def _free_attributes(self, series: SeriesKey, session: ClientSession) -> None:
        """Subtract the attributes of the series from those of the account."""
        of_account, own = attribute_counters(series)
        seen = self._usage.read((of_account, own), session)
        if own in seen:
            self._usage.add(seen, {of_account: -seen[own]}, session)
            self._usage.remove(own, session)


def created_series(changes: Sequence[Change]) -> dict[int, int]:
    """Return by how much the changes raise the number of series of each account, if they do."""
    numbers: Counter[int] = Counter()
    for change in changes:
        numbers[change.series.account] += change.new.active - change.seen.active
    return {account: number for account, number in numbers.items() if number}
