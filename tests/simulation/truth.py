"""The rows of the engine: every change of every series, in the order of their commits.

They are compared with the guarantees of a store: a batch assigns the values above the last one, and
with `reuse=any` to tokens without a value in this generation. A new generation keeps the high-water
mark unless a restart was requested. The batch of a head is in the ledger before the head is
replaced. The rows are also compared with the responses to callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from faults.history import History
from monotron.model.series import INT64_MAX
from simulation.disk import Disk
from simulation.replica import Document, DocumentVersions, Replica
from simulation.world import World


@dataclass(slots=True)
class Life:
    """The values that a series assigned until it was deleted."""

    height: int
    """The high-water mark at its start."""
    value: int
    given: dict[int, str | None] = field(default_factory=dict)
    at: dict[int, float] = field(default_factory=dict)
    """When each value was applied, before or after its commit."""
    alive: bool = False

    def values(self) -> dict[str, int]:
        """The latest value of each token."""
        return {token: value for value, token in self.given.items() if token is not None}


class Truth:
    """The generations of all series."""

    def __init__(self, restarted: set[str]) -> None:
        """*restarted*: the series that a delete with restart was requested for."""
        self._restarted = restarted
        self._ids: dict[str, object] = {}
        self.lives: dict[str, list[Life]] = {}
        self.wrong: list[str] = []

    def step(
        self,
        key: str,
        life: object,
        value: int,
        fresh: list[tuple[int, str | None]],
        at: float,
        *,
        alive: bool,
    ) -> None:
        """Record a commit that assigned *fresh*, after which the series was at *value*."""
        lives = self.lives.setdefault(key, [])
        if self._ids.get(key) != life:
            height = value - len(fresh) if not lives and None not in dict(fresh).values() else 0
            if lives:
                height = value
                if alive:
                    self.wrong.append(f"{key} returned to another generation at {value}")
                if value != lives[-1].value and (value or key not in self._restarted):
                    self.wrong.append(f"{key} was deleted at {lives[-1].value} and kept {value}")
            if height and not lives:
                self.wrong.append(f"{key} starts with {height + 1}")
            self._ids[key] = life
            lives.append(Life(height, height))
        self._give(key, lives[-1], value, fresh, at)
        lives[-1].alive = alive

    def _give(
        self, key: str, life: Life, value: int, fresh: list[tuple[int, str | None]], at: float
    ) -> None:
        known = set(life.given.values()) - {None}
        for number, token in fresh:
            if number != life.value + 1 and token is not None:
                self.wrong.append(f"{key} assigned {number} after {life.value}")
            if number in life.given or number < life.value:
                self.wrong.append(f"{key} assigned {number} again, to {token!r}")
            if token in known and not key.isupper():
                self.wrong.append(f"{key} assigned another value to {token!r}: {number}")
            known.add(token)
            life.given[number], life.at[number] = token, at
            life.value = number
        if value != life.value or type(value) is not int or not 0 <= value <= INT64_MAX:
            self.wrong.append(f"{key} is at {value!r}, and assigned {life.value} last")

    def check_answers(self, history: History, base: dict[str, int]) -> Iterator[str]:
        """Yield responses to callers that contradict the rows."""
        new: set[tuple[str, int, float]] = set()
        for put in history.puts:
            if put.value is None:
                continue
            value = put.value + base.get(put.key, 0)
            found = [
                life.at[value]
                for life in self.lives.get(put.key, ())
                if life.given.get(value, ...) == put.token
            ]
            if not found:
                yield f"{put.key} answered {put.token!r} with {value}, which it never had"
            elif not put.reused:
                now = [at for at in found if put.called <= at <= put.returned]
                if not now:
                    yield f"{put.key} reported the older {value} of {put.token!r} as new"
                elif (put.key, value, now[0]) in new and len(found) == 1:
                    yield f"{put.key} reported {value} of {put.token!r} as new twice"
                else:
                    new.add((put.key, value, now[0]))
        attempts = Counter((put.key, put.token) for put in history.puts if not put.refused)
        for key in history.series():
            given = Counter(
                token for life in self.lives.get(key, ()) for token in life.given.values()
            )
            for token, times in given.items():
                if token is not None and times > attempts[key, token]:
                    asked = attempts[key, token]
                    yield f"{key} assigned {times} values to {token!r} for {asked} requests"
        for peek in history.peeks:
            value = peek.value + base.get(peek.key, 0)
            lives = self.lives.get(peek.key, ())
            if peek.token is not None and not any(
                life.given.get(value) == peek.token for life in lives
            ):
                yield f"{peek.key} showed {peek.token!r} at {value}, which it never had"


def of_disk(disk: Disk, restarted: set[str]) -> Truth:
    truth = Truth(restarted)
    for row in disk.log:
        truth.step(row.key, row.life, row.value, row.fresh, row.at, alive=row.alive)
    return truth


def of_replica(world: World, replica: Replica, restarted: set[str]) -> Truth:
    """Return the truth of the writes to heads that can no longer be rolled back."""
    truth = Truth(restarted)
    for (account, key), versions in sorted(replica.heads.items()):
        before: Document | None = None
        for index, head in versions:
            assert head is not None
            if before is not None and head["stamp"] == before["stamp"]:
                continue  # a mark was left on it
            if before is not None:
                truth.wrong += _unsealed(replica, (account, key), before, head, index)
            _step(truth, key, before, head, replica.applied_at[index])
            before = head
        if before is not None:
            truth.wrong += _ledger_against_head(replica, (account, key), before, truth)
    return truth


def _step(truth: Truth, key: str, before: Document | None, head: Document, at: float) -> None:
    value, batch = _integer(head["value"]), head["batch"]
    same = before is not None and before["generation"] == head["generation"]
    if batch == [None]:
        fresh: list[tuple[int, str | None]] = [(value, None)]
    else:
        first = value - len(batch) + 1
        above = int(before["value"]) if same and before is not None else first - 1
        fresh = [(number, token) for number, token in enumerate(batch, first) if number > above]
        given = truth.lives[key][-1].given if same else {}
        for number, token in enumerate(batch, first):
            if number <= above and given.get(number, ...) != token:
                truth.wrong.append(f"{key} carries {token!r} at {number} in its batch")
    truth.step(key, head["generation"], value, fresh, at, alive=bool(batch))


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, int) else value


def _unsealed(
    replica: Replica, name: tuple[int, str], before: Document, head: Document, index: int
) -> Iterator[str]:
    """Yield tokens of the replaced batch that are neither in the ledger nor in the new batch."""
    carried = range(head["value"] - len(head["batch"]) + 1, head["value"] + 1)
    same = before["generation"] == head["generation"]
    rows = replica.rows.get((*name, before["generation"]), {})
    first = before["value"] - len(before["batch"]) + 1
    for value, token in enumerate(before["batch"], first):
        if same and value in carried and head["batch"] != [None]:
            continue
        if not _was_in_ledger(rows.get(int(value), []), index, token):
            yield f"{name[1]} replaced {token!r} at {value} before it was in the ledger"


def _was_in_ledger(versions: DocumentVersions, index: int, token: str | None) -> bool:
    return any(at < index and row is not None and row["token"] == token for at, row in versions)


def _ledger_against_head(
    replica: Replica, name: tuple[int, str], head: Document, truth: Truth
) -> Iterator[str]:
    """Yield rows of the last generation that contradict its heads."""
    given = truth.lives[name[1]][-1].given
    for value, versions in replica.rows.get((*name, head["generation"]), {}).items():
        for _, row in versions:
            if row is not None and given.get(value, ...) != row["token"]:
                yield f"the ledger of {name[1]} has {row['token']!r} at {value}"
