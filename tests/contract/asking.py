"""Short functions that request values from a store, so that tests read as sentences."""

from collections.abc import Sequence

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, Reuse, SeriesKey
from monotron.store import Store
from monotron.store.mongo import MongoStore
from monotron.store.mongo.allocation import current_heads
from monotron.store.sqlite.statements import read_heads
from monotron.store.sqlite.store import SqliteStore

SERIES = SeriesKey(1, "some-great-service")
OTHER = SeriesKey(1, "other")
BY = "key:mtk_k_AbCdEfGh"


def ask(
    token: str, reuse: Reuse = Reuse.CURRENT, series: SeriesKey = SERIES, assigned_by: str = BY
) -> AllocationRequest:
    return AllocationRequest(series, token, reuse, assigned_by)


def ask_any(token: str, series: SeriesKey = SERIES, assigned_by: str = BY) -> AllocationRequest:
    return AllocationRequest(series, token, Reuse.ANY, assigned_by)


def put(store: Store, token: str, reuse: Reuse = Reuse.CURRENT, series: SeriesKey = SERIES) -> int:
    """The value of one PUT of the token, by a batch that begins and then finishes."""
    (result,) = store.begin_allocate([ask(token, reuse, series)])()
    return value(result)


def put_any(store: Store, token: str, series: SeriesKey = SERIES) -> int:
    return put(store, token, Reuse.ANY, series)


def value(result: Allocation | MonotronError) -> int:
    if isinstance(result, MonotronError):
        raise result
    return result.entry.value


def values(results: list[Allocation | MonotronError]) -> list[int]:
    return [value(result) for result in results]


def high_water_marks(store: Store, keys: Sequence[SeriesKey]) -> list[int]:
    """The last value of each series, also if it was deleted."""
    if isinstance(store, MongoStore):
        heads, _ = current_heads(store._reads, keys)
    else:
        assert isinstance(store, SqliteStore)
        with store._file.transaction() as transaction:
            heads = read_heads(transaction, keys)
    return [heads[series].value if series in heads else 0 for series in keys]


def credentials_of(store: Store, series: SeriesKey = SERIES) -> list[tuple[str | None, str | None]]:
    """The whole ledger, oldest first, as (token, assigned_by)."""
    rows = store.ledger_page(series, None, 1000)
    assert rows is not None
    return [(row.entry.token, row.assigned_by) for row in reversed(rows)]


def ledger(store: Store, series: SeriesKey = SERIES) -> list[tuple[str | None, int]]:
    """The whole ledger, oldest first, as (token, value)."""
    rows = store.ledger_page(series, None, 1000)
    assert rows is not None
    return [(row.entry.token, row.entry.value) for row in reversed(rows)]
