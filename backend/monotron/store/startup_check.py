"""The check of a store before a server uses it. It assigns a value and repeats the request."""

from secrets import token_hex

from monotron.errors import MonotronError, SeriesExhausted, StartupError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, Reuse, SeriesKey
from monotron.store.interface import Store

SERIES = SeriesKey(0, "self-check")
"""A series of account 0, which belongs to Monotron. No credentials give access to it."""


def check_store(store: Store) -> None:
    """Check that a store assigns a value, and returns the same value to a repeated request.

    Raises `StartupError` if the store fails, or if the second value differs from the first.
    """
    request = AllocationRequest(SERIES, token_hex(8), Reuse.ANY, SERIES.key)
    try:
        try:
            first = _allocate(store, request)
        except SeriesExhausted:  # after a fast-forward
            store.delete(SERIES, restart=True)
            first = _allocate(store, request)
        second = _allocate(store, request)
    except MonotronError as error:
        raise StartupError(f"The store cannot assign values. {error.detail}") from error
    if first.reused or not second.reused or first.entry != second.entry:
        raise StartupError(
            "The store returned wrong values in the startup check. A new token got "
            f"{first.entry.value}, and the same request then got {second.entry.value}. Do not use "
            "this store. Run `monotron audit`."
        )


def _allocate(store: Store, request: AllocationRequest) -> Allocation:
    (result,) = store.allocate([request])
    if isinstance(result, MonotronError):
        raise result
    return result
