"""The checker detects each kind of broken history, and reports no correct one."""

from __future__ import annotations

import random
from math import inf

import pytest

from faults.checker import violations
from faults.examples import BROKEN, RIGHT, doubt, peek, put, refused
from faults.history import History, Peek, Put


def check(*operations: Put | Peek) -> list[str]:
    history = History()
    history.puts = [each for each in operations if isinstance(each, Put)]
    history.peeks = [each for each in operations if isinstance(each, Peek)]
    return violations(history)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_history_is_detected(kind: str) -> None:
    operations, complaint = BROKEN[kind]
    found = check(*operations)
    assert any(violation.startswith(f"series 'series': {complaint}") for violation in found), found


@pytest.mark.parametrize("kind", RIGHT)
def test_a_correct_history_is_not_reported(kind: str) -> None:
    assert check(*RIGHT[kind]) == []


@pytest.mark.parametrize("seed", range(50))
def test_the_history_of_a_real_counter_is_not_reported(seed: int) -> None:
    assert check(*_simulated(random.Random(seed))) == []


@pytest.mark.parametrize("seed", range(50))
def test_two_swapped_answers_are_detected(seed: int) -> None:
    operations = [each for each in _simulated(random.Random(seed)) if isinstance(each, Put)]
    answered = sorted((each for each in operations if each.value), key=lambda each: each.called)
    first, last = answered[0], answered[-1]
    first.value, last.value = last.value, first.value
    assert check(*operations)


def test_each_series_is_checked_separately() -> None:
    history = History()
    history.puts = [
        Put("one", "a", "any", 1, 2, 1),
        Put("two", "b", "any", 3, 4, 1),
        Put("three", "c", "any", 5, 6, 2),
    ]
    (violation,) = violations(history)
    assert (
        violation
        == "series 'three': value 1 is missing, and no operation with unknown outcome explains it"
    )


def test_an_attempt_is_in_doubt_until_it_is_answered_or_refused() -> None:
    history = History()
    first, second, third = (history.put("series", "a", "any") for _ in range(3))
    assert history.unknown() == 3
    assert history.unresolved() == {("series", "a")}
    history.refused(second)
    history.answered(third, 1, reused=True)
    assert (first.returned, history.unknown()) == (inf, 1)
    assert history.unresolved() == set()
    assert history.acknowledged() == {("series", "a"): 1}
    assert history.retried() == 1
    assert history.series() == ["series"]
    assert violations(history) == []


def _simulated(chance: random.Random) -> list[Put | Peek]:
    """Return a possible history of one counter: requests overlap, and some answers are lost."""
    value, current, given = 0, None, dict[str, int]()
    operations: list[Put | Peek] = []
    moments = []
    for number in range(300):
        called = chance.uniform(0, 100)
        served = called + chance.expovariate(1)
        returned = served + chance.expovariate(1)
        moments.append((served, called, returned, f"token-{number % 100}"))
    for _, called, returned, token in sorted(moments):
        fate = chance.random()
        if fate < 0.1:
            operations.append(peek(current, called, returned, value))
            continue
        if fate < 0.15:
            operations.append(refused(token, called, returned))
            continue
        if fate < 0.2:
            operations.append(doubt(token, called))  # which never arrived
            continue
        reused = token in given
        if not reused:
            value, current = value + 1, token
            given[token] = value
        if fate < 0.4:
            operations.append(doubt(token, called))
        else:
            operations.append(put(token, called, returned, given[token], reused=reused))
    return operations
