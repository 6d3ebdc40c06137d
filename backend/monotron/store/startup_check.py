"""What a server asks of its store before it serves: to count, and to repeat itself."""

from secrets import token_hex

from monotron.errors import MonotronError, SeriesExhausted, StartupError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, Reuse, SeriesKey
from monotron.store.interface import Store

SERIES = SeriesKey(0, "self-check")
"""Of Monotron's own account, which nobody can sign in to."""


def self_check(store: Store) -> None:
    """Give a new token its value, and again; `StartupError` if that is not the same. One write."""
    ask = AllocationRequest(SERIES, token_hex(8), Reuse.ANY, SERIES.key)
    try:
        try:
            first = _given(store, ask)
        except SeriesExhausted:  # after a bump that was meant for others
            store.delete(SERIES, restart=True)
            first = _given(store, ask)
        again = _given(store, ask)
    except MonotronError as error:
        raise StartupError(f"The store does not count: {error.detail}") from error
    if first.reused or not again.reused or first.entry != again.entry:
        raise StartupError(
            f"The store does not keep its word: a new token was given {first.entry.value}, and "
            f"asked for again {again.entry.value}. Do not count with it; run `monotron audit`."
        )


def _given(store: Store, ask: AllocationRequest) -> Allocation:
    (answer,) = store.allocate([ask])
    if isinstance(answer, MonotronError):
        raise answer
    return answer
