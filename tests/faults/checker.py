"""Check whether a sequential counter could have produced the responses of a history.

The invariants I0 to I6 are sufficient: values are in range, no value belongs to two tokens, with
`reuse=any` a token has one value, order follows real time, a value is missing only if a caller
never received its own, and reads are neither stale nor ahead. If all hold, the values in their
order are a legal sequence. The check is O(n log n) in the operations of a series.

A value that is read must have been assigned, and a missing value must be explained by an operation
with unknown outcome that began in time. So the last value can neither be lower than the
acknowledged values nor higher than the number of tokens.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from faults.history import History, Peek, Put

INT64_MAX = 2**63 - 1
MAX_MISSING_REPORTED = 10


@dataclass(slots=True)
class Seen:
    """A value that a caller knew from *returned* on."""

    called: float
    returned: float
    value: int
    token: str | None


def violations(history: History) -> list[str]:
    """Return every violation in the history as a sentence."""
    found = []
    puts: dict[str, list[Put]] = defaultdict(list)
    peeks: dict[str, list[Peek]] = defaultdict(list)
    for put in history.puts:
        puts[put.key].append(put)
    for peek in history.peeks:
        if peek.returned < inf:
            peeks[peek.key].append(peek)
    for key in sorted(puts.keys() | peeks.keys()):
        check = _Check(puts[key], peeks[key])
        found += [f"series {key!r}: {violation}" for violation in check.violations()]
    return found


class _Check:
    """The check of one series."""

    def __init__(self, puts: list[Put], peeks: list[Peek]) -> None:
        self._puts = puts
        self._answers = [put for put in puts if put.value is not None]
        self._peeks = peeks
        self._requested = {put.token for put in puts}
        self._only_any = self._requested - {put.token for put in puts if put.reuse != "any"}

    def violations(self) -> Iterator[str]:
        # I0
        answers: list[Put | Peek] = [*self._answers, *self._peeks]
        for bad in (each.value for each in answers if not _is_value(each)):
            yield f"{bad!r} was answered, which is not a value from 1 to 2^63 - 1"
        self._answers = [put for put in self._answers if _is_value(put)]
        self._peeks = [peek for peek in self._peeks if _is_value(peek)]
        self._seen = sorted(self._observations(), key=lambda seen: seen.returned)
        yield from self._owners()
        yield from self._order()
        yield from self._stale()
        yield from self._missing()

    def _observations(self) -> Iterator[Seen]:
        for put in self._answers:
            yield Seen(put.called, put.returned, put.value or 0, put.token)
        for peek in self._peeks:
            yield Seen(peek.called, peek.returned, peek.value, peek.token)

    def _owners(self) -> Iterator[str]:
        """I1 and I2: a value has one token, and with `reuse=any` a token has one value."""
        self._owner: dict[int, str | None] = {}
        self._values: dict[str, set[int]] = defaultdict(set)
        for seen in self._seen:
            owner = self._owner.setdefault(seen.value, seen.token)
            if owner != seen.token:
                yield f"value {seen.value} was assigned to {owner!r} and to {seen.token!r}"
            if seen.token is not None:
                self._values[seen.token].add(seen.value)
        for token, values in self._values.items():
            if token not in self._requested:
                yield f"{token!r} has the value {min(values)}, but was not requested"
            if token in self._only_any and len(values) > 1:
                yield f"{token!r} was assigned {' and '.join(map(str, sorted(values)))} (reuse=any)"

    def _order(self) -> Iterator[str]:
        """I3 and half of I5: later requests get higher values, and no one knows a value earlier."""
        new: dict[int, Put] = {}
        for put in self._answers:
            if not put.reused:
                first = new.setdefault(put.value or 0, put)
                if first is not put:
                    yield f"value {put.value} was reported as new twice ({put.token!r})"
        in_doubt: dict[str, float] = {}
        for put in self._puts:
            if put.unknown:
                in_doubt[put.token] = min(put.called, in_doubt.get(put.token, inf))
        assigned: list[tuple[float, int, str]] = []
        for value, token in self._owner.items():
            if value in new:
                assigned.append((new[value].called, value, new[value].token))
            elif token in in_doubt:
                assigned.append((in_doubt[token], value, token))
            elif token in self._requested:
                yield f"value {value} of {token!r} was reported as reused, but never as new"
        for (_, value, token), highest in zip(
            sorted(assigned), self._highest_before(sorted(at for at, _, _ in assigned)), strict=True
        ):
            if highest is not None and highest.value == value:
                yield f"value {value} was known before its token {token!r} was requested"
            elif highest is not None and highest.value > value:
                yield (
                    f"{token!r} was assigned {value}, although {highest.value} ({highest.token!r}) "
                    "had been answered before the request"
                )

    def _stale(self) -> Iterator[str]:
        """The other half of I5: a read of the current value is not older than a known value."""
        reads: list[Put | Peek] = list(self._peeks)
        reads += [put for put in self._answers if put.reused and put.reuse == "current"]
        reads.sort(key=lambda read: read.called)
        highest_before = self._highest_before([read.called for read in reads])
        for read, highest in zip(reads, highest_before, strict=True):
            if highest is not None and highest.value > (read.value or 0):
                yield (
                    f"a read answered {read.value or 'that the series does not exist'}, although "
                    f"{highest.value} had been answered before it began"
                )

    def _highest_before(self, times: list[float]) -> Iterator[Seen | None]:
        """Yield the highest value known before each of the ascending *times*."""
        highest = None
        position = 0
        for time in times:
            while position < len(self._seen) and self._seen[position].returned < time:
                seen = self._seen[position]
                if highest is None or seen.value > highest.value:
                    highest = seen
                position += 1
            yield highest

    def _missing(self) -> Iterator[str]:
        """I4: an operation with unknown outcome that began in time explains each missing value."""
        known = sorted({seen.value for seen in self._seen} - {0})
        # When a higher value was known, before which the missing one must have been assigned.
        deadlines: dict[int, float] = dict.fromkeys(known, inf)
        for seen in self._seen:
            if seen.value:
                deadlines[seen.value] = min(seen.returned, deadlines[seen.value])
        for value, above in reversed(list(pairwise(known))):
            deadlines[value] = min(deadlines[value], deadlines[above])
        suspects = deque(sorted(self._suspects()))
        reported = 0
        for below, above in zip([0, *known], known, strict=False):
            for value in range(below + 1, above):
                if suspects and suspects[0] <= deadlines[above]:
                    suspects.popleft()
                    continue
                yield f"value {value} is missing, and no operation with unknown outcome explains it"
                reported += 1
                if reported == MAX_MISSING_REPORTED:
                    return

    def _suspects(self) -> Iterator[float]:
        """Yield the start of each operation that may have taken an unknown value."""
        tokens = set()
        for put in sorted(self._puts, key=lambda put: put.called):
            if put.unknown and put.reuse == "current":
                yield put.called
            elif put.unknown and put.token not in self._values and put.token not in tokens:
                tokens.add(put.token)
                yield put.called


def _is_value(answer: Put | Peek) -> bool:
    no_series = isinstance(answer, Peek) and answer.value == 0 and answer.token is None
    return no_series or (type(answer.value) is int and 1 <= answer.value <= INT64_MAX)
