"""The head of a series, and the cache of the heads that this process wrote last."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import TypeAlias

from bson import ObjectId, Timestamp

from monotron.model.series import SeriesKey
from monotron.runtime import Runtime

MAX_REMEMBERED = 65536
"""The maximum weight of the cache. A head has a weight of 4, and each of its tokens 1."""

MAX_CARRIED = 512
"""The maximum number of tokens that a batch carries over from earlier batches."""


@dataclass(slots=True, eq=False)
class Head:
    """The state of a series after one batch. `stamp` is None if the series does not exist yet."""

    generation: ObjectId | None = None
    value: int = 0
    token: str | None = None
    batch: tuple[str | None, ...] = ()
    """The tokens for the values up to `value`: those of the last batch, preceded by those of
    earlier batches that were not sealed yet. Empty if the series is deleted."""
    stamp: ObjectId | None = None
    created_at: int = 0
    assigned_by: tuple[str | None, ...] = ()
    """The credential that assigned the value of each token of the batch, if it is known."""
    time: Timestamp | None = None
    """The cluster time of the newest known state. Later reads must not be older."""
    awaited: ObjectId | None = None
    """The call of another process that lost against this head and waits for its turn."""
    fresh: int = 0
    """How many of the batch's tokens the last batch assigned. The others were carried over."""
    carried: tuple["Head", ...] = field(default=(), repr=False)
    """The heads that the other tokens were carried over from. This process wrote all of them."""
    sealed: bool = False
    """Whether the fresh tokens are known to be in the ledger."""
    pause: float = 0.0
    """Seconds to wait before the next batch, for another process that waits for its turn."""
    sealing: threading.Event | None = field(default=None, repr=False)
    """Set when the background thread has sealed the head, or has failed to."""

    @property
    def is_active(self) -> bool:
        return bool(self.batch)

    @property
    def first(self) -> int:
        """The value of the batch's first token."""
        return self.value - len(self.batch) + 1

    @property
    def first_fresh(self) -> int:
        """The value of the first token that the last batch assigned."""
        return self.value - self.fresh + 1

    def all_sealed(self) -> bool:
        """Return whether the whole batch is known to be in the ledger."""
        return self.sealed and all(head.sealed for head in self.carried)

    def unsealed(self) -> "tuple[Head, ...] | None":
        """Return what the next batch must carry instead of waiting, or None if it must wait.

        A head is carried only if this process wrote it and knows that it was applied, only while
        its sealing succeeds, and only up to `MAX_CARRIED` tokens.
        """
        if self.all_sealed():
            return ()
        # Sealed heads before the first unsealed one need not be carried.
        pending = tuple(dropwhile(lambda head: head.sealed, (*self.carried, self)))
        failed = any(head.sealing is None or head.sealing.is_set() for head in pending)
        if failed or sum(head.fresh for head in pending) > MAX_CARRIED:
            return None
        return pending

    def seen_at(self, time: Timestamp | None) -> None:
        """Require that later reads are at least as new as *time*."""
        if time is not None and (self.time is None or time > self.time):
            self.time = time

    def successor(
        self,
        tokens: Sequence[str | None],
        assigned_by: Sequence[str],
        value: int,
        runtime: Runtime,
        carried: "tuple[Head, ...]" = (),
    ) -> "Head":
        """Return the next head at *value*, with *tokens* and the *carried* ones in its batch.

        *assigned_by* contains the credential that assigned the value of each token.
        """
        first = len(self.batch) - sum(head.fresh for head in carried)
        return Head(
            generation=self.generation or ObjectId(runtime.new_id()),
            value=value,
            token=tokens[-1],
            batch=(*self.batch[first:], *tokens),
            stamp=ObjectId(runtime.new_id()),
            created_at=runtime.now_ms(),
            assigned_by=(*self.assigned_by[first:], *assigned_by),
            fresh=len(tokens),
            carried=carried,
        )


Sealable: TypeAlias = tuple[SeriesKey, Head]
EndedGeneration: TypeAlias = tuple[SeriesKey, ObjectId]


class HeadCache:
    """The heads that this process wrote last, up to a bound. Correctness does not depend on it."""

    def __init__(self, max_weight: int = MAX_REMEMBERED) -> None:
        self._max_weight = max_weight
        self._weight = 0
        self._heads: OrderedDict[SeriesKey, Head] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, series: SeriesKey) -> Head | None:
        with self._lock:
            return self._heads.get(series)

    def put(self, series: SeriesKey, head: Head) -> None:
        with self._lock:
            previous = self._heads.pop(series, None)
            self._weight += _weight(head) - (_weight(previous) if previous else 0)
            self._heads[series] = head
            while self._weight > self._max_weight:
                _, oldest = self._heads.popitem(last=False)
                self._weight -= _weight(oldest)

    def forget(self, series: SeriesKey, head: Head) -> bool:
        """Remove *head*. Return false if the cache does not contain this head."""
        with self._lock:
            if self._heads.get(series) is not head:
                return False
            self._weight -= _weight(self._heads.pop(series))
            return True


def _weight(head: Head) -> int:
    return 4 + len(head.batch)
