"""Raise all series of a MongoDB database after a restore.

One transaction raises many series. If it is interrupted and repeated, some series are raised twice,
which leaves a larger gap and has no other effect.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from pymongo.client_session import ClientSession
from pymongo.database import Database
from semver import Version

from monotron.model.series import FAST_FORWARD, INT64_MAX, SeriesHead, SeriesKey
from monotron.store.fast_forward import MAX_NAMED_SERIES, FastForwarded, KnownLines, saturating_add
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import collection
from monotron.store.mongo.scan import rows
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import Change, NewEntry, series_of, where
from monotron.store.mongo.transactions import Transactions

SERIES_PER_TRANSACTION = 100


def fast_forward(
    database: "Database[Document]",
    documents: SeriesDocuments,
    transactions: Transactions,
    amount: int,
    now: int,
) -> FastForwarded:
    """Raise all series. *now* is in milliseconds since the epoch."""
    if not amount:
        return FastForwarded(0, ())
    existing, components = _series(database, transactions)

    def raise_heads(series: Sequence[SeriesKey], session: ClientSession) -> list[Change]:
        changes = [
            _change(each, head, amount + (each in components))
            for each, head in documents.heads(series, session).items()
        ]
        documents.write([change for change in changes if change.new != change.seen], now, session)
        return changes

    keys = sorted(existing | components)
    raised = 0
    exhausted: list[SeriesKey] = []
    for start in range(0, len(keys), SERIES_PER_TRANSACTION):
        body = partial(raise_heads, keys[start : start + SERIES_PER_TRANSACTION])
        changes = transactions.decide(body)
        raised += sum(change.new.value > change.seen.value for change in changes)
        exhausted += [change.series for change in changes if change.new.value == INT64_MAX]
    return FastForwarded(raised, tuple(exhausted[:MAX_NAMED_SERIES]))


def _series(
    database: "Database[Document]", transactions: Transactions
) -> tuple[set[SeriesKey], set[SeriesKey]]:
    """Return all series, and the component series, including those that a known line may need."""
    heads, entries, releases = (
        collection(database, name) for name in ("series", "entries", "releases")
    )
    generations = {
        series_of(head): head["generation"]
        for head in rows(transactions, heads, ("account", "key"), ("generation",))
    }
    lines = KnownLines()
    for series in generations:
        lines.add_series(*series)
    for release in rows(transactions, releases, ("account", "name", "sort_key"), ("version",)):
        version = Version.parse(release["version"])
        lines.add_release(release["account"], release["name"], version.major, version.minor)

    def values(series: SeriesKey) -> Iterator[int]:
        if series in generations:
            ledger = {**where(series), "generation": generations[series]}
            for row in rows(transactions, entries, ("value",), (), ledger):
                yield int(row["value"])

    return set(generations), set(lines.series(values))


def _change(series: SeriesKey, head: SeriesHead, amount: int) -> Change:
    value = saturating_add(head.value, amount)
    if value == head.value:
        return Change(series, head, head)
    if head.active:
        entry = NewEntry(value, None, FAST_FORWARD)
        return Change(series, head, head.at(value, None), [entry])
    # A deleted series keeps its generation, and so the attributes of tokens without a value.
    return Change(series, head, SeriesHead(head.generation or 1, value))
