"""What a process remembers of series, and the thread that seals in the background."""

import heapq
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import TypeAlias

from bson import ObjectId, Timestamp

from monotron.model.series import SeriesKey

log = logging.getLogger("monotron.store")

MAX_REMEMBERED = 65536
"""Heads and the tokens of their batches that a process remembers, counted together."""

MAX_CARRIED = 512
"""Tokens that a batch may have from the steps before it."""

GATHER_SECONDS = 0.03
"""How long heads wait to be sealed together, so that steps are not held up by one insert each."""

AMONG_OTHERS_SECONDS = 10.0
"""How long heads are read anew before each step, after one of another server was met."""

SWEEP_AFTER_SECONDS = 60.0
"""How long the entries of a deleted generation stay: longer than any call that may look for
them."""


@dataclass(slots=True, eq=False)
class Head:
    """Where a series stands, as one step left it. `stamp` None: there is no such series yet."""

    generation: ObjectId | None = None
    value: int = 0
    token: str | None = None
    batch: tuple[str | None, ...] = ()
    """The tokens for the values up to `value`: those of that step, and before them those of the
    steps before it that were not sealed yet. Empty: the series was deleted."""
    stamp: ObjectId | None = None
    created_at: int = 0
    assigned_by: tuple[str | None, ...] = ()
    """By which credential each token of the batch was given its value, as far as it is known."""
    time: Timestamp | None = None
    """MongoDB's cluster time of the newest thing known of it. Later reads may not be older."""
    awaited: ObjectId | None = None
    """The call of another process that lost against this head and waits its turn."""
    fresh: int = 0
    """How many of the batch's tokens were given by that step. The others were carried over."""
    carried: tuple["Head", ...] = field(default=(), repr=False)
    """The heads that they were carried over from, all written by this process."""
    sealed: bool = False
    """Whether the fresh tokens are known to stand in the ledger."""
    pause: float = 0.0
    """Seconds to wait before the next step, for another process that waits its turn."""
    sealing: threading.Event | None = field(default=None, repr=False)

    @property
    def is_active(self) -> bool:
        return bool(self.batch)

    @property
    def first(self) -> int:
        """The value of the batch's first token."""
        return self.value - len(self.batch) + 1

    @property
    def first_fresh(self) -> int:
        """The value of the first token that this step gave."""
        return self.value - self.fresh + 1

    def all_sealed(self) -> bool:
        """Whether the whole batch is known to stand in the ledger."""
        return self.sealed and all(head.sealed for head in self.carried)

    def unsealed(self) -> "tuple[Head, ...] | None":
        """What the next batch must carry instead of waiting; None: it cannot, so seal first.

        Only what this process wrote and knows to have been applied may be carried, only while
        its sealing goes on well, and not without end.
        """
        if self.all_sealed():
            return ()
        # The end of the batch: those before the first that is not sealed are not carried on.
        pending = tuple(dropwhile(lambda head: head.sealed, (*self.carried, self)))
        failed = any(head.sealing is None or head.sealing.is_set() for head in pending)
        if failed or sum(head.fresh for head in pending) > MAX_CARRIED:
            return None
        return pending

    def seen_at(self, time: Timestamp | None) -> None:
        """Let later reads be at least as new as *time*."""
        if time is not None and (self.time is None or time > self.time):
            self.time = time


Sealable: TypeAlias = tuple[SeriesKey, Head]
EndedGeneration: TypeAlias = tuple[SeriesKey, ObjectId]


class HeadCache:
    """The heads that this process wrote last, up to a bound. None of it is needed to be right."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._weight = 0
        self._heads: OrderedDict[SeriesKey, Head] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, series: SeriesKey) -> Head | None:
        with self._lock:
            return self._heads.get(series)

    def put(self, series: SeriesKey, head: Head) -> None:
        with self._lock:
            before = self._heads.pop(series, None)
            self._weight += _weight(head) - (_weight(before) if before else 0)
            self._heads[series] = head
            while self._weight > self._most:
                _, oldest = self._heads.popitem(last=False)
                self._weight -= _weight(oldest)

    def forget(self, series: SeriesKey, head: Head) -> bool:
        """Forget *head*; false if it is not the one that is remembered."""
        with self._lock:
            if self._heads.get(series) is not head:
                return False
            self._weight -= _weight(self._heads.pop(series))
            return True


def _weight(head: Head) -> int:
    return 4 + len(head.batch)


class Sealer:
    """A thread that seals heads, many in one insert, and sweeps the entries of ended
    generations."""

    def __init__(
        self,
        seal: Callable[[Sequence[Sealable]], None],
        sweep: Callable[[EndedGeneration], None],
        *,
        largest: int = 1000,
    ) -> None:
        self._seal = seal
        self._sweep = sweep
        self._largest = largest
        self._work: queue.SimpleQueue[Sealable | EndedGeneration | None] = queue.SimpleQueue()
        self._ended: list[tuple[float, int, EndedGeneration]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)
        self._thread.start()

    def seal_soon(self, series: SeriesKey, head: Head) -> None:
        """Have the head sealed; its `sealing` is set when that was done, or failed."""
        head.sealing = threading.Event()
        self._work.put((series, head))

    def sweep_later(self, series: SeriesKey, generation: ObjectId) -> None:
        """Have the entries of an ended generation removed once nobody can be looking for them."""
        self._work.put((series, generation))

    def close(self) -> None:
        """Seal what is waiting, and end the thread. Lives not swept yet stay: nobody sees them."""
        self._closing.set()
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            heads, going_on = self._collect()
            if heads:
                try:
                    self._seal(heads)
                except Exception:
                    log.exception("sealing failed")  # the next step of each seals for itself
                finally:
                    for _, head in heads:
                        if head.sealing is not None:
                            head.sealing.set()
            if going_on and self._ended and self._ended[0][0] <= time.monotonic():
                _, _, ended = heapq.heappop(self._ended)
                try:
                    self._sweep(ended)
                except Exception:
                    log.exception("sweeping failed")

    def _collect(self) -> tuple[list[Sealable], bool]:
        """Wait for work, then take what else comes in a moment; false once there is no more."""
        heads: list[Sealable] = []
        timeout = max(0.0, self._ended[0][0] - time.monotonic()) if self._ended else None
        try:
            item = self._work.get(timeout=timeout)
            while True:
                if item is None:
                    return heads, False
                series, what = item
                if isinstance(what, Head):
                    if not heads:
                        self._closing.wait(GATHER_SECONDS)
                    heads.append((series, what))
                else:
                    due = time.monotonic() + SWEEP_AFTER_SECONDS
                    heapq.heappush(self._ended, (due, id(what), (series, what)))
                if sum(head.fresh for _, head in heads) >= self._largest:
                    break
                item = self._work.get_nowait()
        except queue.Empty:
            pass
        return heads, True
